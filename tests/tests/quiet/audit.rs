//! What the provider asks of Vault, from Vault's own audit log.

use std::collections::BTreeMap;

use serde_json::Value;
use testbed::story::{Stage, Tail};

/// The audit log from a moment on.
pub(crate) struct Audit(Tail);

impl Audit {
    pub(crate) fn since_now(stage: &Stage) -> anyhow::Result<Self> {
        Ok(Self(Tail::new(&stage.testbed.openbao().audit_log)?))
    }

    fn requests(&self) -> anyhow::Result<Vec<Value>> {
        let added = self.0.added()?;
        // The last line may not be written completely yet.
        let lines = added
            .lines()
            .filter_map(|line| serde_json::from_str(line).ok());
        let is_of_provider = |entry: &Value| {
            let account = &entry["auth"]["metadata"]["service_account_name"];
            entry["type"] == "request" && *account == "provider-tenancy"
        };
        Ok(lines.filter(is_of_provider).collect())
    }

    /// How often each path was read that begins so.
    pub(crate) fn reads(&self, prefix: &str) -> anyhow::Result<BTreeMap<String, usize>> {
        let mut reads = BTreeMap::new();
        for entry in self.requests()? {
            let path = entry["request"]["path"].as_str().unwrap_or_default();
            if entry["request"]["operation"] == "read" && path.starts_with(prefix) {
                *reads.entry(path.to_owned()).or_default() += 1;
            }
        }
        Ok(reads)
    }

    /// Requests that change something. Renewing the token keeps the login alive once in a while, and to
    /// ask for one's rights is a write to Vault in name only.
    pub(crate) fn changes(&self) -> anyhow::Result<Vec<String>> {
        let requests = self
            .requests()?
            .into_iter()
            .map(|mut entry| entry["request"].take());
        let harmless = ["auth/token/renew-self", "sys/capabilities-self"];
        let is_change = |request: &Value| {
            let path = request["path"].as_str().unwrap_or_default();
            request["operation"] != "read" && !harmless.contains(&path)
        };
        let shown = |request: Value| format!("{} {}", request["operation"], request["path"]);
        Ok(requests.filter(is_change).map(shown).collect())
    }
}
