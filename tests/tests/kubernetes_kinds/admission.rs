//! What the API server refuses before anything reaches the provider, and that it keeps manifests whole.
//!
//! The CRDs are installed under a group of the test's own, so that no running provider sees them.

use k8s_openapi::apiextensions_apiserver::pkg::apis::apiextensions::v1::CustomResourceDefinition;
use managed::crd;
use provider_tenancy::kubernetes::{ArgoCdCluster, ClusterConnection, RemoteObject, Settings};
use serde_json::{Value, json};

use crate::fixture::{Fixture, word};

/// The CRDs in a group of their own.
struct Admission {
    fixture: Fixture,
    group: String,
    names: Vec<String>,
}

impl Admission {
    async fn new(crds: Vec<CustomResourceDefinition>) -> Self {
        let (fixture, group) = (Fixture::new().await, format!("{}.example.org", word()));
        let mut names = Vec::new();
        for mut crd in crds {
            crd.spec.group.clone_from(&group);
            let name = format!("{}.{group}", crd.spec.names.plural);
            crd.metadata.name = Some(name.clone());
            fixture
                .testbed
                .apply(&serde_json::to_string(&crd).unwrap())
                .await
                .unwrap();
            let crd = format!("crd/{name}");
            let wait = [
                "wait",
                "--for=condition=Established",
                "--timeout=30s",
                crd.as_str(),
            ];
            fixture.testbed.kubectl(&wait).await.unwrap();
            names.push(name);
        }
        Self {
            fixture,
            group,
            names,
        }
    }

    async fn apply(&self, kind: &str, name: &str, spec: Value) -> Result<(), String> {
        let manifest = json!({
            "apiVersion": format!("{}/v1alpha1", self.group),
            "kind": kind,
            "metadata": {"name": name, "namespace": self.fixture.name()},
            "spec": spec,
        });
        let applied = self.fixture.testbed.apply(&manifest.to_string()).await;
        applied.map_err(|error| format!("{error:#}"))
    }

    async fn refuses(&self, kind: &str, spec: Value, why: &str) {
        let refused = self
            .apply(kind, &word(), spec.clone())
            .await
            .expect_err(&spec.to_string());
        assert!(refused.contains(why), "{refused}");
    }

    async fn finish(self) {
        for name in &self.names {
            self.fixture
                .testbed
                .kubectl(&["delete", "crd", name])
                .await
                .unwrap();
        }
    }
}

#[expect(clippy::needless_pass_by_value, reason = "as json! takes it")]
fn remote(manifest: Value) -> Value {
    json!({"forProvider": {"kubeconfigSecretRef": {"name": "a", "key": "b"}, "manifest": manifest}})
}

#[expect(clippy::needless_pass_by_value, reason = "as json! takes it")]
fn argo(more: Value) -> Value {
    let mut parameters = json!({"kubeconfigSecretRef": {"name": "a", "key": "b"}, "name": "dev"});
    for (field, value) in more.as_object().unwrap() {
        parameters[field] = value.clone();
    }
    json!({"forProvider": parameters})
}

#[tokio::test]
async fn a_manifest_is_kept_whole_and_its_object_cannot_change() {
    let admission = Admission::new(vec![crd::managed::<RemoteObject>()]).await;
    let manifest = |kind: &str, name: &str| {
        json!({
            "apiVersion": "apps/v1", "kind": kind,
            "metadata": {"name": name, "labels": {"a.b/c": "d"}, "annotations": {"x": "y"}},
            "spec": {"deep": [{"name": "a", "n": 1.5, "b": true}]},
        })
    };
    let spec = remote(manifest("Deployment", "web"));
    admission
        .apply("RemoteObject", "web", spec.clone())
        .await
        .unwrap();
    let path = format!("remoteobjects.{}/web", admission.group);
    let kept = admission
        .fixture
        .kubectl(&["get", &path, "--output=json"])
        .await;
    let kept: Value = serde_json::from_str(&kept).unwrap();
    assert_eq!(
        kept["spec"]["forProvider"]["manifest"],
        spec["forProvider"]["manifest"]
    );
    for (kind, name) in [("Deployment", "other"), ("StatefulSet", "web")] {
        let refused = admission
            .apply("RemoteObject", "web", remote(manifest(kind, name)))
            .await;
        assert!(refused.unwrap_err().contains("make another RemoteObject"));
    }
    let mut newer = manifest("Deployment", "web");
    newer["apiVersion"] = "apps/v2".into();
    admission
        .apply("RemoteObject", "web", remote(newer.clone()))
        .await
        .unwrap();
    newer["apiVersion"] = "example.org/v2".into();
    let refused = admission.apply("RemoteObject", "web", remote(newer)).await;
    assert!(refused.unwrap_err().contains("API group cannot be changed"));
    admission
        .refuses("RemoteObject", remote(json!({"kind": "X"})), "apiVersion")
        .await;
    let mut rule = remote(manifest("Deployment", "web"));
    rule["forProvider"]["readiness"] = json!({"policy": "Conditions"});
    admission
        .refuses(
            "RemoteObject",
            rule,
            "give conditions with policy Conditions",
        )
        .await;
    admission.finish().await;
}

#[tokio::test]
async fn a_cluster_of_argo_cd_keeps_its_name_and_its_label() {
    let admission = Admission::new(vec![crd::managed::<ArgoCdCluster>()]).await;
    admission
        .apply("ArgoCDCluster", "dev", argo(json!({})))
        .await
        .unwrap();
    for changed in [json!({"name": "other"}), json!({"namespace": "other"})] {
        let refused = admission.apply("ArgoCDCluster", "dev", argo(changed)).await;
        assert!(
            refused
                .unwrap_err()
                .contains("name and namespace cannot be changed")
        );
    }
    for (more, why) in [
        (
            json!({"labels": {"argocd.argoproj.io/secret-type": "x"}}),
            "is set already",
        ),
        (
            json!({"clusterResources": true}),
            "clusterResources needs namespaces",
        ),
        (json!({"name": "Not a name"}), "name"),
        (
            json!({"endpoint": {"server": "http://plain"}}),
            "endpoint.server",
        ),
        (
            json!({"credential": {"type": "Kubeconfig", "clusterRole": "edit"}}),
            "go with type ServiceAccountToken",
        ),
        (
            json!({"credential": {"expirationSeconds": 60}}),
            "expirationSeconds",
        ),
    ] {
        admission.refuses("ArgoCDCluster", argo(more), why).await;
    }
    admission.finish().await;
}

#[tokio::test]
async fn a_config_names_its_secret_exactly_when_it_uses_one() {
    let crds = crd::configs::<Settings>().into_iter();
    let crds = crds.chain([crd::managed::<ClusterConnection>()]).collect();
    let admission = Admission::new(crds).await;
    let reference = json!({"name": "a", "key": "b"});
    let with_secret = json!({"credentials": {"source": "Secret", "secretRef": reference}});
    admission
        .apply("ProviderConfig", "a", with_secret)
        .await
        .unwrap();
    admission
        .apply("ProviderConfig", "b", json!({}))
        .await
        .unwrap();
    for credentials in [json!({"source": "Secret"}), json!({"secretRef": reference})] {
        let spec = json!({"credentials": credentials});
        admission
            .refuses("ProviderConfig", spec, "set both or neither")
            .await;
    }
    let patterns = json!({"allowedHostNamespaces": ["Not/a/pattern"]});
    admission
        .refuses("ProviderConfig", patterns, "allowedHostNamespaces")
        .await;
    admission.finish().await;
}
