//! Writes to the managed resource itself: metadata by merge patch limited to our keys, status by
//! server-side apply limited to our fields. Nothing read earlier is ever written back.

use std::{
    collections::{BTreeMap, BTreeSet},
    time::Duration,
};

use k8s_openapi::jiff::Timestamp;
use kube::{
    Api, ResourceExt,
    api::{Patch, PatchParams},
};
use serde_json::{Value, json};

use crate::{
    condition::OWN,
    kind::Kind,
    resource::{self, FINALIZER, ManagedResource, Status},
};

/// Field manager of metadata and resolved references.
pub(crate) const MANAGER: &str = "tenancy.pnats.cloud/managed";
/// Field manager of the status.
pub(crate) const STATUS_MANAGER: &str = "tenancy.pnats.cloud/status";

/// How often a write that must not be lost is tried.
const ATTEMPTS: u32 = 5;

/// Changes of metadata and resolved references that go out in one patch.
#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) struct Changes {
    /// Annotations to set.
    pub annotations: BTreeMap<&'static str, String>,
    /// Add our finalizer.
    pub finalizer: bool,
    /// Changed part of `spec.forProvider`.
    pub for_provider: Option<Value>,
}

impl Changes {
    /// What every resource under management needs: its external name, our finalizer, and where its
    /// connection details are.
    pub(crate) fn adoption<K: Kind>(object: &ManagedResource<K>) -> Self {
        let mut changes = Self {
            finalizer: !object.has_finalizer(),
            ..Self::default()
        };
        if object
            .annotation(resource::EXTERNAL_NAME)
            .is_none_or(str::is_empty)
        {
            changes
                .annotations
                .insert(resource::EXTERNAL_NAME, object.external_name().into_owned());
        }
        if let Some(reference) = &object.spec.write_connection_secret_to_ref
            && object.annotation(resource::CONNECTION_SECRET) != Some(&reference.name)
        {
            changes
                .annotations
                .insert(resource::CONNECTION_SECRET, reference.name.clone());
        }
        changes
    }

    /// Remembers the ledger, if it is not remembered yet.
    pub(crate) fn remember<K: Kind>(
        &mut self,
        object: &ManagedResource<K>,
        ledger: &BTreeSet<String>,
    ) {
        if *ledger != self::ledger(object) {
            let text = serde_json::to_string(ledger).expect("a set of strings is JSON");
            self.annotations.insert(resource::LEDGER, text);
        }
    }

    /// True when there is nothing to write.
    pub(crate) fn is_empty(&self) -> bool {
        *self == Self::default()
    }
}

/// The ledger an object carries. An annotation that cannot be read counts as empty.
pub(crate) fn ledger<K: Kind>(object: &ManagedResource<K>) -> BTreeSet<String> {
    object
        .annotation(resource::LEDGER)
        .and_then(|text| serde_json::from_str(text).ok())
        .unwrap_or_default()
}

/// The time as create annotations carry it: RFC 3339 with microseconds, which Go parses too.
pub(crate) fn stamp(now: Timestamp) -> String {
    format!("{now:.6}")
}

/// Writes changes, provided that the object is still the one that was read (409 otherwise).
pub(crate) async fn change<K: Kind>(
    api: &Api<ManagedResource<K>>,
    object: &ManagedResource<K>,
    changes: &Changes,
) -> kube::Result<ManagedResource<K>> {
    let mut metadata = json!({ "resourceVersion": object.metadata.resource_version });
    if !changes.annotations.is_empty() {
        metadata["annotations"] = json!(changes.annotations);
    }
    if changes.finalizer {
        let mut finalizers = object.metadata.finalizers.clone().unwrap_or_default();
        finalizers.push(FINALIZER.into());
        metadata["finalizers"] = json!(finalizers);
    }
    let mut patch = json!({ "metadata": metadata });
    if let Some(for_provider) = &changes.for_provider {
        patch["spec"] = json!({ "forProvider": for_provider });
    }
    api.patch(
        &object.name_any(),
        &PatchParams::apply(MANAGER),
        &Patch::Merge(patch),
    )
    .await
}

/// Writes one annotation on the live object, whatever else changed, and does not give up easily:
/// what it records has already happened outside.
pub(crate) async fn record<K: Kind>(
    api: &Api<ManagedResource<K>>,
    name: &str,
    annotation: &str,
    value: &str,
) -> kube::Result<ManagedResource<K>> {
    let patch = Patch::Merge(json!({ "metadata": { "annotations": { annotation: value } } }));
    let params = PatchParams::apply(MANAGER);
    persistently(|| api.patch(name, &params, &patch)).await
}

/// Tries a write again while the API server is too busy or broken.
async fn persistently<T, F: Future<Output = kube::Result<T>>>(
    write: impl Fn() -> F,
) -> kube::Result<T> {
    let mut attempt = 1;
    loop {
        match write().await {
            Err(error) if attempt < ATTEMPTS && is_worth_retrying(&error) => {
                tokio::time::sleep(Duration::from_millis(100 << attempt)).await;
                attempt += 1;
            }
            result => return result,
        }
    }
}

fn is_worth_retrying(error: &kube::Error) -> bool {
    !matches!(error, kube::Error::Api(status) if (400..500).contains(&status.code) && status.code != 429)
}

/// Applies the status and returns the object as it is then. Only this write is tried again: what the
/// status speaks of has been seen, and looking again would cost external calls.
pub(crate) async fn apply_status<K: Kind>(
    api: &Api<ManagedResource<K>>,
    object: &ManagedResource<K>,
    status: &Status<K>,
) -> kube::Result<ManagedResource<K>> {
    let mut status = status.clone();
    // Conditions of others are theirs to write.
    status.conditions.retain(|condition| {
        let kind = condition.type_.as_str();
        OWN.contains(&kind) || K::CONDITIONS.contains(&kind)
    });
    let body = json!({
        "apiVersion": K::api_version(),
        "kind": K::KIND,
        "metadata": { "name": object.name_any(), "uid": object.uid() },
        "status": status,
    });
    let params = PatchParams::apply(STATUS_MANAGER).force();
    let (name, patch) = (object.name_any(), Patch::Apply(body));
    persistently(|| api.patch_status(&name, &params, &patch)).await
}

/// Takes our finalizer off, all copies of it. An object that is gone already is a success.
pub(crate) async fn release<K: Kind>(
    api: &Api<ManagedResource<K>>,
    object: &ManagedResource<K>,
) -> kube::Result<()> {
    let mut live = object.clone();
    for _ in 0..ATTEMPTS {
        if !live.has_finalizer() {
            return Ok(());
        }
        let rest: Vec<_> = live
            .finalizers()
            .iter()
            .filter(|finalizer| *finalizer != FINALIZER)
            .collect();
        let patch = json!({ "metadata": {
            "resourceVersion": live.metadata.resource_version,
            "finalizers": rest,
        }});
        match api
            .patch(
                &live.name_any(),
                &PatchParams::apply(MANAGER),
                &Patch::Merge(patch),
            )
            .await
        {
            Ok(_) => return Ok(()),
            Err(error) if is_status(&error, 404) => return Ok(()),
            Err(error) if is_status(&error, 409) => match api.get_opt(&live.name_any()).await? {
                Some(fresh) if fresh.uid() == object.uid() => live = fresh,
                _ => return Ok(()),
            },
            Err(error) => return Err(error),
        }
    }
    Ok(())
}

/// True for an API error with this HTTP status code.
pub(crate) fn is_status(error: &kube::Error, code: u16) -> bool {
    matches!(error, kube::Error::Api(status) if status.code == code)
}

/// The difference between two JSON values as a merge patch: objects are descended into, everything
/// else is replaced.
pub(crate) fn difference(before: &Value, after: &Value) -> Option<Value> {
    match (before, after) {
        (Value::Object(before), Value::Object(after)) => {
            let changed = after.iter().filter_map(|(key, after)| {
                let before = before.get(key).unwrap_or(&Value::Null);
                difference(before, after).map(|value| (key.clone(), value))
            });
            let removed = before
                .keys()
                .filter(|key| !after.contains_key(*key))
                .map(|key| (key.clone(), Value::Null));
            let patch: serde_json::Map<_, _> = changed.chain(removed).collect();
            (!patch.is_empty()).then_some(Value::Object(patch))
        }
        _ => (before != after).then(|| after.clone()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_difference_names_only_what_changed() {
        let before = json!({ "a": 1, "b": { "c": 1, "d": 2 }, "e": 3 });
        let after = json!({ "a": 1, "b": { "c": 1, "d": 4 }, "f": [1] });
        assert_eq!(
            difference(&before, &after),
            Some(json!({ "b": { "d": 4 }, "e": null, "f": [1] }))
        );
        assert_eq!(difference(&before, &before), None);
    }

    #[test]
    fn create_annotations_have_microseconds() {
        let now = Timestamp::new(1_700_000_000, 123_456_789).unwrap();
        assert_eq!(stamp(now), "2023-11-14T22:13:20.123456Z");
    }
}
