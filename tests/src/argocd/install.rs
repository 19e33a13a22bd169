//! What Argo CD finds in the cluster, and what it takes that our provider registers clusters there.

use std::path::Path;
use std::time::Duration;

use anyhow::Context;
use k8s_openapi::apiextensions_apiserver::pkg::apis::apiextensions::v1::CustomResourceDefinition;
use kube::Api;
use serde_json::{Value, json};

use crate::{Testbed, product, wait};

/// The project of a team, which alone may use the clusters that are registered for it.
pub(super) const PROJECT: &str = "shop";

const PATIENCE: Duration = Duration::from_secs(60);
const CRDS: [&str; 3] = [
    "applications.argoproj.io",
    "applicationsets.argoproj.io",
    "appprojects.argoproj.io",
];

/// Applies the CRDs, which stay for others, and what Argo CD wants to find in its namespace.
pub(super) async fn argo_cd(
    testbed: &Testbed,
    crds: &Path,
    settings: &Value,
    namespace: &str,
) -> anyhow::Result<()> {
    definitions(testbed, crds).await?;
    let mut config = setting("ConfigMap", "argocd-cm");
    config["data"] = settings.clone();
    for mut object in [config, setting("Secret", "argocd-secret"), project()] {
        object["metadata"]["namespace"] = namespace.into();
        testbed.apply(&object.to_string()).await?;
    }
    Ok(())
}

async fn definitions(testbed: &Testbed, crds: &Path) -> anyhow::Result<()> {
    let crds = crds.display().to_string();
    let apply = ["apply", "--server-side", "--force-conflicts", "-k", &crds];
    testbed.kubectl(&apply).await?;
    let api: Api<CustomResourceDefinition> = Api::all(testbed.client());
    for name in CRDS {
        wait::wait_condition(&api, name, "Established", "True", PATIENCE).await?;
    }
    Ok(())
}

fn setting(kind: &str, name: &str) -> Value {
    json!({
        "apiVersion": "v1",
        "kind": kind,
        "metadata": {"name": name, "labels": {"app.kubernetes.io/part-of": "argocd"}},
    })
}

fn project() -> Value {
    json!({
        "apiVersion": "argoproj.io/v1alpha1",
        "kind": "AppProject",
        "metadata": {"name": PROJECT},
        "spec": {
            "sourceRepos": ["*"],
            "destinations": [{"server": "*", "namespace": "*"}],
            "clusterResourceWhitelist": [{"group": "*", "kind": "*"}],
            "permitOnlyProjectScopedClusters": true,
        },
    })
}

/// Lets our provider register clusters in the namespace: the role of `examples/install/`, and a provider config
/// of the namespace's name that is the default one but for where it may write.
pub(super) async fn provider(testbed: &Testbed, namespace: &str) -> anyhow::Result<()> {
    let rights = product::root().join("examples/install/kubernetes-rbac.yaml");
    let rights = std::fs::read_to_string(rights).context("the example of the rights is gone")?;
    let rights = rights.replace("namespace: argocd\n", &format!("namespace: {namespace}\n"));
    testbed.apply(&rights).await?;
    let get = ["get", CONFIGS, "default", "-o", "jsonpath={.spec}"];
    let mut spec: Value = serde_json::from_str(&testbed.kubectl(&get).await?)?;
    spec["allowedHostNamespaces"] = json!([namespace, "vc-*"]);
    let config = json!({
        "apiVersion": "kubernetes.pnats.cloud/v1alpha1",
        "kind": "ClusterProviderConfig",
        "metadata": {"name": namespace},
        "spec": spec,
    });
    testbed.apply(&config.to_string()).await
}

/// The kind of the provider config.
pub(super) const CONFIGS: &str = "clusterproviderconfigs.kubernetes.pnats.cloud";
