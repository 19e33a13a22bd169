//! What is deployed: an application of one Deployment, in the repository of Argo CD.

use std::time::Duration;

use anyhow::ensure;
use serde_json::{Value, json};
use testbed::{ArgoCd, BUSYBOX, wait_for};

const PATIENCE: Duration = Duration::from_secs(60);
/// The file in the repository.
const FILE: &str = "guestbook.yaml";

/// A release of the application. Its pod says what it needs: Argo CD 3.2.11 crashes at one whose status has requests, from
/// the virtual cluster's default limits, and whose spec has none (`maxResourceList` of kubectl 0.34.0).
fn release(version: &str) -> Value {
    let needs = json!({"cpu": "20m", "memory": "16Mi", "ephemeral-storage": "16Mi"});
    json!({
        "apiVersion": "apps/v1",
        "kind": "Deployment",
        "metadata": {"name": "guestbook", "labels": {"version": version}},
        "spec": {
            "replicas": 1,
            "selector": {"matchLabels": {"app": "guestbook"}},
            "template": {
                "metadata": {"labels": {"app": "guestbook"}},
                "spec": {
                    "terminationGracePeriodSeconds": 0,
                    "containers": [{
                        "name": "guestbook",
                        "image": BUSYBOX,
                        "command": ["sleep", "86400"],
                        "resources": {"requests": needs, "limits": needs},
                        "env": [{"name": "VERSION", "value": version}],
                    }],
                },
            },
        },
    })
}

/// Commits a release and returns its revision.
pub(crate) async fn commit(argo_cd: &ArgoCd, version: &str) -> anyhow::Result<String> {
    argo_cd.commit(FILE, &release(version)).await
}

/// The spec of an Application that deploys it to a cluster, and keeps it so.
pub(crate) fn spec(argo_cd: &ArgoCd, cluster: &str, namespace: &str) -> Value {
    json!({
        "project": ArgoCd::PROJECT,
        "source": {"repoURL": argo_cd.repository(), "targetRevision": "HEAD", "path": "."},
        "destination": {"name": cluster, "namespace": namespace},
        "syncPolicy": {"automated": {"prune": true, "selfHeal": true}},
    })
}

/// Checks that a release is there, and waits until its pod runs. `kubectl` runs in the cluster that was deployed to.
pub(crate) async fn runs(
    version: &str,
    namespace: &str,
    kubectl: impl AsyncFn(&[&str]) -> anyhow::Result<String>,
) -> anyhow::Result<()> {
    let get = [
        "get",
        "deployment",
        "guestbook",
        "-n",
        namespace,
        "-o",
        "json",
    ];
    wait_for("the guestbook to run", PATIENCE, async || {
        let found: Value = serde_json::from_str(&kubectl(&get).await?)?;
        let is = &found["metadata"]["labels"]["version"];
        ensure!(is == version, "version {is} is there, not {version}");
        Ok(found["status"]["availableReplicas"] == 1)
    })
    .await
}
