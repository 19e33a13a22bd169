//! A claim as its author sees it.

use std::fmt::Write as _;
use std::time::{Duration, Instant};

use anyhow::{Context, ensure};
use kube::Api;
use kube::api::{DeleteParams, DynamicObject, ListParams, Patch, PatchParams};
use serde_json::{Value, json};

use super::{Credentials, MANAGED_KINDS, PATIENCE, Stage};
use crate::{product, wait};

/// A claim by namespace and name.
pub struct Claim<'a> {
    stage: &'a Stage,
    namespace: String,
    name: String,
}

impl<'a> Claim<'a> {
    pub(super) fn new(stage: &'a Stage, namespace: &str, name: &str) -> Self {
        Self {
            stage,
            namespace: namespace.to_owned(),
            name: name.to_owned(),
        }
    }

    /// Its name.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// The API it is found in.
    pub fn api(&self) -> Api<DynamicObject> {
        self.api_of("database.pnats.cloud", "PostgreSQLInstance")
    }

    fn api_of(&self, group: &str, kind: &str) -> Api<DynamicObject> {
        product::api_in(&self.stage.testbed, &self.namespace, group, kind)
    }

    /// Applies it as `kubectl apply` does.
    pub async fn apply(&self, spec: &Value) -> anyhow::Result<()> {
        let manifest = json!({
            "apiVersion": "database.pnats.cloud/v1alpha1",
            "kind": "PostgreSQLInstance",
            "metadata": { "name": self.name, "namespace": self.namespace },
            "spec": spec,
        });
        self.stage.testbed.apply(&manifest.to_string()).await
    }

    /// Changes fields of the spec.
    pub async fn change(&self, spec: &Value) -> anyhow::Result<()> {
        let patch = Patch::Merge(json!({ "spec": spec }));
        let params = PatchParams::default();
        self.api().patch(&self.name, &params, &patch).await?;
        Ok(())
    }

    /// Its status; null when there is none.
    pub async fn status(&self) -> anyhow::Result<Value> {
        let claim = self.api().get_opt(&self.name).await?;
        Ok(claim
            .map(|claim| claim.data["status"].clone())
            .unwrap_or_default())
    }

    /// Waits until it is Ready and returns its status. In vain: with the claim, its events and its managed resources.
    pub async fn ready(&self) -> anyhow::Result<Value> {
        self.until("Ready", |status| holds(status, "Ready")).await
    }

    /// Waits for a status and returns it.
    pub async fn until(&self, what: &str, is_so: impl Fn(&Value) -> bool) -> anyhow::Result<Value> {
        let what = format!("claim {} to be {what}", self.name);
        let met = wait::wait_for_value(&what, PATIENCE, async || {
            let status = self.status().await?;
            Ok(is_so(&status).then_some(status))
        });
        match met.await {
            Ok(status) => Ok(status),
            Err(error) => Err(error.context(self.describe().await)),
        }
    }

    /// Waits until a condition is False and its message has these words; returns the message.
    pub async fn until_said(&self, condition: &str, words: &str) -> anyhow::Result<String> {
        let what = format!("{condition}=False with {words:?}");
        let status = self.until(&what, |status| {
            let found = find(status, condition);
            found["status"] == "False" && message(status, condition).contains(words)
        });
        Ok(message(&status.await?, condition))
    }

    /// Waits until a condition is True.
    pub async fn until_true(&self, condition: &str) -> anyhow::Result<Value> {
        self.until(&format!("{condition}=True"), |status| {
            holds(status, condition)
        })
        .await
    }

    /// Waits until a managed resource of this kind is not in sync and says so with these words;
    /// returns the message.
    pub async fn until_managed_says(&self, kind: &str, words: &str) -> anyhow::Result<String> {
        let what = format!("a {kind} to say {words:?}");
        let said = wait::wait_for_value(&what, PATIENCE, async || {
            let managed = self.managed().await?;
            let of_kind = managed.iter().filter(|one| is_of(one, kind));
            let mut messages = of_kind
                .filter(|one| find(&one.data["status"], "Synced")["status"] == "False")
                .map(|one| message(&one.data["status"], "Synced"));
            Ok(messages.find(|message| message.contains(words)))
        });
        match said.await {
            Ok(message) => Ok(message),
            Err(error) => Err(error.context(self.describe().await)),
        }
    }

    /// The credentials of a login, from where the claim's status says they are in Vault.
    pub async fn credentials(&self, login: &str) -> anyhow::Result<Credentials> {
        let status = self.status().await?;
        let all = status["access"].as_array();
        let entry = all
            .into_iter()
            .flatten()
            .find(|entry| entry["name"] == login);
        let entry = entry.with_context(|| format!("the status has no login {login}: {status}"))?;
        let path = entry["vaultPath"].as_str();
        let path = path.with_context(|| format!("the status has no vaultPath: {entry}"))?;
        let found = Credentials::read(self.stage, path).await?;
        let found = found.with_context(|| format!("nothing is at {path}"))?;
        ensure!(
            entry["vaultVersion"] == found.version,
            "the status says version {} and Vault {}",
            entry["vaultVersion"],
            found.version
        );
        Ok(found)
    }

    /// Everything the provider manages in the claim's namespace, with `kind` and `apiVersion`.
    pub async fn managed(&self) -> anyhow::Result<Vec<DynamicObject>> {
        let mut all = Vec::new();
        for (group, kind) in MANAGED_KINDS {
            all.extend(
                self.api_of(group, kind)
                    .list(&ListParams::default())
                    .await?
                    .items,
            );
        }
        Ok(all)
    }

    /// Asks for its deletion; it stays until everything it became is gone.
    pub async fn delete(&self) -> anyhow::Result<()> {
        let foreground = DeleteParams::foreground();
        self.api().delete(&self.name, &foreground).await?;
        Ok(())
    }

    /// Deletes it and waits until it is gone. Returns how long that took.
    pub async fn delete_and_wait(&self) -> anyhow::Result<Duration> {
        let started = Instant::now();
        self.delete().await?;
        self.gone().await?;
        Ok(started.elapsed())
    }

    /// Waits until it and its managed resources are gone.
    pub async fn gone(&self) -> anyhow::Result<()> {
        self.gone_within(PATIENCE).await
    }

    /// As [`Claim::gone`], for one whose credentials are somewhere slow.
    pub async fn gone_within(&self, patience: Duration) -> anyhow::Result<()> {
        let what = format!("claim {} to be gone", self.name);
        let gone = wait::wait_for(&what, patience, async || {
            Ok(self.api().get_opt(&self.name).await?.is_none() && self.managed().await?.is_empty())
        });
        match gone.await {
            Ok(()) => Ok(()),
            Err(error) => Err(error.context(self.describe().await)),
        }
    }

    /// Deletes it and waits until it is gone, whatever else there is in its namespace.
    pub async fn delete_only(&self) -> anyhow::Result<()> {
        self.delete().await?;
        wait::wait_gone(&self.api(), &self.name, PATIENCE).await
    }

    async fn describe(&self) -> String {
        let mut text = wait::describe(&self.api(), &self.name).await;
        text.push_str("Managed resources:\n");
        for object in self.managed().await.unwrap_or_default() {
            let kind = object.types.map(|types| types.kind).unwrap_or_default();
            let name = object.metadata.name.unwrap_or_default();
            let _infallible = writeln!(
                text,
                "  {kind}/{name}{}",
                conditions(&object.data["status"])
            );
        }
        text
    }
}

fn is_of(object: &DynamicObject, kind: &str) -> bool {
    object
        .types
        .as_ref()
        .is_some_and(|types| types.kind == kind)
}

/// A condition of a status; null when it is not there.
pub(super) fn find(status: &Value, condition: &str) -> Value {
    let all = status["conditions"].as_array();
    let mut all = all.into_iter().flatten();
    all.find(|one| one["type"] == condition)
        .cloned()
        .unwrap_or_default()
}

fn holds(status: &Value, condition: &str) -> bool {
    find(status, condition)["status"] == "True"
}

fn message(status: &Value, condition: &str) -> String {
    find(status, condition)["message"]
        .as_str()
        .unwrap_or_default()
        .to_owned()
}

fn conditions(status: &Value) -> String {
    let mut text = String::new();
    for one in status["conditions"].as_array().into_iter().flatten() {
        let word = |field: &str| one[field].as_str().unwrap_or_default().to_owned();
        let _infallible = write!(
            text,
            " {}={} {}",
            word("type"),
            word("status"),
            word("message")
        );
    }
    text
}
