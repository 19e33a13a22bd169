//! The cluster that a kubeconfig leads to, reached from this machine by the address of its Service.

use std::path::PathBuf;

use anyhow::Context;
use testbed::Testbed;

/// A cluster.
pub(crate) struct Cluster {
    testbed: Testbed,
    kubeconfig: PathBuf,
    server: String,
    name: String,
}

impl Cluster {
    /// The name in the kubeconfig is one of the host cluster; only the way to it differs here.
    pub(crate) async fn open(
        testbed: &Testbed,
        namespace: &str,
        kubeconfig: &str,
    ) -> anyhow::Result<Self> {
        let server = kubeconfig
            .lines()
            .find_map(|line| line.trim().strip_prefix("server: "))
            .context("the kubeconfig names no server")?;
        let host = server.trim_matches('"').trim_start_matches("https://");
        let name = host.split(':').next().unwrap_or_default().to_owned();
        let service = name.split('.').next().unwrap_or_default();
        let address = testbed
            .kubectl(&[
                "get",
                "service",
                service,
                "-n",
                namespace,
                "-o",
                "jsonpath={.spec.clusterIP}",
            ])
            .await?;
        let file = std::env::temp_dir().join(format!("{namespace}.kubeconfig"));
        std::fs::write(&file, kubeconfig)?;
        Ok(Self {
            testbed: testbed.clone(),
            kubeconfig: file,
            server: format!("https://{}:443", address.trim()),
            name,
        })
    }

    /// Runs `kubectl` in it. The server's certificate is verified against the name in the kubeconfig.
    pub(crate) async fn kubectl(&self, arguments: &[&str]) -> anyhow::Result<String> {
        let kubeconfig = self.kubeconfig.display().to_string();
        let way = [
            "--kubeconfig",
            &kubeconfig,
            "--server",
            &self.server,
            "--tls-server-name",
            &self.name,
        ];
        self.testbed.kubectl(&[&way, arguments].concat()).await
    }

    /// A token of a `ServiceAccount` in it, for Vault.
    pub(crate) async fn token(&self, namespace: &str, account: &str) -> anyhow::Result<String> {
        let create = [
            "create",
            "token",
            account,
            "-n",
            namespace,
            "--audience",
            "vault",
        ];
        Ok(self.kubectl(&create).await?.trim().to_owned())
    }
}

impl Drop for Cluster {
    fn drop(&mut self) {
        // A test's credentials of a cluster that is gone by then.
        let _ = std::fs::remove_file(&self.kubeconfig);
    }
}
