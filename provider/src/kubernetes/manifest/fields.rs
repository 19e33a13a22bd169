//! What we own of a live object, from its `managedFields`.
//!
//! `fieldsV1` is a tree: `f:<name>` is a field, `k:{…}` an item of a list told apart by keys, `v:…` a
//! value of a set, `.` the node itself.

use serde_json::{Map, Value as Json};

use super::{FIELD_MANAGER, value::Path};

/// The tree of what we have applied to a live object; `None` when nothing, or in another version of
/// the API, in which fields may have other names.
pub fn applied(live: &Json) -> Option<&Json> {
    let entries = live["metadata"]["managedFields"].as_array()?;
    let entry = entries.iter().find(|entry| {
        entry["manager"] == FIELD_MANAGER
            && entry["operation"] == "Apply"
            && entry["apiVersion"] == live["apiVersion"]
            && entry["subresource"].as_str().is_none_or(str::is_empty)
    })?;
    Some(&entry["fieldsV1"])
}

/// Paths that we have applied and that `desired` does not name any more.
pub fn abandoned(desired: &Json, applied: &Json) -> Vec<Path> {
    let mut found = Vec::new();
    walk(&Path::default(), desired, applied, &mut found);
    found
}

fn walk(path: &Path, desired: &Json, node: &Json, found: &mut Vec<Path>) {
    for (entry, below) in node.as_object().into_iter().flatten() {
        if let Some(name) = entry.strip_prefix("f:") {
            let path = path.field(name);
            match desired.get(name) {
                Some(value) => walk(&path, value, below, found),
                None => found.push(path),
            }
        } else if let Some(keys) = keys(entry) {
            let path = path.keyed(&keys);
            match item(desired, &keys) {
                Some(value) => walk(&path, value, below, found),
                None => found.push(path),
            }
        } else if let Some(value) = entry.strip_prefix("v:") {
            let value = serde_json::from_str::<Json>(value).unwrap_or_default();
            let is_there = desired
                .as_array()
                .is_some_and(|items| items.contains(&value));
            if !is_there {
                found.push(path.clone());
            }
        }
    }
}

/// The keys of an entry `k:{…}`.
pub(super) fn keys(entry: &str) -> Option<Map<String, Json>> {
    serde_json::from_str(entry.strip_prefix("k:")?).ok()
}

/// The item of a list with these keys. A key that an item does not name has been filled in by the
/// API server, as `protocol: TCP` is.
pub(super) fn item<'l>(list: &'l Json, wanted: &Map<String, Json>) -> Option<&'l Json> {
    let fits = |item: &&Json| {
        item.is_object()
            && wanted
                .iter()
                .all(|(key, value)| item.get(key).is_none_or(|found| found == value))
            && wanted.keys().any(|key| item.get(key).is_some())
    };
    list.as_array()?.iter().find(fits)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn what_was_applied_and_is_not_wanted_any_more_is_found() {
        let applied = json!({
            "f:metadata": {"f:labels": {"f:a": {}, "f:b.c": {}}, "f:finalizers": {"v:\"x\"": {}}},
            "f:spec": {"f:replicas": {}, "f:containers": {
                "k:{\"name\":\"app\"}": {".": {}, "f:name": {}, "f:image": {}},
                "k:{\"name\":\"side\"}": {".": {}, "f:name": {}},
            }, "f:ports": {"k:{\"port\":80,\"protocol\":\"TCP\"}": {".": {}, "f:port": {}}}},
        });
        let desired = json!({
            "metadata": {"labels": {"a": "1"}},
            "spec": {"containers": [{"name": "app", "image": "x"}], "ports": [{"port": 80}]},
        });
        let found = abandoned(&desired, &applied);
        let found: Vec<_> = found.iter().map(Path::as_str).collect();
        assert_eq!(
            found,
            [
                "metadata.finalizers",
                "metadata.labels[\"b.c\"]",
                "spec.containers[name=side]",
                "spec.replicas"
            ]
        );
    }

    #[test]
    fn only_our_own_apply_in_the_same_version_counts() {
        let entry = |manager: &str, operation: &str, version: &str| {
            json!({"apiVersion": "v1", "metadata": {"managedFields": [
                {"manager": manager, "operation": operation, "apiVersion": version, "fieldsV1": {"f:a": {}}},
            ]}})
        };
        assert!(applied(&entry(FIELD_MANAGER, "Apply", "v1")).is_some());
        assert!(applied(&entry("kubectl", "Apply", "v1")).is_none());
        assert!(applied(&entry(FIELD_MANAGER, "Update", "v1")).is_none());
        assert!(applied(&entry(FIELD_MANAGER, "Apply", "v2")).is_none());
        assert!(applied(&json!({})).is_none());
    }
}
