//! Everybody who holds a cluster's certificates: what each has, and whether they all have the same.

use anyhow::{Context, ensure};
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use serde_json::Value;
use testbed::Inside;
use testbed::story::{Credentials, Stage};

use crate::team::Team;

/// Certificates of a cluster, in PEM.
#[derive(Clone, Debug, Eq, PartialEq)]
pub(super) struct Certificates {
    pub(super) authority: String,
    pub(super) client: String,
}

/// What the connection Secret holds.
pub(super) struct Published {
    pub(super) certificates: Certificates,
    pub(super) kubeconfig: String,
}

/// One of the places, the authority it knows, and the client certificate if it holds one.
#[derive(Debug)]
pub(super) struct Held {
    #[expect(dead_code, reason = "printed when they differ")]
    place: &'static str,
    authority: String,
    client: Option<String>,
}

pub(super) struct Holders<'a> {
    stage: &'a Stage,
    team: &'a Team<'a>,
    status: Value,
    argocd: String,
}

impl<'a> Holders<'a> {
    pub(super) fn of(stage: &'a Stage, team: &'a Team<'a>, status: &Value, argocd: &str) -> Self {
        Self {
            stage,
            team,
            status: status.clone(),
            argocd: argocd.to_owned(),
        }
    }

    /// What all of them hold, if it is the same.
    pub(super) async fn agreed(&self) -> anyhow::Result<Option<Certificates>> {
        let published = self.published().await?.certificates;
        let differs = |held: &Held| {
            held.authority != published.authority
                || held
                    .client
                    .as_ref()
                    .is_some_and(|client| *client != published.client)
        };
        let is_agreed = !self.held().await?.iter().any(differs);
        Ok(is_agreed.then_some(published))
    }

    /// What each of them holds.
    pub(super) async fn held(&self) -> anyhow::Result<Vec<Held>> {
        Ok(vec![
            self.in_vault().await?,
            self.in_vault_for_argocd().await?,
            self.in_argocd().await?,
            self.in_auth_method().await?,
        ])
    }

    /// What the connection Secret holds; all of it of one making.
    pub(super) async fn published(&self) -> anyhow::Result<Published> {
        let name = self.word("kubeconfigSecretName")?;
        let secret = self
            .json(&["get", "secret", name, "-n", self.stage.name()])
            .await?;
        let get = |key: &str| plain(&secret["data"][key]);
        let kubeconfig = get("kubeconfig")?;
        let certificates = of_kubeconfig(&kubeconfig)?;
        ensure!(
            certificates.authority == get("ca-cert")?.trim(),
            "two authorities"
        );
        ensure!(
            certificates.client == get("client-certificate")?.trim(),
            "two certificates"
        );
        Ok(Published {
            certificates,
            kubeconfig,
        })
    }

    /// What the control plane has written for itself.
    pub(super) async fn own(&self) -> anyhow::Result<Certificates> {
        let name = format!("vc-{}", self.word("argocdCluster")?);
        let namespace = self.word("hostNamespace")?;
        let secret = self
            .json(&["get", "secret", &name, "-n", namespace])
            .await?;
        of_kubeconfig(&plain(&secret["data"]["config"])?)
    }

    /// The cluster, as somebody reaches it who has this kubeconfig.
    pub(super) async fn open(&self, kubeconfig: &str) -> anyhow::Result<Inside> {
        let namespace = self.word("hostNamespace")?;
        self.stage.testbed.inside(namespace, kubeconfig).await
    }

    /// A kubeconfig of what Argo CD has.
    pub(super) async fn argocd_kubeconfig(&self) -> anyhow::Result<String> {
        let (server, config) = self.argocd_secret().await?;
        let word = |value: &Value| value.as_str().map(str::to_owned).unwrap_or_default();
        let authority = word(&config["tlsClientConfig"]["caData"]);
        let token = word(&config["bearerToken"]);
        Ok(format!(
            "apiVersion: v1\nkind: Config\ncurrent-context: a\n\
             contexts: [{{name: a, context: {{cluster: a, user: a}}}}]\n\
             clusters:\n- name: a\n  cluster:\n    server: {server}\n    certificate-authority-data: {authority}\n\
             users:\n- name: a\n  user: {{token: {token}}}\n"
        ))
    }

    async fn in_vault(&self) -> anyhow::Result<Held> {
        let found = self.read(self.word("vaultPath")?).await?;
        let certificates = of_kubeconfig(&decoded(found.get("kubeconfig"))?)?;
        let authority = decoded(found.get("ca-cert"))?;
        ensure!(
            certificates.authority == authority.trim(),
            "two authorities in Vault"
        );
        Ok(Held {
            place: "the cluster's path in Vault",
            authority: certificates.authority,
            client: Some(certificates.client),
        })
    }

    async fn in_vault_for_argocd(&self) -> anyhow::Result<Held> {
        let cluster = self.word("argocdCluster")?;
        let path = format!("secret/ci-cd/argocd/cluster-credentials/{cluster}");
        let config = self.read(&path).await?.get("config").to_owned();
        let config: Value = serde_json::from_str(&config)?;
        let tls = &config["tlsClientConfig"];
        Ok(Held {
            place: "Argo CD's path in Vault",
            authority: plain(&tls["caData"])?.trim().to_owned(),
            client: Some(plain(&tls["certData"])?.trim().to_owned()),
        })
    }

    async fn in_argocd(&self) -> anyhow::Result<Held> {
        let (_, config) = self.argocd_secret().await?;
        Ok(Held {
            place: "Argo CD's Secret",
            authority: plain(&config["tlsClientConfig"]["caData"])?
                .trim()
                .to_owned(),
            client: None,
        })
    }

    async fn in_auth_method(&self) -> anyhow::Result<Held> {
        let path = format!("auth/{}/config", self.team.vault_name());
        let config = self.stage.vault.read(&path).await?.context("no config")?;
        let authority = config["kubernetes_ca_cert"].as_str().unwrap_or_default();
        Ok(Held {
            place: "the auth method in Vault",
            authority: authority.trim().to_owned(),
            client: None,
        })
    }

    /// Server and `config` of the only cluster that Argo CD knows.
    async fn argocd_secret(&self) -> anyhow::Result<(String, Value)> {
        let label = "argocd.argoproj.io/secret-type=cluster";
        let list = self
            .json(&["get", "secrets", "-l", label, "-n", &self.argocd])
            .await?;
        let data = &list["items"][0]["data"];
        let config = serde_json::from_str(&plain(&data["config"])?)?;
        Ok((plain(&data["server"])?, config))
    }

    async fn read(&self, path: &str) -> anyhow::Result<Credentials> {
        let found = Credentials::read(self.stage, path).await?;
        found.with_context(|| format!("nothing is at {path}"))
    }

    async fn json(&self, arguments: &[&str]) -> anyhow::Result<Value> {
        let arguments = [arguments, &["-o", "json"]].concat();
        let text = self.stage.testbed.kubectl(&arguments).await?;
        Ok(serde_json::from_str(&text)?)
    }

    fn word(&self, field: &str) -> anyhow::Result<&str> {
        let word = self.status[field].as_str();
        word.with_context(|| format!("the status has no {field}"))
    }
}

fn of_kubeconfig(text: &str) -> anyhow::Result<Certificates> {
    let config: Value = serde_saphyr::from_str(text)?;
    let pem = |value: &Value| anyhow::Ok(plain(value)?.trim().to_owned());
    let cluster = &config["clusters"][0]["cluster"];
    let user = &config["users"][0]["user"];
    Ok(Certificates {
        authority: pem(&cluster["certificate-authority-data"])?,
        client: pem(&user["client-certificate-data"])?,
    })
}

fn plain(value: &Value) -> anyhow::Result<String> {
    decoded(value.as_str().unwrap_or_default())
}

fn decoded(text: &str) -> anyhow::Result<String> {
    Ok(String::from_utf8(STANDARD.decode(text.trim())?)?)
}
