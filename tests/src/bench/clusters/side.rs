//! Those who are compared: their processes, and what they are asked for.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::time::Duration;

use anyhow::Context;
use kube::Api;
use kube::api::{ApiResource, DynamicObject, GroupVersionKind, PostParams};
use serde_json::{Value, json};

use super::super::subject::{Cost, Subject};
use super::asked::Asked;
use super::figures::vcluster_version;
use super::{HOST_NAMESPACE, NAME, NAMESPACE, SECRET, theirs};
use crate::{CROSSPLANE_NAMESPACE, Testbed, paths, product};

/// Longer than the longest measurement.
const LIFETIME: Duration = Duration::from_secs(4 * 3600);

/// One way to make a virtual cluster.
pub(super) struct Side {
    /// For a person.
    pub(super) name: &'static str,
    /// For the API server.
    pub(super) key: &'static str,
    pub(super) providers: Vec<Provider>,
    /// What somebody creates who wants a virtual cluster.
    pub(super) claim: Vec<Wanted>,
}

/// A process.
pub(super) struct Provider {
    pub(super) name: &'static str,
    pub(super) program: PathBuf,
    pub(super) flags: Vec<String>,
    pub(super) env: BTreeMap<String, String>,
    pub(super) account: Account,
    /// Group and version of a provider config that is given the process's own kubeconfig.
    pub(super) config: Option<&'static str>,
}

/// A `ServiceAccount`.
#[derive(Clone, Copy)]
pub(super) struct Account {
    pub(super) namespace: &'static str,
    pub(super) name: &'static str,
}

/// A managed resource.
pub(super) struct Wanted {
    pub(super) kind: ApiResource,
    pub(super) spec: Value,
}

impl Side {
    /// The provider of this repository, as it is installed.
    pub(super) fn ours() -> Self {
        let name = "provider-tenancy";
        let flags = [
            "--leader-election=false",
            "--metrics-bind-address=127.0.0.1:18098",
            "--health-probe-bind-address=127.0.0.1:18099",
        ];
        let directory = product::root().join("target/x86_64-unknown-linux-gnu/release");
        Self {
            name,
            key: "ours",
            providers: vec![Provider {
                name,
                program: directory.join(name),
                flags: flags.map(str::to_owned).into(),
                env: BTreeMap::new(),
                account: Account {
                    namespace: CROSSPLANE_NAMESPACE,
                    name,
                },
                config: None,
            }],
            claim: vec![vcluster()],
        }
    }

    /// Makes the namespace and what the processes need in it, and begins to count what they ask.
    pub(super) async fn prepare(&self, testbed: &Testbed) -> anyhow::Result<()> {
        let namespace = json!({
            "apiVersion": "v1", "kind": "Namespace", "metadata": {"name": NAMESPACE},
        });
        testbed.apply(&namespace.to_string()).await?;
        let accounts: Vec<_> = self.providers.iter().map(|one| one.account).collect();
        for account in accounts.iter().filter(|one| one.namespace == NAMESPACE) {
            testbed.apply(&theirs::rights(*account).to_string()).await?;
        }
        Asked::count(testbed, self.key, &accounts).await
    }

    /// Starts every process.
    pub(super) async fn start(&self, testbed: &Testbed) -> anyhow::Result<Processes> {
        let mut processes = Vec::new();
        for provider in &self.providers {
            processes.push(provider.start(testbed).await?);
        }
        Ok(Processes(processes))
    }

    /// Asks for the virtual cluster.
    pub(super) async fn create(&self, testbed: &Testbed) -> anyhow::Result<()> {
        for Wanted { kind, spec } in &self.claim {
            let api: Api<DynamicObject> = Api::namespaced_with(testbed.client(), NAMESPACE, kind);
            let object = serde_json::from_value(json!({
                "apiVersion": kind.api_version, "kind": kind.kind,
                "metadata": {"name": NAME, "namespace": NAMESPACE},
                "spec": spec,
            }))?;
            let created = api.create(&PostParams::default(), &object).await;
            created.with_context(|| format!("cannot create the {}", kind.kind))?;
        }
        Ok(())
    }
}

impl Provider {
    async fn start(&self, testbed: &Testbed) -> anyhow::Result<(Subject, Login)> {
        let Account { namespace, name } = self.account;
        let login = testbed.service_account_kubeconfig(namespace, name, LIFETIME);
        let login = Login(login.await?);
        self.configure(testbed, &login.0).await?;
        let (program, flags, env) = (&self.program, &self.flags, self.env.clone());
        let subject = Subject::start_with(testbed, &login.0, self.name, program, flags, env)?;
        Ok((subject, login))
    }

    /// Outside of a pod there is no identity to inject.
    async fn configure(&self, testbed: &Testbed, kubeconfig: &Path) -> anyhow::Result<()> {
        let Some(api_version) = self.config else {
            return Ok(());
        };
        let (name, key) = (self.name, "kubeconfig");
        let secret = json!({
            "apiVersion": "v1", "kind": "Secret",
            "metadata": {"name": name, "namespace": NAMESPACE},
            "stringData": {key: paths::read(kubeconfig)?},
        });
        let config = json!({
            "apiVersion": api_version, "kind": "ProviderConfig",
            "metadata": {"name": "default", "namespace": NAMESPACE},
            "spec": {"credentials": {
                "source": "Secret",
                "secretRef": {"name": name, "namespace": NAMESPACE, "key": key},
            }},
        });
        testbed.apply(&secret.to_string()).await?;
        testbed.apply(&config.to_string()).await
    }
}

/// A kubeconfig that is gone when this is dropped.
struct Login(PathBuf);

impl Drop for Login {
    fn drop(&mut self) {
        let _not_there = std::fs::remove_file(&self.0);
    }
}

/// The processes of a side.
pub(super) struct Processes(Vec<(Subject, Login)>);

impl Processes {
    /// What they have used together since they were started.
    pub(super) fn cost(&self) -> anyhow::Result<Cost> {
        let mut sum = Cost::default();
        for (subject, _) in &self.0 {
            let cost = subject.cost()?;
            sum.cpu_seconds += cost.cpu_seconds;
            sum.resident_mib += cost.resident_mib;
            sum.peak_mib += cost.peak_mib;
        }
        Ok(sum)
    }

    /// Asks each to end, and waits.
    pub(super) async fn stop(self) -> anyhow::Result<()> {
        for (subject, _login) in self.0 {
            subject.stop().await?;
        }
        Ok(())
    }
}

fn vcluster() -> Wanted {
    Wanted {
        kind: kind("kubernetes.pnats.cloud", "v1alpha1", "VCluster"),
        spec: json!({
            "providerConfigRef": {"kind": "ClusterProviderConfig", "name": "default"},
            "writeConnectionSecretToRef": {"name": SECRET},
            "forProvider": {
                "namespace": HOST_NAMESPACE,
                "createNamespace": true,
                "version": vcluster_version(),
                "persistence": {"enabled": false},
            },
        }),
    }
}

/// A kind whose plural ends in s.
pub(super) fn kind(group: &str, version: &str, kind: &str) -> ApiResource {
    let plural = format!("{}s", kind.to_lowercase());
    ApiResource::from_gvk_with_plural(&GroupVersionKind::gvk(group, version, kind), &plural)
}
