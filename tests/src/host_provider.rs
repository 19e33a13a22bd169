//! The provider as a process of this machine in place of its pod, where it can be killed at any moment.
//!
//! It runs as the pod's ServiceAccount, so under the RBAC that Crossplane gave. The pod is scaled away
//! for as long as this lives.

use std::io::Write;
use std::path::PathBuf;
use std::process::{Command, Stdio};
use std::time::Duration;

use k8s_openapi::api::core::v1::Pod;
use kube::Api;
use kube::api::ListParams;
use serde_json::{Value, json};

use crate::{CROSSPLANE_NAMESPACE, HostProcess, Testbed, product, wait};

const NAME: &str = "provider-tenancy";
/// Owns nothing but the number of replicas, so that applying nothing gives them back.
const MANAGER: &str = "host-provider";

/// The provider on this machine.
pub struct HostProvider {
    testbed: Testbed,
    argv: Vec<String>,
    kubeconfig: PathBuf,
    process: Option<HostProcess>,
}

impl HostProvider {
    /// Takes the place of the pod. Nothing runs until [`HostProvider::start`].
    pub async fn take_over(testbed: &Testbed) -> anyhow::Result<Self> {
        let lifetime = Duration::from_secs(3600);
        let kubeconfig = testbed
            .service_account_kubeconfig(CROSSPLANE_NAMESPACE, NAME, lifetime)
            .await?;
        let program = product::root()
            .join("target/x86_64-unknown-linux-gnu/release")
            .join(NAME);
        let flags = [
            "--leader-election=false",
            "--metrics-bind-address=127.0.0.1:0",
            "--health-probe-bind-address=127.0.0.1:0",
        ];
        let argv = [program.display().to_string()]
            .into_iter()
            .chain(flags.map(str::to_owned));
        let provider = Self {
            testbed: testbed.clone(),
            argv: argv.collect(),
            kubeconfig,
            process: None,
        };
        provider.scale_pod(&json!({"deploymentTemplate": {"spec": {"replicas": 0, "selector": {}, "template": {}}}}))?;
        provider.until_pods(<[Pod]>::is_empty).await?;
        Ok(provider)
    }

    /// Starts the process, or does nothing when it runs.
    pub fn start(&mut self) -> anyhow::Result<()> {
        if self.process.is_none() {
            let env = [(
                "KUBECONFIG".to_owned(),
                self.kubeconfig.display().to_string(),
            )]
            .into();
            self.process = Some(self.testbed.run_host_process(NAME, &self.argv, env)?);
        }
        Ok(())
    }

    /// Ends the process with SIGKILL.
    pub async fn kill(&mut self) -> anyhow::Result<()> {
        match self.process.take() {
            Some(mut process) => process.kill().await,
            None => Ok(()),
        }
    }

    /// What the process wrote since it was last started.
    pub fn log(&self) -> String {
        self.process
            .as_ref()
            .map(HostProcess::log)
            .unwrap_or_default()
    }

    /// Gives the place back and waits until the pod runs.
    pub async fn give_back(mut self) -> anyhow::Result<()> {
        self.kill().await?;
        self.scale_pod(&Value::Null)?;
        self.until_pods(|pods| pods.iter().any(is_ready)).await
    }

    async fn until_pods(&self, is_so: impl Fn(&[Pod]) -> bool) -> anyhow::Result<()> {
        let pods: Api<Pod> = Api::namespaced(self.testbed.client(), CROSSPLANE_NAMESPACE);
        let of_provider =
            ListParams::default().labels(&format!("pkg.crossplane.io/provider={NAME}"));
        let what = "the provider's pod to come or go";
        wait::wait_for(what, Duration::from_secs(60), async || {
            Ok(is_so(&pods.list(&of_provider).await?.items))
        })
        .await
    }

    /// Applies what we want of the runtime config; by a program, because dropping cannot wait.
    fn scale_pod(&self, spec: &Value) -> anyhow::Result<()> {
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
            .arg(format!("--field-manager={MANAGER}"))
            .stdin(Stdio::piped())
            .stdout(Stdio::null());
        let mut running = apply.spawn()?;
        if let Some(mut stdin) = running.stdin.take() {
            stdin.write_all(config.to_string().as_bytes())?;
        }
        anyhow::ensure!(running.wait()?.success(), "cannot scale the provider's pod");
        Ok(())
    }
}

impl Drop for HostProvider {
    fn drop(&mut self) {
        if let Err(error) = self.scale_pod(&Value::Null) {
            eprintln!("! the provider's pod is still scaled away: {error}");
        }
    }
}

fn is_ready(pod: &Pod) -> bool {
    let conditions = pod
        .status
        .iter()
        .flat_map(|status| status.conditions.iter().flatten());
    conditions
        .into_iter()
        .any(|one| one.type_ == "Ready" && one.status == "True")
}
