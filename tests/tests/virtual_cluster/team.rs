//! A team with a claim of its own, and what it sees of it on the host cluster and in Vault.

use std::time::Duration;

use anyhow::{Context, bail, ensure};
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Value, json};
use testbed::story::{Credentials, Stage};
use testbed::{Inside, wait_for, wait_for_value};

/// Long enough for a control plane to start on a machine that does something else as well.
const PATIENCE: Duration = Duration::from_secs(300);

/// Secrets that managed resources write.
const CONNECTIONS: &str = "type=connection.crossplane.io/v1alpha1";

pub(crate) struct Team<'a> {
    stage: &'a Stage,
    /// Name of the claim and its environment.
    pub(crate) environment: &'static str,
    /// Names in Vault, which no other story has.
    name: String,
}

impl<'a> Team<'a> {
    pub(crate) fn of(stage: &'a Stage, environment: &'static str) -> Self {
        Self {
            name: format!("vcluster-{}-{environment}", stage.name()),
            environment,
            stage,
        }
    }

    pub(crate) fn vault_path(&self) -> String {
        format!("clusters/{}-{}", self.stage.name(), self.environment)
    }

    pub(crate) async fn claim(&self) -> anyhow::Result<()> {
        self.claim_with(&json!({})).await
    }

    /// Claims a cluster with further fields.
    pub(crate) async fn claim_with(&self, fields: &Value) -> anyhow::Result<()> {
        let mut claim = json!({
            "apiVersion": "cluster.pnats.cloud/v1alpha1",
            "kind": "VirtualCluster",
            "metadata": {"name": self.environment, "namespace": self.stage.name()},
            "spec": {
                "environment": self.environment,
                "storage": {"enabled": false},
                "namespaces": ["orders"],
                "vault": {"name": self.name, "path": self.vault_path()},
            },
        });
        for (field, value) in fields.as_object().into_iter().flatten() {
            claim["spec"][field] = value.clone();
        }
        self.stage.testbed.apply(&claim.to_string()).await
    }

    /// Name of the mount, the policy and the role in Vault.
    pub(crate) fn vault_name(&self) -> &str {
        &self.name
    }

    /// The claim's status; null before there is one.
    pub(crate) async fn status(&self) -> anyhow::Result<Value> {
        let claim = self.get("virtualcluster", self.environment).await?;
        Ok(claim["status"].clone())
    }

    /// Waits until a condition has a status and its message these words; returns the message.
    pub(crate) async fn until_said(
        &self,
        condition: &str,
        is: &str,
        words: &str,
    ) -> anyhow::Result<String> {
        let what = format!("{condition}={is} with {words:?}");
        let waited = wait_for_value(&what, PATIENCE, async || {
            let status = self.status().await?;
            let found = find(&status, condition);
            let message = found["message"].as_str().unwrap_or_default();
            Ok((found["status"] == is && message.contains(words)).then(|| message.to_owned()))
        });
        match waited.await {
            Ok(message) => Ok(message),
            Err(error) => Err(error.context(self.describe().await)),
        }
    }

    /// Waits until the claim is Ready. In vain: with everything the claim became.
    pub(crate) async fn ready(&self) -> anyhow::Result<Value> {
        let waited = wait_for_value("the virtual cluster to be Ready", PATIENCE, async || {
            let status = self.status().await?;
            Ok(holds(&status, "Ready").then_some(status))
        });
        match waited.await {
            Ok(status) => Ok(status),
            Err(error) => Err(error.context(self.describe().await)),
        }
    }

    /// The claim and everything it became.
    pub(crate) async fn describe(&self) -> String {
        let seen = ["virtualclusters", "managed"].map(|kinds| {
            let arguments = ["get", kinds, "-o", "yaml"];
            async move { self.stage.kubectl(&arguments).await.unwrap_or_default() }
        });
        futures::future::join_all(seen).await.join("\n---\n")
    }

    async fn get(&self, kind: &str, name: &str) -> anyhow::Result<Value> {
        let text = self
            .stage
            .kubectl(&["get", kind, name, "-o", "json"])
            .await?;
        Ok(serde_json::from_str(&text)?)
    }

    pub(crate) fn assert_status(&self, status: &Value) -> anyhow::Result<()> {
        for kind in [
            "ClusterReady",
            "NamespacesReady",
            "CredentialsInVault",
            "VaultLoginProven",
        ] {
            ensure!(holds(status, kind), "{kind} does not hold: {status}");
        }
        ensure!(status["phase"] == "Running", "{status}");
        ensure!(status["kubernetesVersion"] == "v1.36.4", "{status}");
        ensure!(
            status["vaultLogin"]["role"] == self.name.as_str(),
            "{status}"
        );
        ensure!(status["vaultLogin"]["triedAt"].is_string(), "{status}");
        ensure!(status["credentialExpiresAt"].is_string(), "{status}");
        Ok(())
    }

    async fn credentials(&self, status: &Value) -> anyhow::Result<Credentials> {
        let path = status["vaultPath"].as_str().context("no vaultPath")?;
        let found = Credentials::read(self.stage, path).await?;
        found.with_context(|| format!("nothing is at {path}"))
    }

    /// The cluster as somebody reaches it who knows nothing but what Vault holds.
    pub(crate) async fn cluster_from_vault(&self, status: &Value) -> anyhow::Result<Inside> {
        let found = self.credentials(status).await?;
        ensure!(status["endpoint"] == found.get("api-url"), "{status}");
        let kubeconfig = String::from_utf8(STANDARD.decode(found.get("kubeconfig"))?)?;
        let host_namespace = status["hostNamespace"].as_str().unwrap_or_default();
        self.stage.testbed.inside(host_namespace, &kubeconfig).await
    }

    /// The cluster as somebody reaches it who uses the token of few rights that Vault holds. `None` when it
    /// holds none.
    pub(crate) async fn by_token_from_vault(
        &self,
        status: &Value,
    ) -> anyhow::Result<Option<Inside>> {
        let found = self.credentials(status).await?;
        if found.get("token").is_empty() {
            return Ok(None);
        }
        let [server, ca, token] = ["api-url", "ca-cert", "token"].map(|key| found.get(key));
        let kubeconfig = format!(
            "apiVersion: v1\nkind: Config\ncurrent-context: here\n\
             contexts: [{{name: here, context: {{cluster: here, user: here}}}}]\n\
             users: [{{name: here, user: {{token: {token}}}}}]\n\
             clusters:\n- name: here\n  cluster:\n    server: {server}\n    \
             certificate-authority-data: {ca}\n"
        );
        let host_namespace = status["hostNamespace"].as_str().unwrap_or_default();
        let inside = self.stage.testbed.inside(host_namespace, &kubeconfig);
        inside.await.map(Some)
    }

    /// Changes the claim's spec.
    pub(crate) async fn patch(&self, spec: &Value) -> anyhow::Result<()> {
        let patch = json!({ "spec": spec }).to_string();
        let claim = ["patch", "virtualcluster", self.environment];
        let patch = [&claim[..], &["--type=merge", "--patch", &patch]].concat();
        self.stage.kubectl(&patch).await.map(drop)
    }

    /// A Vault token for a `ServiceAccount` token.
    pub(crate) async fn log_in(&self, jwt: &str) -> anyhow::Result<String> {
        let body = json!({"role": self.name, "jwt": jwt});
        let path = format!("auth/{}/login", self.name);
        let anonymous = self.stage.vault.with_token("");
        let answer = anonymous.write(&path, &body).await?;
        let token = answer["auth"]["client_token"].as_str();
        token.map(str::to_owned).context("no token")
    }

    /// Whether a login may read below the mount; that nothing is there is no objection.
    pub(crate) async fn may_read(&self, token: &str, path: &str) -> anyhow::Result<bool> {
        let reader = self.stage.vault.with_token(token);
        match reader.read(&format!("secret/data/{path}")).await {
            Ok(_) => Ok(true),
            Err(error) if format!("{error:#}").contains("403") => Ok(false),
            Err(error) => Err(error),
        }
    }

    pub(crate) async fn delete(&self) -> anyhow::Result<()> {
        let arguments = ["delete", "virtualcluster", self.environment, "--wait=false"];
        self.stage.kubectl(&arguments).await.map(drop)
    }

    pub(crate) async fn until_nothing_is_left(&self) -> anyhow::Result<()> {
        let waited = wait_for("nothing to be left", PATIENCE, async || {
            Ok(self.remains().await?.is_empty())
        });
        match waited.await {
            Ok(()) => Ok(()),
            Err(error) => bail!(
                "{error:#}: {:?}\n{}",
                self.remains().await?,
                self.describe().await
            ),
        }
    }

    pub(crate) async fn remains(&self) -> anyhow::Result<Vec<String>> {
        let kinds = "virtualclusters,managed";
        let here = self.stage.kubectl(&["get", kinds, "-o", "name"]).await?;
        let secrets = ["get", "secrets", "-o", "name", "--field-selector"];
        let secrets = [&secrets[..], &[CONNECTIONS]].concat();
        let secrets = self.stage.kubectl(&secrets).await?;
        let mut left: Vec<_> = here
            .lines()
            .chain(secrets.lines())
            .map(str::to_owned)
            .collect();
        let kubectl = &["get", "namespaces", "-o", "name"];
        let namespaces = self.stage.testbed.kubectl(kubectl).await?;
        let own = format!("vc-{}", self.stage.name());
        left.extend(
            namespaces
                .lines()
                .filter(|name| name.contains(&own))
                .map(str::to_owned),
        );
        let vault = &self.stage.vault;
        for path in [
            format!("sys/policies/acl/{}", self.name),
            format!("sys/auth/{}", self.name),
            format!("secret/data/{}", self.vault_path()),
        ] {
            if let Ok(Some(_)) = vault.read(&path).await {
                left.push(path);
            }
        }
        Ok(left)
    }
}

pub(crate) fn holds(status: &Value, kind: &str) -> bool {
    find(status, kind)["status"] == "True"
}

pub(crate) fn find(status: &Value, kind: &str) -> Value {
    let mut conditions = status["conditions"].as_array().into_iter().flatten();
    let found = conditions.find(|one| one["type"] == kind);
    found.cloned().unwrap_or_default()
}
