//! OpenBao as an operator runs it: file configuration and storage, TLS, one audit device, initialised and unsealed by us.
//!
//! The [`client`] speaks to it with the root token.

pub mod client;

use std::path::PathBuf;
use std::time::Duration;

use rand::distr::{Alphanumeric, SampleString};
use rustix::process::Signal;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use crate::network::{ADDRESS, Ports};
use crate::openbao::client::{Client, Method};
use crate::paths::{self, Paths};
use crate::process::{Running, Server};
use crate::tools::Tools;
use crate::{cluster, command, wait};

/// Where OpenBao is reached from pods.
pub const VAULT_SERVICE: &str = "vault.vault.svc:8200";

const NAME: &str = "openbao";
const REVIEWER: &str = "openbao-token-reviewer";

/// The server, and how to get in.
#[derive(Clone, Debug, Deserialize, Serialize)]
pub struct OpenBao {
    /// Its address on this machine.
    pub address: String,
    /// The root token.
    pub token: String,
    /// The only share of the unseal key.
    pub unseal_key: String,
    /// File with the certificate of the authority that signed the server's.
    pub ca: PathBuf,
    /// The file every request and answer is audited in.
    pub audit_log: PathBuf,
    state: PathBuf,
}

impl OpenBao {
    /// Starts a new server, initialises and unseals it and mounts `secret/`.
    pub(crate) async fn create(
        paths: &Paths,
        tools: &Tools,
        ports: &Ports,
    ) -> anyhow::Result<Self> {
        let config = paths.state("openbao/openbao.hcl");
        paths::write(&config, configuration(paths, ports))?;
        let argument = format!("-config={}", config.display());
        Server::new(NAME, tools.bao())
            .args(["server".to_owned(), argument])
            .start(paths)?;
        let mut openbao = Self {
            address: format!("https://{ADDRESS}:{}", ports.openbao),
            token: String::new(),
            unseal_key: String::new(),
            ca: paths.pki("ca.crt"),
            audit_log: paths.state("openbao/audit.log"),
            state: paths.state.clone(),
        };
        openbao.initialise().await?;
        openbao.unseal().await?;
        let mount = json!({"type": "kv", "options": {"version": "2"}});
        openbao.client()?.write("sys/mounts/secret", &mount).await?;
        openbao
            .client()?
            .write("sys/auth/kubernetes", &json!({"type": "kubernetes"}))
            .await?;
        Ok(openbao)
    }

    async fn initialise(&mut self) -> anyhow::Result<()> {
        let client = self.client()?;
        wait::wait_for("OpenBao to answer", Duration::from_secs(30), async || {
            Ok(client
                .request(Method::GET, "sys/seal-status", None)
                .await
                .is_ok())
        })
        .await?;
        let keys = client
            .write(
                "sys/init",
                &json!({"secret_shares": 1, "secret_threshold": 1}),
            )
            .await?;
        let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
        self.token = text(&keys["root_token"]);
        self.unseal_key = text(&keys["keys_base64"][0]);
        Ok(())
    }

    /// Lets pods and other holders of ServiceAccount tokens log in: tokens are reviewed by this cluster's API server.
    pub(crate) async fn trust_cluster(
        &self,
        paths: &Paths,
        tools: &Tools,
        server: &str,
    ) -> anyhow::Result<()> {
        let kubectl = tools.kubernetes("kubectl");
        cluster::apply(&kubectl, paths, &reviewer()).await?;
        let mut create = cluster::kubectl(&kubectl, paths);
        create.args(["--namespace", "vault", "create", "token", REVIEWER]);
        let token = command::run(create.arg("--duration=87600h")).await?;
        let config = json!({
            "kubernetes_host": server,
            "kubernetes_ca_cert": paths::read(&paths.pki("ca.crt"))?,
            "token_reviewer_jwt": token.trim(),
            "disable_local_ca_jwt": true,
        });
        self.client()?
            .write("auth/kubernetes/config", &config)
            .await?;
        Ok(())
    }

    /// A client with the root token.
    pub fn client(&self) -> anyhow::Result<Client> {
        Client::new(&self.address, &self.token, &self.ca)
    }

    /// The certificate of the authority that signed the server's, as PEM.
    pub fn ca_pem(&self) -> anyhow::Result<String> {
        paths::read(&self.ca)
    }

    /// Seals the server: it answers, but with 503.
    pub async fn seal(&self) -> anyhow::Result<()> {
        self.client()?.write("sys/seal", &Value::Null).await?;
        Ok(())
    }

    /// Unseals the server and waits until it serves requests. Does no harm when it is unsealed.
    pub async fn unseal(&self) -> anyhow::Result<()> {
        let client = self.client()?;
        wait::wait_for(
            "OpenBao to serve requests",
            Duration::from_secs(30),
            async || {
                let key = json!({"key": self.unseal_key});
                let _not_up_yet = client.request(Method::PUT, "sys/unseal", Some(&key)).await;
                Ok(client
                    .request(Method::GET, "sys/health", None)
                    .await
                    .is_ok_and(|answer| answer.status == 200))
            },
        )
        .await
    }

    /// Ends the server's process; requests are refused until [`OpenBao::start`].
    pub async fn stop(&self) -> anyhow::Result<()> {
        Running::named(&self.paths(), NAME)?
            .stop(Signal::TERM, Duration::from_secs(10))
            .await
    }

    /// Starts a stopped server and unseals it. Does nothing but unseal when it runs.
    pub async fn start(&self) -> anyhow::Result<()> {
        let running = Running::named(&self.paths(), NAME)?;
        if !running.is_alive() {
            running.server.start(&self.paths())?;
        }
        self.unseal().await
    }

    /// Stops, starts and unseals the server.
    pub async fn restart(&self) -> anyhow::Result<()> {
        self.stop().await?;
        self.start().await
    }

    fn paths(&self) -> Paths {
        Paths {
            state: self.state.clone(),
            ..Paths::from_environment()
        }
    }
}

fn configuration(paths: &Paths, ports: &Ports) -> String {
    let listeners = ["127.0.0.1", ADDRESS].map(|address| {
        format!(
            "listener \"tcp\" {{\n  address = \"{address}:{port}\"\n  cluster_address = \"{address}:{cluster}\"\n  \
             tls_cert_file = \"{certificate}\"\n  tls_key_file = \"{key}\"\n}}\n",
            port = ports.openbao,
            cluster = ports.openbao_cluster,
            certificate = paths.pki("openbao.crt").display(),
            key = paths.pki("openbao.key").display(),
        )
    });
    format!(
        "ui = false\ndisable_mlock = true\napi_addr = \"https://{ADDRESS}:{port}\"\n\
         storage \"file\" {{\n  path = \"{state}/data\"\n}}\n\
         audit \"file\" \"file\" {{\n  options {{\n    file_path = \"{state}/audit.log\"\n  }}\n}}\n{listeners}",
        port = ports.openbao,
        state = paths.state("openbao").display(),
        listeners = listeners.concat(),
    )
}

fn reviewer() -> String {
    let subject = json!({"kind": "ServiceAccount", "name": REVIEWER, "namespace": "vault"});
    let manifests = [
        json!({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": "vault"}}),
        json!({"apiVersion": "v1", "kind": "ServiceAccount", "metadata": {"name": REVIEWER, "namespace": "vault"}}),
        json!({
            "apiVersion": "rbac.authorization.k8s.io/v1",
            "kind": "ClusterRoleBinding",
            "metadata": {"name": REVIEWER},
            "roleRef": {"apiGroup": "rbac.authorization.k8s.io", "kind": "ClusterRole", "name": "system:auth-delegator"},
            "subjects": [subject],
        }),
    ];
    manifests
        .map(|manifest| manifest.to_string())
        .join("\n---\n")
}

/// A word nobody guesses, for passwords and names.
pub(crate) fn random_word() -> String {
    Alphanumeric.sample_string(&mut rand::rng(), 24)
}
