//! Messages of the package `changelogs.proto.v1alpha1`, with the field numbers Crossplane gave them.

use std::collections::BTreeMap;

use prost::Message;
use prost_types::{ListValue, Struct, Timestamp, Value, value::Kind as Is};
use serde_json::Value as Json;

use crate::{kind::Kind, resource::ManagedResource};

/// kubectl's copy of what was last applied. It repeats the object, or what is no longer in it.
const LAST_APPLIED: &str = "kubectl.kubernetes.io/last-applied-configuration";

/// What was done to the external resource, by its number in `OperationType`.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum Operation {
    /// It was made.
    Create = 1,
    /// It was changed.
    Update = 2,
    /// It was removed.
    Delete = 3,
}

/// One change.
#[derive(Clone, Message, PartialEq)]
pub(crate) struct Entry {
    #[prost(message, optional, tag = "1")]
    pub timestamp: Option<Timestamp>,
    #[prost(string, tag = "2")]
    pub provider: String,
    #[prost(string, tag = "3")]
    pub api_version: String,
    #[prost(string, tag = "4")]
    pub kind: String,
    #[prost(string, tag = "5")]
    pub name: String,
    #[prost(string, tag = "6")]
    pub external_name: String,
    /// An [`Operation`]; an enumeration travels as its number.
    #[prost(int32, tag = "7")]
    pub operation: i32,
    /// The managed resource before the change.
    #[prost(message, optional, tag = "8")]
    pub snapshot: Option<Struct>,
    #[prost(string, optional, tag = "9")]
    pub error_message: Option<String>,
    #[prost(btree_map = "string, string", tag = "10")]
    pub additional_details: BTreeMap<String, String>,
}

/// Asks for one entry to be logged.
#[derive(Clone, Message, PartialEq)]
pub(super) struct SendChangeLogRequest {
    #[prost(message, optional, tag = "1")]
    pub entry: Option<Entry>,
}

/// It was logged.
#[derive(Clone, Copy, Message, PartialEq)]
pub(super) struct SendChangeLogResponse {}

/// The whole object as a message. `None` when it is no JSON, which no managed resource is.
pub(super) fn snapshot<K: Kind>(object: &ManagedResource<K>) -> Option<Struct> {
    let mut object = serde_json::to_value(object).ok()?;
    if let Some(annotations) = object["metadata"]["annotations"].as_object_mut() {
        annotations.remove(LAST_APPLIED);
    }
    match value(object).kind? {
        Is::StructValue(object) => Some(object),
        _ => None,
    }
}

fn value(json: Json) -> Value {
    let kind = match json {
        Json::Null => Is::NullValue(0),
        Json::Bool(value) => Is::BoolValue(value),
        // Protocol Buffers know no integers in JSON either; a number is never NaN here.
        Json::Number(number) => Is::NumberValue(number.as_f64().unwrap_or_default()),
        Json::String(text) => Is::StringValue(text),
        Json::Array(items) => Is::ListValue(ListValue {
            values: items.into_iter().map(value).collect(),
        }),
        Json::Object(fields) => Is::StructValue(Struct {
            fields: fields
                .into_iter()
                .map(|(name, field)| (name, value(field)))
                .collect(),
        }),
    };
    Value { kind: Some(kind) }
}
