//! A namespace with a provider config, the CRDs of the kind, and providers that can be started and
//! stopped.

use std::sync::Arc;
use std::time::Duration;

use k8s_openapi::apiextensions_apiserver::pkg::apis::apiextensions::v1::CustomResourceDefinition;
use kube::api::{ApiResource, DeleteParams, DynamicObject, Patch, PatchParams};
use kube::{Api, ResourceExt};
use managed::Kind;
use managed::crd;
use managed::http::Health;
use managed::metrics::Metrics;
use managed::options::Options;
use managed::provider::Provider;
use managed::testing::{Fake, FakeConnector, FakeSettings, Trail, World};
use serde_json::{Value, json};
use testbed::resource::Resource;
use testbed::{Namespace, Testbed, Turn, wait_condition, wait_gone};
use tokio::sync::{Mutex, MutexGuard, watch};
use tokio::task::JoinHandle;

/// Whose turn it is in this program.
static ONE_AT_A_TIME: Mutex<()> = Mutex::const_new(());

/// Namespace and name of what there is, line by line.
const LEFT: &str = r#"jsonpath={range .items[*]}{.metadata.namespace} {.metadata.name}{"\n"}{end}"#;

const PATIENCE: Duration = Duration::from_secs(60);

/// A provider that runs.
pub(crate) struct Running {
    stop: watch::Sender<bool>,
    task: JoinHandle<()>,
}

impl Running {
    /// Asks it to stop and waits until it has.
    pub(crate) async fn stop(self) -> anyhow::Result<()> {
        self.stop.send_replace(true);
        Ok(self.task.await?)
    }

    /// Ends it without a word, in the middle of whatever it does.
    pub(crate) async fn kill(self) {
        self.task.abort();
        let _ended = self.task.await;
    }
}

/// Everything a test needs.
pub(crate) struct Lab {
    pub(crate) testbed: Testbed,
    pub(crate) world: World,
    pub(crate) trail: Trail,
    namespace: Namespace,
    _turn: Turn,
    _alone: MutexGuard<'static, ()>,
}

impl Lab {
    /// With the CRDs and a provider config, and no provider.
    pub(crate) async fn new() -> anyhow::Result<Self> {
        let lab = Self::bare().await?;
        lab.install().await?;
        lab.configure().await?;
        Ok(lab)
    }

    /// Without CRDs.
    pub(crate) async fn bare() -> anyhow::Result<Self> {
        let alone = ONE_AT_A_TIME.lock().await;
        let testbed = Testbed::shared().await?;
        let turn = Turn::beside_others(&testbed).await?;
        let trail = Trail::default();
        let lab = Self {
            namespace: testbed.namespace("runtime").await?,
            world: World::new(trail.clone()),
            trail,
            testbed,
            _turn: turn,
            _alone: alone,
        };
        lab.clear().await?;
        Ok(lab)
    }

    /// Applies the CRDs and waits until they are served.
    pub(crate) async fn install(&self) -> anyhow::Result<()> {
        for crd in crds() {
            self.testbed.apply(&serde_json::to_string(&crd)?).await?;
            let api: Api<CustomResourceDefinition> = Api::all(self.testbed.client());
            wait_condition(&api, &crd.name_any(), "Established", "True", PATIENCE).await?;
        }
        Ok(())
    }

    /// Makes the provider config `default` of the namespace and its Secret.
    pub(crate) async fn configure(&self) -> anyhow::Result<()> {
        let namespace = self.name();
        let secret = json!({
            "apiVersion": "v1",
            "kind": "Secret",
            "metadata": {"name": "admin", "namespace": namespace},
            "stringData": {"password": "root"},
        });
        let config = json!({
            "apiVersion": Fake::api_version(),
            "kind": "ProviderConfig",
            "metadata": {"name": "default", "namespace": namespace},
            "spec": {"passwordSecretRef": {"name": "admin", "key": "password"}},
        });
        for object in [secret, config] {
            self.testbed.apply(&object.to_string()).await?;
        }
        Ok(())
    }

    /// Takes the CRDs away, and waits until they are gone.
    pub(crate) async fn uninstall(&self) -> anyhow::Result<()> {
        let api: Api<CustomResourceDefinition> = Api::all(self.testbed.client());
        for crd in crds() {
            let _not_there = api.delete(&crd.name_any(), &DeleteParams::default()).await;
        }
        for crd in crds() {
            wait_gone(&api, &crd.name_any(), PATIENCE).await?;
        }
        Ok(())
    }

    /// Takes away what a test left that failed: nobody takes its finalizers off any more.
    async fn clear(&self) -> anyhow::Result<()> {
        let kinds = crds().into_iter().map(|crd| crd.name_any());
        let kinds = kinds.collect::<Vec<_>>();
        for kind in &kinds {
            let list = ["get", kind, "-A", "-o", LEFT, "--ignore-not-found"];
            let left = self.testbed.kubectl(&list).await.unwrap_or_default();
            for object in left.lines() {
                let (namespace, name) = object.split_once(' ').unwrap_or_default();
                let release = ["patch", kind, name, "-n", namespace, "--type=merge"];
                let release = [&release[..], &["-p", r#"{"metadata":{"finalizers":null}}"#]];
                // It may have gone meanwhile.
                let _released = self.testbed.kubectl(&release.concat()).await;
            }
        }
        self.uninstall().await
    }

    /// A provider that looks every second.
    pub(crate) fn start(&self) -> Running {
        self.start_with(options())
    }

    pub(crate) fn start_with(&self, options: Options) -> Running {
        let (metrics, health) = (Arc::new(Metrics::default()), Arc::new(Health::default()));
        let (stop, stopped) = watch::channel(false);
        let mut provider = Provider::new(self.testbed.client(), options, metrics, health);
        let group = provider.group(FakeConnector(self.world.clone()));
        provider.kind::<Fake, _>(&group);
        let task = tokio::spawn(provider.run(stopped));
        Running { stop, task }
    }

    /// Name of the namespace.
    pub(crate) fn name(&self) -> &str {
        self.namespace.name()
    }

    /// A resource by name.
    pub(crate) fn resource(&self, name: &str) -> Resource {
        let kind = ApiResource::erase::<managed::resource::ManagedResource<Fake>>(&());
        self.testbed.resource(&kind, self.name(), name)
    }

    /// Makes a resource with a connection Secret of its name.
    pub(crate) async fn make(&self, name: &str) -> anyhow::Result<Resource> {
        let resource = self.resource(name);
        resource.apply(&spec(name)).await?;
        Ok(resource)
    }

    /// Runs `kubectl` in the namespace.
    pub(crate) async fn kubectl(&self, arguments: &[&str]) -> anyhow::Result<String> {
        let namespaced = [arguments, &["-n", self.name()]].concat();
        self.testbed.kubectl(&namespaced).await
    }

    /// Applies an object, or its status, as a field manager that insists on nothing.
    pub(crate) async fn apply_as(
        &self,
        manager: &str,
        object: &Value,
        subresource: &str,
    ) -> anyhow::Result<()> {
        let kind = ApiResource::erase::<managed::resource::ManagedResource<Fake>>(&());
        let api: Api<DynamicObject> =
            Api::namespaced_with(self.testbed.client(), self.name(), &kind);
        let name = object["metadata"]["name"].as_str().unwrap_or_default();
        let (params, patch) = (PatchParams::apply(manager), Patch::Apply(object));
        match subresource {
            "" => api.patch(name, &params, &patch).await?,
            subresource => {
                api.patch_subresource(subresource, name, &params, &patch)
                    .await?
            }
        };
        Ok(())
    }

    /// How often something was created.
    pub(crate) fn creates(&self, name: &str) -> usize {
        let create = format!("external create {name}");
        let steps = self.trail.steps();
        steps.iter().filter(|step| **step == create).count()
    }

    /// Deletes the namespace while the provider runs, and then the CRDs.
    pub(crate) async fn finish(self, provider: Running) -> anyhow::Result<()> {
        self.namespace.start_deletion(self.testbed.client()).await?;
        self.namespace
            .until_gone(self.testbed.client(), PATIENCE)
            .await?;
        provider.stop().await?;
        self.uninstall().await
    }
}

/// A poll of one second.
pub(crate) fn options() -> Options {
    Options {
        poll: Duration::from_secs(1),
        ..Options::default()
    }
}

/// The spec of a resource with a connection Secret of its name.
pub(crate) fn spec(name: &str) -> Value {
    json!({
        "forProvider": {"size": 1},
        "providerConfigRef": {"kind": "ProviderConfig", "name": "default"},
        "writeConnectionSecretToRef": {"name": name},
    })
}

fn crds() -> Vec<CustomResourceDefinition> {
    let mut crds = crd::configs::<FakeSettings>().to_vec();
    crds.push(crd::managed::<Fake>());
    crds
}
