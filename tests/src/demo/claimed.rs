//! A claim of the demo, as the API server has it.

use anyhow::Context;
use kube::Api;
use kube::api::{DeleteParams, DynamicObject};
use serde_json::Value;

/// One claim.
pub(super) struct Claimed {
    api: Api<DynamicObject>,
    /// Its name.
    pub(super) name: &'static str,
}

impl Claimed {
    pub(super) fn new(api: Api<DynamicObject>, name: &'static str) -> Self {
        Self { api, name }
    }

    pub(super) async fn status(&self) -> anyhow::Result<Value> {
        let claim = self.api.get_opt(self.name).await?;
        Ok(claim
            .map(|claim| claim.data["status"].clone())
            .unwrap_or_default())
    }

    /// A field of the status that is text.
    pub(super) async fn text(&self, field: &str) -> anyhow::Result<String> {
        let found = self.status().await?[field].as_str().map(ToOwned::to_owned);
        found.with_context(|| format!("the status of {} has no {field}", self.name))
    }

    /// The message of a condition that holds.
    pub(super) async fn holds(&self, kind: &str) -> anyhow::Result<Option<String>> {
        let status = self.status().await?;
        let mut all = status["conditions"].as_array().into_iter().flatten();
        let found = all.find(|one| one["type"] == kind && one["status"] == "True");
        Ok(found.map(|one| one["message"].as_str().unwrap_or_default().to_owned()))
    }

    pub(super) async fn delete(&self) -> anyhow::Result<()> {
        let foreground = DeleteParams::foreground();
        self.api.delete(self.name, &foreground).await?;
        Ok(())
    }

    pub(super) async fn is_gone(&self) -> anyhow::Result<bool> {
        Ok(self.api.get_opt(self.name).await?.is_none())
    }
}
