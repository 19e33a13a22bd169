//! What a story changes in how Crossplane runs the provider, for as long as it lasts, and the pods that
//! come of it.

use std::io::Write;
use std::process::{Command, Stdio};
use std::time::Duration;

use anyhow::ensure;
use k8s_openapi::api::core::v1::Pod;
use kube::Api;
use kube::api::ListParams;
use serde_json::{Value, json};

use crate::{CROSSPLANE_NAMESPACE, Testbed, wait};

const NAME: &str = "provider-tenancy";
/// Labels of the pods that Crossplane runs the provider in.
pub const PODS: &str = "pkg.crossplane.io/provider=provider-tenancy";

/// Fields of the provider's `DeploymentRuntimeConfig` that are ours until this is dropped.
pub struct Amendment {
    testbed: Testbed,
    manager: &'static str,
}

impl Amendment {
    /// Applies the fields that differ from the installed ones, as this field manager.
    pub fn make(testbed: &Testbed, manager: &'static str, spec: &Value) -> anyhow::Result<Self> {
        let amendment = Self {
            testbed: testbed.clone(),
            manager,
        };
        amendment.apply(spec)?;
        Ok(amendment)
    }

    /// Takes them back. Who applies nothing owns nothing.
    pub fn withdraw(&self) -> anyhow::Result<()> {
        self.apply(&Value::Null)
    }

    /// By a program, because dropping cannot wait.
    fn apply(&self, spec: &Value) -> anyhow::Result<()> {
        let mut config = json!({
            "apiVersion": "pkg.crossplane.io/v1beta1",
            "kind": "DeploymentRuntimeConfig",
            "metadata": {"name": NAME},
        });
        if !spec.is_null() {
            config["spec"] = spec.clone();
        }
        let mut apply = Command::new(self.testbed.clients().join("kubectl"));
        apply.arg("--kubeconfig").arg(self.testbed.kubeconfig());
        apply.args([
            "apply",
            "--server-side",
            "--force-conflicts",
            "--filename=-",
        ]);
        apply
            .arg(format!("--field-manager={}", self.manager))
            .stdin(Stdio::piped())
            .stdout(Stdio::null());
        let mut running = apply.spawn()?;
        if let Some(mut stdin) = running.stdin.take() {
            stdin.write_all(config.to_string().as_bytes())?;
        }
        ensure!(
            running.wait()?.success(),
            "cannot change how the provider runs"
        );
        Ok(())
    }
}

impl Drop for Amendment {
    fn drop(&mut self) {
        if let Err(error) = self.withdraw() {
            eprintln!("! the provider still runs as a story wanted it: {error}");
        }
    }
}

/// Pods of Crossplane's namespace with these labels.
pub async fn pods(testbed: &Testbed, labels: &str) -> anyhow::Result<Vec<Pod>> {
    let pods: Api<Pod> = Api::namespaced(testbed.client(), CROSSPLANE_NAMESPACE);
    let with_labels = ListParams::default().labels(labels);
    Ok(pods.list(&with_labels).await?.items)
}

/// Waits until these pods are so.
pub async fn until_pods(
    testbed: &Testbed,
    labels: &str,
    patience: Duration,
    is_so: impl Fn(&[Pod]) -> bool,
) -> anyhow::Result<()> {
    let what = format!("the pods with {labels} to come or go");
    wait::wait_for(&what, patience, async || {
        Ok(is_so(&pods(testbed, labels).await?))
    })
    .await
}

/// Whether a pod is ready.
pub fn is_ready(pod: &Pod) -> bool {
    wait::has_condition(pod, "Ready", "True")
}
