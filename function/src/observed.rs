//! The only reader of protobuf: from a request to what was observed.
//!
//! Connection details reach a function with every request; nothing here keeps them, so no secret can
//! get into a status, an event or a log.

use std::collections::BTreeMap;

use function_sdk_rust::{
    proto::v1::{Resource, RunFunctionRequest},
    resource::struct_to_json,
};
use managed::{Condition, Kind, ManagedResource};
use serde::{Deserialize, de::DeserializeOwned};
use serde_json::Value;

/// What Crossplane knows when it asks.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Observed {
    /// The composite resource.
    pub composite: Composite,
    /// Composed resources by key, as they are in the cluster.
    pub resources: BTreeMap<String, Composed>,
}

/// The composite resource: a claim of its own, or what Crossplane made for a classic claim.
#[derive(Clone, Debug, Default, Deserialize, Eq, PartialEq)]
#[serde(rename_all = "camelCase", default)]
pub struct Composite {
    /// Kind.
    pub kind: String,
    /// Metadata.
    pub metadata: Metadata,
    /// `spec`, with the fields that Crossplane adds.
    pub spec: Value,
    /// `status`, with the fields that Crossplane adds.
    pub status: Value,
}

/// A composed resource as it is in the cluster.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Composed {
    /// Metadata.
    pub metadata: Metadata,
    /// Conditions of its status.
    pub conditions: Vec<Condition>,
    /// The whole object.
    pub object: Value,
}

/// The part of an object's metadata that decisions depend on.
#[derive(Clone, Debug, Default, Deserialize, Eq, PartialEq)]
#[serde(rename_all = "camelCase", default)]
pub struct Metadata {
    /// Name.
    pub name: String,
    /// Namespace; a cluster-scoped object has none.
    pub namespace: Option<String>,
    /// Annotations.
    pub annotations: BTreeMap<String, String>,
    /// Generation of the spec.
    pub generation: Option<i64>,
    /// Set once the object is being deleted.
    pub deletion_timestamp: Option<String>,
}

/// What the user wrote: the namespaced composite itself, or the claim it was made for.
#[derive(Clone, Debug, Deserialize, Eq, PartialEq)]
pub struct Origin {
    /// Name of what the user wrote.
    pub name: String,
    /// Its namespace, which everything composed is in.
    pub namespace: String,
}

impl Observed {
    /// Reads a request. `None` when it carries no composite resource.
    pub fn read(request: &RunFunctionRequest) -> Option<Self> {
        let state = request.observed.as_ref()?;
        let composite = serde_json::from_value(json(state.composite.as_ref()?)?).ok()?;
        let read = |(key, resource): (&String, &Resource)| {
            Some((key.clone(), Composed::read(json(resource)?)))
        };
        let resources = state.resources.iter().filter_map(read).collect();
        Some(Self {
            composite,
            resources,
        })
    }

    /// What the provider found for a composed resource; `None` before the first pass.
    pub fn at_provider<K: Kind>(&self, key: &str) -> Option<K::Observation> {
        let object = self.resources.get(key)?.object.clone();
        let managed: ManagedResource<K> = serde_json::from_value(object).ok()?;
        Some(managed.status?.at_provider)
    }
}

impl Composite {
    /// What the user wrote; `None` for a cluster-scoped composite without a claim.
    pub fn origin(&self) -> Option<Origin> {
        let Metadata {
            name, namespace, ..
        } = &self.metadata;
        match namespace {
            Some(namespace) => Some(Origin {
                name: name.clone(),
                namespace: namespace.clone(),
            }),
            None => serde_json::from_value(self.spec.get("claimRef")?.clone()).ok(),
        }
    }

    /// Conditions as they were last written.
    pub fn conditions(&self) -> Vec<Condition> {
        conditions(&self.status)
    }

    /// True while Crossplane's circuit breaker keeps events from the composite.
    pub fn is_unheard(&self) -> bool {
        let conditions = self.conditions();
        let responsive = managed::condition::find(&conditions, "Responsive");
        responsive.is_some_and(|responsive| responsive.status == "False")
    }

    /// True when the API server refused a composed resource last time. Crossplane says so in a message
    /// only; which resource it was is in the events.
    pub fn was_refused(&self) -> bool {
        let conditions = self.conditions();
        let synced = managed::condition::find(&conditions, managed::condition::SYNCED);
        synced.is_some_and(|synced| {
            synced.status == "False" && synced.message.starts_with("Unsynced resources")
        })
    }

    /// The status as it was last written, without the fields that Crossplane adds.
    pub fn last_status<S: DeserializeOwned + Default>(&self) -> S {
        serde_json::from_value(self.status.clone()).unwrap_or_default()
    }
}

impl Composed {
    fn read(object: Value) -> Self {
        let metadata = object.get("metadata").cloned().unwrap_or_default();
        Self {
            metadata: serde_json::from_value(metadata).unwrap_or_default(),
            conditions: object.get("status").map(conditions).unwrap_or_default(),
            object,
        }
    }

    /// The condition of a type.
    pub fn condition(&self, kind: &str) -> Option<&Condition> {
        managed::condition::find(&self.conditions, kind)
    }
}

/// A condition that cannot be read is left out; the others still count.
fn conditions(status: &Value) -> Vec<Condition> {
    let all = status
        .get("conditions")
        .and_then(Value::as_array)
        .into_iter()
        .flatten();
    all.filter_map(|condition| serde_json::from_value(condition.clone()).ok())
        .collect()
}

fn json(resource: &Resource) -> Option<Value> {
    resource.resource.as_ref().map(struct_to_json)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn composite(object: Value) -> Composite {
        serde_json::from_value(object).unwrap()
    }

    #[test]
    fn a_namespaced_composite_is_what_the_user_wrote() {
        let composite = composite(json!({"metadata": {"name": "orders", "namespace": "shop"}}));
        assert_eq!(
            composite.origin(),
            Some(Origin {
                name: "orders".into(),
                namespace: "shop".into()
            })
        );
    }

    #[test]
    fn a_composite_of_a_classic_claim_is_named_after_the_claim() {
        let composite = composite(json!({
            "metadata": {"name": "orders-x7k2p"},
            "spec": {"claimRef": {"kind": "PostgreSQLInstance", "name": "orders", "namespace": "shop"}},
        }));
        assert_eq!(
            composite.origin(),
            Some(Origin {
                name: "orders".into(),
                namespace: "shop".into()
            })
        );
    }

    #[test]
    fn a_cluster_scoped_composite_without_a_claim_has_no_origin() {
        assert_eq!(
            composite(json!({"metadata": {"name": "orders"}})).origin(),
            None
        );
    }

    #[test]
    fn a_condition_that_cannot_be_read_does_not_hide_the_others() {
        let ready = json!({
            "type": "Ready", "status": "True", "reason": "Available", "message": "",
            "lastTransitionTime": "2026-01-01T00:00:00Z",
        });
        let status = json!({"conditions": [{"type": 7}, ready]});
        assert_eq!(conditions(&status).len(), 1);
    }
}
