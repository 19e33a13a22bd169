//! The objects of the fake API server, and the rules by which they change.

use std::collections::BTreeMap;

use hyper::body::Bytes;
use k8s_openapi::jiff::Timestamp;
use serde_json::{Map, Value, json};

use super::history::History;

/// Plural, namespace, name.
pub(super) type Key = (String, String, String);

/// Why a request is refused: HTTP status and reason.
#[derive(Clone, Copy, Debug)]
pub(super) struct Refused(pub u16, pub &'static str);

const NOT_FOUND: Refused = Refused(404, "NotFound");
const CONFLICT: Refused = Refused(409, "Conflict");
const ALREADY_EXISTS: Refused = Refused(409, "AlreadyExists");

#[derive(Debug, Default)]
pub(super) struct Objects {
    all: BTreeMap<Key, Value>,
    /// What each manager applied to each status last.
    applied: BTreeMap<(Key, String), Value>,
    version: u64,
    born: u64,
    history: History,
}

impl Objects {
    pub(super) fn history(&self) -> &History {
        &self.history
    }

    pub(super) fn version(&self) -> u64 {
        self.version
    }

    pub(super) fn get(&self, key: &Key) -> Option<&Value> {
        self.all.get(key)
    }

    pub(super) fn list(&self, plural: &str, namespace: &str) -> Vec<Value> {
        let matches = |key: &Key| key.0 == plural && (namespace.is_empty() || key.1 == namespace);
        self.all
            .iter()
            .filter(|(key, _)| matches(key))
            .map(|(_, object)| object.clone())
            .collect()
    }

    /// What is there as events, one per line, with the bookmark that ends them, and the version that is.
    pub(super) fn streamed(&self, plural: &str, namespace: &str) -> (u64, Bytes) {
        let end = json!({
            "kind": "Bookmark",
            "apiVersion": "v1",
            "metadata": {
                "resourceVersion": self.version.to_string(),
                "annotations": { "k8s.io/initial-events-end": "true" },
            },
        });
        let there = self.list(plural, namespace).into_iter();
        let lines: Vec<_> = there
            .map(|object| json!({ "type": "ADDED", "object": object }).to_string())
            .chain([json!({ "type": "BOOKMARK", "object": end }).to_string()])
            .collect();
        (self.version, Bytes::from(lines.join("\n") + "\n"))
    }

    pub(super) fn create(
        &mut self,
        mut key: Key,
        mut object: Value,
        now: Timestamp,
    ) -> Result<Value, Refused> {
        self.born += 1;
        if key.2.is_empty() {
            let prefix = object["metadata"]["generateName"].as_str();
            key.2 = format!("{}{}", prefix.unwrap_or_default(), self.born);
        }
        if self.all.contains_key(&key) {
            return Err(ALREADY_EXISTS);
        }
        let metadata = &mut object["metadata"];
        metadata["name"] = json!(key.2);
        if !key.1.is_empty() {
            metadata["namespace"] = json!(key.1);
        }
        metadata["uid"] = json!(format!("uid-{}", self.born));
        metadata["creationTimestamp"] = json!(format!("{now:.0}"));
        metadata["generation"] = json!(1);
        if let Some(object) = object.as_object_mut() {
            object.remove("status");
        }
        Ok(self.store(key, object))
    }

    /// A merge patch of the object without its status.
    pub(super) fn merge(&mut self, key: &Key, patch: &Value) -> Result<Value, Refused> {
        let before = self.all.get(key).ok_or(NOT_FOUND)?.clone();
        check(&before, patch)?;
        let mut after = before.clone();
        merge(&mut after, patch);
        after["status"] = before["status"].clone();
        Ok(self.replace(key.clone(), &before, after))
    }

    /// Server-side apply of the status: fields the manager no longer sends are gone, conditions of
    /// others stay.
    pub(super) fn apply_status(
        &mut self,
        key: &Key,
        manager: &str,
        body: &Value,
    ) -> Result<Value, Refused> {
        let before = self.all.get(key).ok_or(NOT_FOUND)?.clone();
        check(&before, body)?;
        let owned = (key.clone(), manager.to_owned());
        let earlier = self.applied.insert(owned, body["status"].clone());
        let mut after = before.clone();
        after["status"] = body["status"].clone();
        let own = [earlier.as_ref(), Some(&body["status"])];
        let of_others = conditions(&before["status"])
            .into_iter()
            .filter(|condition| !own.iter().flatten().any(|own| speaks_of(own, condition)));
        let mut all = conditions(&body["status"]);
        all.extend(of_others);
        after["status"]["conditions"] = json!(all);
        Ok(self.replace(key.clone(), &before, after))
    }

    /// What a user changes by hand, the status included.
    pub(super) fn edit(&mut self, key: &Key, edit: impl FnOnce(&mut Value)) {
        let before = self
            .all
            .get(key)
            .cloned()
            .expect("the object to edit exists");
        let mut after = before.clone();
        edit(&mut after);
        self.replace(key.clone(), &before, after);
    }

    /// Deletes, or marks for deletion while there are finalizers.
    pub(super) fn delete(&mut self, key: &Key, now: Timestamp) -> Result<(), Refused> {
        let before = self.all.get(key).ok_or(NOT_FOUND)?.clone();
        if before["metadata"]["deletionTimestamp"].is_string() {
            return Ok(());
        }
        let mut after = before.clone();
        after["metadata"]["deletionTimestamp"] = json!(format!("{now:.0}"));
        let generation = after["metadata"]["generation"].as_i64().unwrap_or(0);
        after["metadata"]["generation"] = json!(generation + 1);
        self.replace(key.clone(), &before, after);
        Ok(())
    }

    fn replace(&mut self, key: Key, before: &Value, mut after: Value) -> Value {
        for field in ["uid", "creationTimestamp", "resourceVersion"] {
            after["metadata"][field] = before["metadata"][field].clone();
        }
        prune(&mut after);
        if after == *before {
            return after;
        }
        if after["spec"] != before["spec"] {
            let generation = before["metadata"]["generation"].as_i64().unwrap_or(0);
            after["metadata"]["generation"] = json!(generation + 1);
        }
        if after["metadata"]["deletionTimestamp"].is_string() && is_free(&after) {
            self.version += 1;
            after["metadata"]["resourceVersion"] = json!(self.version.to_string());
            self.all.remove(&key);
            self.history.note(self.version, &key, "DELETED", &after);
            self.applied.retain(|(applied, _), _| *applied != key);
            self.collect(&after);
            return after;
        }
        self.store(key, after)
    }

    fn store(&mut self, key: Key, mut object: Value) -> Value {
        self.version += 1;
        object["metadata"]["resourceVersion"] = json!(self.version.to_string());
        prune(&mut object);
        let is_new = !self.all.contains_key(&key);
        let what = if is_new { "ADDED" } else { "MODIFIED" };
        self.history.note(self.version, &key, what, &object);
        self.all.insert(key, object.clone());
        object
    }

    /// Deletes what was owned by an object that is gone.
    fn collect(&mut self, gone: &Value) {
        let uid = &gone["metadata"]["uid"];
        let owned = |object: &&Value| {
            let owners = object["metadata"]["ownerReferences"].as_array();
            owners.is_some_and(|owners| owners.iter().any(|owner| owner["uid"] == *uid))
        };
        let keys: Vec<_> = self
            .all
            .iter()
            .filter(|(_, object)| owned(object))
            .map(|(key, _)| key.clone())
            .collect();
        let at = gone["metadata"]["deletionTimestamp"].as_str();
        let at: Timestamp = at.and_then(|at| at.parse().ok()).unwrap_or_default();
        for key in keys {
            let _ = self.delete(&key, at);
        }
    }
}

fn check(object: &Value, patch: &Value) -> Result<(), Refused> {
    for field in ["resourceVersion", "uid"] {
        let wanted = &patch["metadata"][field];
        if wanted.is_string() && *wanted != object["metadata"][field] {
            return Err(CONFLICT);
        }
    }
    Ok(())
}

fn conditions(status: &Value) -> Vec<Value> {
    status["conditions"].as_array().cloned().unwrap_or_default()
}

fn speaks_of(status: &Value, condition: &Value) -> bool {
    conditions(status)
        .iter()
        .any(|own| own["type"] == condition["type"])
}

fn is_free(object: &Value) -> bool {
    object["metadata"]["finalizers"]
        .as_array()
        .is_none_or(Vec::is_empty)
}

/// RFC 7386.
fn merge(target: &mut Value, patch: &Value) {
    let Value::Object(patch) = patch else {
        *target = patch.clone();
        return;
    };
    if !target.is_object() {
        *target = Value::Object(Map::new());
    }
    for (key, value) in patch {
        if value.is_null() {
            target.as_object_mut().expect("just made").remove(key);
        } else {
            merge(&mut target[key], value);
        }
    }
}

/// Takes out what indexing has left behind as null.
fn prune(value: &mut Value) {
    if let Value::Object(fields) = value {
        fields.retain(|_, field| !field.is_null());
        fields.values_mut().for_each(prune);
    }
}
