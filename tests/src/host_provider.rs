//! The provider as a process of this machine in place of its pod, where it can be killed at any moment.
//!
//! It runs as the pod's ServiceAccount, so under the RBAC that Crossplane gave, and in a mount namespace
//! where it finds what its pod has: the cluster's name server and a token for Vault. The pod is scaled
//! away for as long as this lives.

use std::path::PathBuf;
use std::time::Duration;

use k8s_openapi::api::core::v1::Pod;
use serde_json::json;

use crate::pod_view::PodView;
use crate::runtime_config::{self, Amendment, PODS, is_ready};
use crate::{CROSSPLANE_NAMESPACE, HostProcess, Testbed, paths, product};

const NAME: &str = "provider-tenancy";
/// Where the pod has its token for Vault.
const VAULT_TOKEN: &str = "/run/secrets/tenancy.pnats.cloud/vault-token";
/// Owns nothing but the number of replicas.
const MANAGER: &str = "host-provider";
const PATIENCE: Duration = Duration::from_secs(60);

/// The provider on this machine.
pub struct HostProvider {
    testbed: Testbed,
    scaled_away: Amendment,
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
        let mut argv = like_the_pod(testbed, lifetime).await?.argv();
        argv.push(program.display().to_string());
        argv.extend(flags.map(str::to_owned));
        let scaled = json!({"deploymentTemplate": {"spec": {"replicas": 0, "selector": {}, "template": {}}}});
        let provider = Self {
            scaled_away: Amendment::make(testbed, MANAGER, &scaled)?,
            testbed: testbed.clone(),
            argv,
            kubeconfig,
            process: None,
        };
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
        self.scaled_away.withdraw()?;
        self.until_pods(|pods| pods.iter().any(is_ready)).await
    }

    async fn until_pods(&self, is_so: impl Fn(&[Pod]) -> bool) -> anyhow::Result<()> {
        runtime_config::until_pods(&self.testbed, PODS, PATIENCE, is_so).await
    }
}

/// What the pod finds: the cluster's name server, and its token for Vault.
async fn like_the_pod(testbed: &Testbed, lifetime: Duration) -> anyhow::Result<PodView> {
    let directory = testbed.paths().state("host-provider");
    let token = directory.join("vault-token");
    let issued = testbed
        .service_account_token(CROSSPLANE_NAMESPACE, NAME, Some("vault"), lifetime)
        .await?;
    paths::write_private(&token, issued)?;
    Ok(PodView::new(&directory, CROSSPLANE_NAMESPACE)?.with_secret(token, VAULT_TOKEN))
}
