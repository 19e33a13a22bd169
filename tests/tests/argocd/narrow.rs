//! An `ArgoCDCluster` with rights in one namespace only. The cluster is the host itself, which Argo CD knows by its
//! address as any other.
//!
//! Argo CD must be told to make do with what it may read: it wants to list every kind of object in the namespace, and
//! `edit` does not let it list `RoleBindings`.

use anyhow::ensure;
use serde_json::json;
use testbed::product::Flavour;
use testbed::story::Stage;
use testbed::{ArgoCd, wait_condition, wait_for};

use crate::cluster::{Cluster, PATIENCE};
use crate::guestbook;

#[tokio::test]
async fn argo_cd_deploys_with_the_role_edit_to_the_one_namespace_it_is_given() -> anyhow::Result<()>
{
    let stage = Stage::beside_others(Flavour::Namespaced, "narrow").await?;
    let argo_cd = ArgoCd::start(&stage.testbed, &json!({"resource.respectRBAC": "normal"})).await?;
    let release = guestbook::commit(&argo_cd, "1").await?;
    register(&stage, &argo_cd).await?;
    for (name, namespace) in [("own", stage.name()), ("foreign", "default")] {
        let application = json!({
            "apiVersion": "argoproj.io/v1alpha1",
            "kind": "Application",
            "metadata": {"name": name, "namespace": argo_cd.namespace()},
            "spec": guestbook::spec(&argo_cd, stage.name(), namespace),
        });
        stage.testbed.apply(&application.to_string()).await?;
    }
    argo_cd.until_deployed("own", &release).await?;
    guestbook::runs("1", stage.name(), async |get| {
        stage.testbed.kubectl(get).await
    })
    .await?;
    wait_for("the other namespace to be refused", PATIENCE, async || {
        let status = &argo_cd.get("application", "foreign").await?["status"];
        ensure!(status["sync"]["status"] != "Synced", "{status:#}");
        Ok(status.to_string().contains("is not managed"))
    })
    .await?;
    argo_cd
        .kubectl(&["delete", "application", "own", "foreign"])
        .await?;
    stage
        .kubectl(&["delete", "argocdcluster", "narrow"])
        .await?;
    argo_cd.finish().await?;
    stage.finish().await
}

/// Registers the host under the name of the stage.
async fn register(stage: &Stage, argo_cd: &ArgoCd) -> anyhow::Result<()> {
    let kubeconfig = stage.testbed.kubeconfig().display().to_string();
    let file = format!("--from-file=kubeconfig={kubeconfig}");
    stage
        .kubectl(&["create", "secret", "generic", "host", &file])
        .await?;
    let cluster = json!({
        "apiVersion": "kubernetes.pnats.cloud/v1alpha1",
        "kind": "ArgoCDCluster",
        "metadata": {"name": "narrow", "namespace": stage.name()},
        "spec": {
            "forProvider": {
                "kubeconfigSecretRef": {"name": "host", "key": "kubeconfig"},
                "name": stage.name(),
                "namespace": argo_cd.namespace(),
                "project": ArgoCd::PROJECT,
                "namespaces": [stage.name()],
                "credential": {
                    "clusterRole": "edit",
                    "expirationSeconds": 600,
                    "serviceAccount": {"namespace": stage.name(), "name": "argocd-manager"},
                },
            },
            "providerConfigRef": Cluster::new(stage, argo_cd).config(),
        },
    });
    stage.testbed.apply(&cluster.to_string()).await?;
    let registrations = stage.api("kubernetes.pnats.cloud", "ArgoCDCluster");
    wait_condition(&registrations, "narrow", "Ready", "True", PATIENCE)
        .await
        .map(drop)
}
