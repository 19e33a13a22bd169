//! Fields that an earlier version of an object has applied and the present one does not. Pure.
//!
//! The object itself remembers them, in `metadata.managedFields`. Applying takes them away.

use serde_json::Value;

/// Who we are to the API server when we apply.
pub(in crate::kubernetes::vcluster) const MANAGER: &str = "kubernetes.pnats.cloud/vcluster";

/// Paths of the fields, each beginning with a point.
pub(super) fn fields(desired: &Value, live: &Value) -> Vec<String> {
    let entries = live["metadata"]["managedFields"].as_array();
    let mine = entries.into_iter().flatten().filter(|entry| {
        entry["manager"] == MANAGER
            && entry["operation"] == "Apply"
            && entry.get("subresource").is_none()
    });
    let mut found = Vec::new();
    for entry in mine {
        walk(&entry["fieldsV1"], desired, "", &mut found);
    }
    found
}

/// Field sets name a field `f:NAME`, an item of a list `k:KEYS` or `v:VALUE`, and the thing itself `.`.
fn walk(owned: &Value, desired: &Value, path: &str, found: &mut Vec<String>) {
    for (key, below) in owned.as_object().into_iter().flatten() {
        let Some((kind, name)) = key.split_once(':') else {
            continue;
        };
        let (step, value) = match kind {
            "f" => (format!(".{name}"), desired.get(name)),
            "k" => (format!("[{name}]"), item(desired, name)),
            "v" => (format!("[{name}]"), member(desired, name)),
            _ => continue,
        };
        let path = format!("{path}{step}");
        match value {
            Some(value) => walk(below, value, &path, found),
            None => found.push(path),
        }
    }
}

fn item<'a>(list: &'a Value, keys: &str) -> Option<&'a Value> {
    let keys: Value = serde_json::from_str(keys).ok()?;
    let keys = keys.as_object()?;
    let fits = |item: &&Value| keys.iter().all(|(key, value)| &item[key] == value);
    list.as_array()?.iter().find(fits)
}

fn member<'a>(list: &'a Value, value: &str) -> Option<&'a Value> {
    let value: Value = serde_json::from_str(value).ok()?;
    list.as_array()?.iter().find(|member| **member == value)
}
