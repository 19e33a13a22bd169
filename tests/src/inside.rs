//! A virtual cluster from within, as somebody sees it who has its kubeconfig.

use std::net::IpAddr;
use std::path::PathBuf;

use anyhow::Context;

use crate::openbao::random_word;
use crate::paths::{self, Paths};
use crate::testbed::Testbed;

/// A cluster that a kubeconfig leads to, reached from this machine by the address of its Service.
///
/// The name in the kubeconfig is one of the host cluster's; only the way to it differs here. The server's certificate is
/// verified against that name. What is an address already is taken as it is.
pub struct Inside {
    testbed: Testbed,
    kubeconfig: PathBuf,
    way: Vec<String>,
}

impl Inside {
    pub(crate) async fn open(
        testbed: &Testbed,
        paths: &Paths,
        host_namespace: &str,
        kubeconfig: &str,
    ) -> anyhow::Result<Self> {
        let name = host_name(kubeconfig).context("the kubeconfig names no server")?;
        let word = random_word();
        let file = paths.state(&format!("kubeconfigs/{host_namespace}-{word}.kubeconfig"));
        paths::write_private(&file, kubeconfig)?;
        Ok(Self {
            testbed: testbed.clone(),
            way: way(testbed, host_namespace, name).await?,
            kubeconfig: file,
        })
    }

    /// Runs `kubectl` in it and returns its standard output.
    pub async fn kubectl(&self, arguments: &[&str]) -> anyhow::Result<String> {
        self.testbed.kubectl(&self.with_way(arguments)).await
    }

    /// Applies manifests in it, in YAML or JSON.
    pub async fn apply(&self, manifests: &str) -> anyhow::Result<()> {
        let apply = self.with_way(&["apply", "-f", "-"]);
        self.testbed.feed_kubectl(&apply, manifests).await.map(drop)
    }

    /// A token of a `ServiceAccount` in it, for Vault.
    pub async fn token(&self, namespace: &str, account: &str) -> anyhow::Result<String> {
        let create = ["create", "token", account, "-n", namespace];
        let create = [&create[..], &["--audience", "vault"]].concat();
        Ok(self.kubectl(&create).await?.trim().to_owned())
    }

    fn with_way<'a>(&'a self, arguments: &[&'a str]) -> Vec<&'a str> {
        let kubeconfig = self.kubeconfig.to_str().unwrap_or_default();
        let way = self.way.iter().map(String::as_str);
        let way = ["--kubeconfig", kubeconfig].into_iter().chain(way);
        way.chain(arguments.iter().copied()).collect()
    }
}

impl Drop for Inside {
    fn drop(&mut self) {
        // The credentials of a cluster that is gone by then; `down` removes what is left.
        let _ = std::fs::remove_file(&self.kubeconfig);
    }
}

/// What leads to a Service by its address and not by its name, which does not resolve here.
async fn way(testbed: &Testbed, namespace: &str, name: &str) -> anyhow::Result<Vec<String>> {
    if name.parse::<IpAddr>().is_ok() {
        return Ok(Vec::new());
    }
    let service = name.split('.').next().unwrap_or_default();
    let address = ["get", "service", service, "-n", namespace];
    let address = [&address[..], &["-o", "jsonpath={.spec.clusterIP}"]].concat();
    let address = testbed.kubectl(&address).await?;
    let server = format!("https://{}:443", address.trim());
    let way = ["--server", &server, "--tls-server-name", name];
    Ok(way.map(str::to_owned).to_vec())
}

fn host_name(kubeconfig: &str) -> Option<&str> {
    let server = kubeconfig
        .lines()
        .find_map(|line| line.trim().strip_prefix("server: "))?;
    let address = server.trim_matches('"').strip_prefix("https://")?;
    address.split(':').next()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_host_is_what_the_certificate_is_for() {
        let kubeconfig = "clusters:\n- cluster:\n    server: \"https://dev.vc.svc:443\"\n";
        assert_eq!(host_name(kubeconfig), Some("dev.vc.svc"));
        assert_eq!(host_name("clusters: []"), None);
    }
}
