//! `spec.initProvider`: values for a first moment, and values found instead of given.
//!
//! What the user gives at creation only lies under `spec.forProvider` when the external resource is
//! made and is never looked at again. What was found fills fields of `spec.forProvider` that nobody has
//! set. Either way, what `forProvider` says wins.

use std::{borrow::Cow, marker::PhantomData};

use schemars::{JsonSchema, Schema, SchemaGenerator};
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use crate::kind::Kind;

/// Values for create only. The schema is that of `forProvider`, with nothing required.
#[derive(Clone, Debug, Deserialize, Serialize)]
#[serde(transparent, bound = "")]
pub struct InitialParameters<K: Kind> {
    fields: Map<String, Value>,
    #[serde(skip)]
    kind: PhantomData<fn() -> K>,
}

impl<K: Kind> InitialParameters<K> {
    /// These fields.
    pub fn new(fields: Map<String, Value>) -> Self {
        Self {
            fields,
            kind: PhantomData,
        }
    }

    /// The parameters with these values where they say nothing.
    ///
    /// # Errors
    /// When the values do not fit the kind.
    pub fn under(&self, parameters: &K::Parameters) -> serde_json::Result<K::Parameters> {
        overlay(&Value::Object(self.fields.clone()), parameters)
    }
}

/// `parameters` with the values of `found` where they say nothing.
#[cfg(feature = "runtime")]
pub(crate) fn filled<K: Kind>(
    parameters: &K::Parameters,
    found: &K::Parameters,
) -> serde_json::Result<K::Parameters> {
    overlay(&serde_json::to_value(found)?, parameters)
}

fn overlay<P: Serialize + serde::de::DeserializeOwned>(
    under: &Value,
    over: &P,
) -> serde_json::Result<P> {
    let mut merged = under.clone();
    lay(&mut merged, &serde_json::to_value(over)?);
    serde_json::from_value(merged)
}

/// Objects are merged, everything else is replaced.
fn lay(under: &mut Value, over: &Value) {
    match (under, over) {
        (Value::Object(under), Value::Object(over)) => {
            for (key, value) in over {
                lay(under.entry(key).or_insert(Value::Null), value);
            }
        }
        (_, Value::Null) => {}
        (under, over) => under.clone_from(over),
    }
}

impl<K: Kind> JsonSchema for InitialParameters<K> {
    fn inline_schema() -> bool {
        true
    }

    fn schema_name() -> Cow<'static, str> {
        format!("InitialParametersOf{}", K::KIND).into()
    }

    fn json_schema(generator: &mut SchemaGenerator) -> Schema {
        let mut schema = generator.subschema_for::<K::Parameters>();
        if let Some(fields) = schema.as_object_mut() {
            relax(fields, true);
        }
        schema
    }
}

/// Takes out what asks for completeness. Items of lists stay complete: they are replaced as a whole.
fn relax(schema: &mut Map<String, Value>, is_merged: bool) {
    schema.remove("x-kubernetes-validations");
    if is_merged {
        schema.remove("required");
        schema.remove("default");
    }
    let properties = schema.get_mut("properties").and_then(Value::as_object_mut);
    for property in properties.into_iter().flat_map(Map::values_mut) {
        if let Some(property) = property.as_object_mut() {
            relax(property, is_merged);
        }
    }
    for inner in ["items", "additionalProperties"] {
        if let Some(inner) = schema.get_mut(inner).and_then(Value::as_object_mut) {
            relax(inner, false);
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn what_is_given_wins_over_what_lies_under_it_down_to_the_single_field() {
        let mut value = json!({ "a": 1, "b": { "c": 1, "d": 2 }, "e": [1] });
        lay(
            &mut value,
            &json!({ "a": null, "b": { "c": 3 }, "e": [2], "f": true }),
        );
        assert_eq!(
            value,
            json!({ "a": 1, "b": { "c": 3, "d": 2 }, "e": [2], "f": true })
        );
    }

    #[test]
    fn nothing_is_required_but_within_the_items_of_lists() {
        let mut schema = json!({
            "required": ["a"],
            "x-kubernetes-validations": [{ "rule": "has(self.a)" }],
            "properties": {
                "required": { "type": "string", "default": "x" },
                "list": { "items": { "required": ["k"], "x-kubernetes-validations": [] } },
            },
        });
        relax(schema.as_object_mut().unwrap(), true);
        assert_eq!(
            schema,
            json!({ "properties": {
                "required": { "type": "string" },
                "list": { "items": { "required": ["k"] } },
            }})
        );
    }
}
