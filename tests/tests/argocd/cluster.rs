//! A claim for a virtual cluster, and what can be seen of it from outside and inside.

use std::time::Duration;

use anyhow::Context;
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Value, json};
use testbed::story::{Credentials, Stage};
use testbed::{ArgoCd, Inside, wait_for, wait_for_value};

/// Long enough for a control plane to start on a machine that does something else as well.
pub(crate) const PATIENCE: Duration = Duration::from_secs(300);
/// The namespace inside that is deployed to.
pub(crate) const TEAM: &str = "orders";

/// The claim. It has the name of its stage, because registrations in Vault are named after claims.
pub(crate) struct Cluster<'a> {
    pub(crate) stage: &'a Stage,
    argo_cd: &'a ArgoCd,
}

impl<'a> Cluster<'a> {
    pub(crate) const fn new(stage: &'a Stage, argo_cd: &'a ArgoCd) -> Self {
        Self { stage, argo_cd }
    }

    /// Makes the claim, with these settings of `argocd`.
    pub(crate) async fn claim(&self, argocd: &Value) -> anyhow::Result<()> {
        let vault = format!("vcluster-{}", self.stage.name());
        let claim = json!({
            "apiVersion": "cluster.pnats.cloud/v1alpha1",
            "kind": "VirtualCluster",
            "metadata": {"name": self.stage.name(), "namespace": self.stage.name()},
            "spec": {
                "environment": "dev",
                "storage": {"enabled": false},
                "namespaces": [TEAM],
                "vault": {"name": vault, "path": format!("clusters/{}", self.stage.name())},
                "argocd": argocd,
                "providerConfigs": {"kubernetes": self.config()},
            },
        });
        self.stage.testbed.apply(&claim.to_string()).await
    }

    /// Has the cluster registered, or not any more.
    pub(crate) async fn register(&self, is_enabled: bool) -> anyhow::Result<()> {
        let patch = json!({"spec": {"argocd": {"enabled": is_enabled}}}).to_string();
        let patch = ["--type=merge", "--patch", &patch];
        let claim = ["patch", "virtualcluster", self.stage.name()];
        let patch = [&claim[..], &patch].concat();
        self.stage.kubectl(&patch).await.map(drop)
    }

    /// The provider config that allows Argo CD's namespace.
    pub(crate) fn config(&self) -> Value {
        json!({"kind": "ClusterProviderConfig", "name": self.argo_cd.namespace()})
    }

    /// The claim's status once a condition holds.
    pub(crate) async fn until(&self, condition: &str) -> anyhow::Result<Value> {
        let what = format!("the claim to be {condition}");
        let waited = wait_for_value(&what, PATIENCE, async || {
            let status = self.object("virtualcluster", self.stage.name()).await?["status"].take();
            Ok(holds(&status, condition).then_some(status))
        });
        match waited.await {
            Ok(status) => Ok(status),
            Err(error) => Err(error.context(self.describe().await)),
        }
    }

    /// An object of the stage; null when it is not there.
    pub(crate) async fn object(&self, kind: &str, name: &str) -> anyhow::Result<Value> {
        let get = ["get", kind, name, "-o", "json", "--ignore-not-found"];
        let text = self.stage.kubectl(&get).await?;
        Ok(serde_json::from_str(&text).unwrap_or_default())
    }

    /// The cluster as somebody reaches it who knows nothing but what Vault holds.
    pub(crate) async fn inside(&self, status: &Value) -> anyhow::Result<Inside> {
        let path = status["vaultPath"].as_str().context("no vaultPath")?;
        let found = Credentials::read(self.stage, path).await?;
        let found = found.with_context(|| format!("nothing is at {path}"))?;
        let kubeconfig = String::from_utf8(STANDARD.decode(found.get("kubeconfig"))?)?;
        let host_namespace = status["hostNamespace"].as_str().unwrap_or_default();
        self.stage.testbed.inside(host_namespace, &kubeconfig).await
    }

    /// Has the registration looked at at once instead of at the next poll.
    pub(crate) async fn look_again(&self) -> anyhow::Result<()> {
        let now = "crossplane.io/reconcile-requested-at=now";
        let annotate = ["annotate", "argocdclusters", "--all", now];
        self.stage.kubectl(&annotate).await.map(drop)
    }

    /// Whether the control plane's managed resource is still there.
    pub(crate) async fn is_there(&self) -> anyhow::Result<bool> {
        let get = ["get", "vclusters", "-o", "name"];
        Ok(!self.stage.kubectl(&get).await?.is_empty())
    }

    /// Asks for the deletion of the claim.
    pub(crate) async fn delete(&self) -> anyhow::Result<()> {
        let delete = [
            "delete",
            "virtualcluster",
            self.stage.name(),
            "--wait=false",
        ];
        self.stage.kubectl(&delete).await.map(drop)
    }

    /// Waits until nothing that the claim became is left.
    pub(crate) async fn until_gone(&self) -> anyhow::Result<()> {
        let left = ["get", "virtualclusters,managed", "-o", "name"];
        let waited = wait_for("nothing to be left", PATIENCE, async || {
            Ok(self.stage.kubectl(&left).await?.is_empty())
        });
        match waited.await {
            Ok(()) => Ok(()),
            Err(error) => Err(error.context(self.describe().await)),
        }
    }

    /// Everything the claim became.
    pub(crate) async fn describe(&self) -> String {
        let get = ["get", "virtualclusters,managed", "-o", "yaml"];
        self.stage.kubectl(&get).await.unwrap_or_default()
    }
}

/// Whether a condition of a status holds.
pub(crate) fn holds(status: &Value, kind: &str) -> bool {
    let mut conditions = status["conditions"].as_array().into_iter().flatten();
    conditions.any(|one| one["type"] == kind && one["status"] == "True")
}
