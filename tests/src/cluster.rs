//! What the cluster holds from the start: a name server, and the Services behind which the host's servers stand.

use std::path::Path;

use serde_json::{Value, json};
use tokio::process::Command;

use crate::network::ADDRESS;
use crate::paths::Paths;
use crate::{command, process};

/// Address of the name server, as its manifest has it.
pub(crate) const NAME_SERVER: &str = "10.96.0.10";

/// `kubectl` with the administrator's rights. Its cache goes with the testbed instead of staying in a home directory.
pub(crate) fn kubectl(program: &Path, paths: &Paths) -> Command {
    let mut kubectl = process::client(program, paths);
    kubectl
        .env("KUBECONFIG", paths.kubeconfig())
        .env("KUBECACHEDIR", paths.client_cache());
    kubectl
}

/// Applies manifests, in YAML or JSON, with the administrator's rights.
pub(crate) async fn apply(
    kubectl: &Path,
    paths: &Paths,
    manifests: &str,
) -> anyhow::Result<String> {
    let mut apply = self::kubectl(kubectl, paths);
    apply.args([
        "apply",
        "--server-side",
        "--force-conflicts",
        "--field-manager=testbed",
        "--filename=-",
    ]);
    command::feed(&mut apply, manifests).await
}

/// Applies the name server.
pub(crate) async fn start_coredns(kubectl: &Path, paths: &Paths) -> anyhow::Result<()> {
    apply(kubectl, paths, include_str!("../manifests/coredns.yaml")).await?;
    Ok(())
}

/// Makes a server on this machine reachable in the cluster as `name.namespace.svc`, at `port`.
pub(crate) async fn publish(
    kubectl: &Path,
    paths: &Paths,
    service: &HostService<'_>,
) -> anyhow::Result<()> {
    let manifests = [service.namespace(), service.service(), service.endpoints()];
    let text: Vec<String> = manifests.iter().map(Value::to_string).collect();
    apply(kubectl, paths, &text.join("\n---\n")).await?;
    Ok(())
}

/// A Service without selector, and the address that answers for it.
pub(crate) struct HostService<'a> {
    pub(crate) namespace: &'a str,
    pub(crate) name: &'a str,
    /// The port clients use.
    pub(crate) port: u16,
    /// The port the server listens on.
    pub(crate) target: u16,
}

impl HostService<'_> {
    fn namespace(&self) -> Value {
        json!({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": self.namespace}})
    }

    fn service(&self) -> Value {
        json!({
            "apiVersion": "v1",
            "kind": "Service",
            "metadata": {"name": self.name, "namespace": self.namespace},
            "spec": {"ports": [{"name": "tls", "port": self.port, "protocol": "TCP", "targetPort": self.target}]},
        })
    }

    fn endpoints(&self) -> Value {
        json!({
            "apiVersion": "discovery.k8s.io/v1",
            "kind": "EndpointSlice",
            "metadata": {
                "name": format!("{}-host", self.name),
                "namespace": self.namespace,
                "labels": {
                    "kubernetes.io/service-name": self.name,
                    "endpointslice.kubernetes.io/managed-by": "testbed",
                },
            },
            "addressType": "IPv4",
            "ports": [{"name": "tls", "port": self.target, "protocol": "TCP"}],
            "endpoints": [{"addresses": [ADDRESS], "conditions": {"ready": true}}],
        })
    }
}
