//! What the API server accepts and refuses of kinds that no running provider sees.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use anyhow::{bail, ensure};
use k8s_openapi::apiextensions_apiserver::pkg::apis::apiextensions::v1::CustomResourceDefinition;
use kube::Api;
use kube::api::{DeleteParams, PostParams};
use serde_json::{Value, json};

use crate::namespace::Namespace;
use crate::testbed::Testbed;
use crate::wait;

const PATIENCE: Duration = Duration::from_secs(30);

/// CRDs under an API group of the test's own, and a namespace for their objects.
pub struct Admission {
    testbed: Testbed,
    namespace: Namespace,
    crds: Vec<String>,
    objects: AtomicUsize,
}

impl Admission {
    /// Installs the CRDs and waits until their objects can be made.
    pub async fn new(crds: Vec<CustomResourceDefinition>) -> anyhow::Result<Self> {
        let testbed = Testbed::shared().await?;
        let namespace = testbed.namespace("admission").await?;
        let mut admission = Self {
            testbed,
            namespace,
            crds: Vec::new(),
            objects: AtomicUsize::new(0),
        };
        for crd in crds {
            admission.install(crd).await?;
        }
        Ok(admission)
    }

    async fn install(&mut self, mut crd: CustomResourceDefinition) -> anyhow::Result<()> {
        crd.spec.group = self.group();
        // `kubectl get managed` of another test would ask for it until its discovery cache knows better.
        crd.spec.names.categories = None;
        let name = format!("{}.{}", crd.spec.names.plural, crd.spec.group);
        crd.metadata.name = Some(name.clone());
        let api: Api<CustomResourceDefinition> = Api::all(self.testbed.client());
        api.create(&PostParams::default(), &crd).await?;
        wait::wait_condition(&api, &name, "Established", "True", PATIENCE).await?;
        self.crds.push(name);
        Ok(())
    }

    fn group(&self) -> String {
        format!("{}.example.org", self.namespace.name())
    }

    /// What the API server says to this object, made or changed.
    pub async fn apply(&self, kind: &str, name: &str, spec: &Value) -> Result<(), String> {
        let manifest = json!({
            "apiVersion": format!("{}/v1alpha1", self.group()),
            "kind": kind,
            "metadata": {"name": name, "namespace": self.namespace.name()},
            "spec": spec,
        });
        let applied = self.testbed.apply(&manifest.to_string()).await;
        applied.map_err(|error| format!("{error:#}"))
    }

    /// What the API server says to a new object with this spec.
    pub async fn create(&self, kind: &str, spec: &Value) -> Result<(), String> {
        let count = self.objects.fetch_add(1, Ordering::Relaxed);
        self.apply(kind, &format!("object-{count}"), spec).await
    }

    /// Fails when the API server accepts a new object with this spec, or refuses it without saying `why`.
    pub async fn refuses(&self, kind: &str, spec: &Value, why: &str) -> anyhow::Result<()> {
        match self.create(kind, spec).await {
            Ok(()) => bail!("{kind} is accepted with {spec}, without a word about {why}"),
            Err(refused) => {
                ensure!(
                    refused.contains(why),
                    "{spec}: nothing about {why} in {refused}"
                );
                Ok(())
            }
        }
    }

    /// An object as the API server keeps it.
    pub async fn get(&self, kind: &str, name: &str) -> anyhow::Result<Value> {
        let path = format!("{}.{}/{name}", kind.to_lowercase(), self.group());
        let namespace = format!("--namespace={}", self.namespace.name());
        let kept = ["get", &path, &namespace, "--output=json"];
        Ok(serde_json::from_str(&self.testbed.kubectl(&kept).await?)?)
    }

    /// Removes the CRDs and, with them, their objects.
    pub async fn finish(self) -> anyhow::Result<()> {
        let api: Api<CustomResourceDefinition> = Api::all(self.testbed.client());
        for name in &self.crds {
            api.delete(name, &DeleteParams::default()).await?;
        }
        Ok(())
    }
}
