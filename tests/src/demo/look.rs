//! What the demo looks at while it tells its story: the claim, what it made, Vault and PostgreSQL.

use std::time::{Duration, Instant};

use anyhow::Context;
use kube::api::{DynamicObject, ListParams};
use serde_json::{Value, json};

use super::screen;
use super::steps::{PATH, PATIENCE, Story};
use crate::{Session, product, wait_for, wait_for_value};

impl Story<'_> {
    pub(super) async fn kubectl(&self, arguments: &[&str]) -> anyhow::Result<()> {
        screen::command(&format!("kubectl {}", arguments.join(" ")));
        let mut all = arguments.to_vec();
        all.extend(["-n", self.namespace]);
        screen::answer(&self.testbed.kubectl(&all).await?);
        Ok(())
    }

    pub(super) async fn trace(&self) -> anyhow::Result<String> {
        let mut trace = tokio::process::Command::new(self.testbed.clients().join("crossplane"));
        trace.env("KUBECONFIG", self.testbed.kubeconfig()).args([
            "resource",
            "trace",
            "postgresqlinstance",
            self.database.name,
            "-n",
            self.namespace,
        ]);
        crate::command::run(&mut trace).await
    }

    // === Vault and PostgreSQL ===

    /// What Vault holds at a path.
    pub(super) async fn vault(&self, path: &str) -> anyhow::Result<Option<Value>> {
        let client = self.testbed.openbao().client()?;
        client.read(&format!("secret/data/{path}")).await
    }

    /// Version of the first login's credentials; it grows with every write.
    pub(super) async fn version(&self) -> anyhow::Result<i64> {
        let held = self.vault(PATH).await?.unwrap_or_default();
        Ok(held["metadata"]["version"].as_i64().unwrap_or_default())
    }

    /// Whether what Vault holds logs in.
    pub(super) async fn held_logs_in(&self) -> anyhow::Result<bool> {
        let held = self.vault(PATH).await?.unwrap_or_default();
        Ok(self.session(&held["data"]).await.is_ok())
    }

    pub(super) async fn patch_vault(&self, change: &Value) -> anyhow::Result<()> {
        let mut held = self
            .vault(PATH)
            .await?
            .context("nothing in Vault to change")?;
        let mut data = held["data"].take();
        for (key, value) in change.as_object().into_iter().flatten() {
            data[key] = value.clone();
        }
        let client = self.testbed.openbao().client()?;
        client
            .write(&format!("secret/data/{PATH}"), &json!({ "data": data }))
            .await?;
        Ok(())
    }

    pub(super) async fn session(&self, data: &Value) -> anyhow::Result<Session> {
        let text = |key: &str| {
            data[key]
                .as_str()
                .with_context(|| format!("Vault holds no {key}"))
        };
        self.postgres
            .connect(text("username")?, text("password")?, text("database")?)
            .await
    }

    // === the composed resources ===

    pub(super) async fn login(&self) -> anyhow::Result<Login> {
        let status = self.database.status().await?;
        let login = &status["access"][0];
        let name = login["role"]
            .as_str()
            .context("the claim's status names no role")?
            .to_owned();
        let secret = login["secretName"]
            .as_str()
            .context("the claim's status names no Secret")?
            .to_owned();
        let resource = self.find("postgresql.pnats.cloud", "Role", |role| {
            role.data["spec"]["writeConnectionSecretToRef"]["name"] == secret.as_str()
        });
        Ok(Login {
            resource: resource.await?,
            name,
            secret,
        })
    }

    pub(super) async fn registration(&self) -> anyhow::Result<String> {
        self.find("vault.pnats.cloud", "KVSecret", |secret| {
            secret.data["spec"]["forProvider"]["path"] == PATH
        })
        .await
    }

    pub(super) async fn find(
        &self,
        group: &str,
        kind: &str,
        is_it: impl Fn(&DynamicObject) -> bool,
    ) -> anyhow::Result<String> {
        let all = product::api_in(self.testbed, self.namespace, group, kind);
        let found = all.list(&ListParams::default()).await?;
        let found = found.items.into_iter().find(is_it);
        found
            .and_then(|found| found.metadata.name)
            .with_context(|| format!("the claim made no such {kind}"))
    }

    pub(super) async fn look_often(&self, resource: &str, name: &str) -> anyhow::Result<()> {
        let (short, _) = resource.split_once('.').unwrap_or((resource, ""));
        screen::command(&format!(
            "kubectl annotate {short} {name} crossplane.io/poll-interval=5s"
        ));
        let annotation = "crossplane.io/poll-interval=5s";
        self.testbed
            .kubectl(&[
                "annotate",
                resource,
                name,
                annotation,
                "--overwrite",
                "-n",
                self.namespace,
            ])
            .await?;
        Ok(())
    }

    /// Waits until the provider says that it has corrected the resource, and shows its events.
    pub(super) async fn until_corrected(
        &self,
        resource: &str,
        name: &str,
    ) -> anyhow::Result<Duration> {
        let started = Instant::now();
        let before = self.last_drift(resource, name).await?;
        wait_for_value("the drift to be corrected", PATIENCE, async || {
            let now = self.last_drift(resource, name).await?;
            Ok((now != before && now["corrected"] == true).then_some(()))
        })
        .await?;
        let took = started.elapsed();
        let fields = self.last_drift(resource, name).await?["fields"].clone();
        screen::say(&format!(
            "{:.1} s later it is repaired; status.lastDrift names {fields}, and so do the events:",
            took.as_secs_f32()
        ));
        let selector = format!("involvedObject.name={name},reason!=CreatedExternalResource");
        let columns = "-o=custom-columns=REASON:.reason,MESSAGE:.message";
        let events = [
            "get",
            "events",
            "-n",
            self.namespace,
            "--field-selector",
            &selector,
            columns,
        ];
        wait_for("the events", PATIENCE, async || {
            Ok(self
                .testbed
                .kubectl(&events)
                .await?
                .contains("DriftCorrected"))
        })
        .await?;
        screen::answer(&self.testbed.kubectl(&events).await?);
        Ok(took)
    }

    pub(super) async fn last_drift(&self, resource: &str, name: &str) -> anyhow::Result<Value> {
        let text = self
            .testbed
            .kubectl(&["get", resource, name, "-n", self.namespace, "-o", "json"])
            .await?;
        Ok(serde_json::from_str::<Value>(&text)?["status"]["lastDrift"].clone())
    }
}

/// The first login of the claim.
pub(super) struct Login {
    /// Name of the managed resource.
    pub(super) resource: String,
    /// Name of the role on the server.
    pub(super) name: String,
    /// Name of its connection Secret.
    pub(super) secret: String,
}
