//! What was asked for, from the audit log.

use std::collections::BTreeSet;
use std::fmt;
use std::path::Path;

use anyhow::Context;
use serde_json::Value;

/// A verb on a resource.
#[derive(Clone, Debug, Eq, Ord, PartialEq, PartialOrd)]
pub(crate) struct Asked {
    pub(crate) verb: String,
    pub(crate) group: String,
    /// With the subresource after a slash.
    pub(crate) resource: String,
}

impl fmt::Display for Asked {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {}", self.verb, self.resource)?;
        if self.group.is_empty() {
            Ok(())
        } else {
            write!(f, " of {}", self.group)
        }
    }
}

/// Everything in the log.
pub(crate) fn read(log: &Path) -> anyhow::Result<BTreeSet<Asked>> {
    let log = std::fs::read_to_string(log).context("cannot read the audit log")?;
    // The last line may not be written completely yet.
    let entries = log
        .lines()
        .filter_map(|line| serde_json::from_str(line).ok());
    Ok(entries.filter_map(|entry: Value| of(&entry)).collect())
}

/// `None` for what is no resource, such as `/version`.
fn of(entry: &Value) -> Option<Asked> {
    let object = entry.get("objectRef")?;
    let text = |key: &str| object[key].as_str().unwrap_or_default();
    let resource = match text("subresource") {
        "" => text("resource").to_owned(),
        subresource => format!("{}/{subresource}", text("resource")),
    };
    Some(Asked {
        verb: entry["verb"].as_str()?.to_owned(),
        group: text("apiGroup").to_owned(),
        resource,
    })
}
