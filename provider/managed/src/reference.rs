//! References between managed resources: a value, or a name, or a selector.

use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::kind::Kind;

/// When a reference is looked up.
#[derive(Clone, Copy, Debug, Default, Deserialize, Eq, JsonSchema, PartialEq, Serialize)]
pub enum Resolve {
    /// Once; the value found stays in the spec.
    #[default]
    IfNotPresent,
    /// On every pass.
    Always,
}

/// Whether a reference must be found.
#[derive(Clone, Copy, Debug, Default, Deserialize, Eq, JsonSchema, PartialEq, Serialize)]
pub enum Resolution {
    /// The resource waits until the reference is found.
    #[default]
    Required,
    /// A reference that is not found is ignored.
    Optional,
}

/// How a reference is resolved.
#[derive(Clone, Copy, Debug, Default, Deserialize, Eq, JsonSchema, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct ReferencePolicy {
    /// When it is looked up. Default `IfNotPresent`.
    #[serde(default)]
    pub resolve: Resolve,
    /// Whether it must be found. Default `Required`.
    #[serde(default)]
    pub resolution: Resolution,
}

/// Names another managed resource in the same namespace.
#[derive(Clone, Debug, Default, Deserialize, Eq, JsonSchema, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct NamedReference {
    /// Name of the managed resource.
    pub name: String,
    /// How the reference is resolved.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub policy: Option<ReferencePolicy>,
}

impl NamedReference {
    /// A reference by name with the default policy.
    pub fn to(name: impl Into<String>) -> Self {
        Self {
            name: name.into(),
            policy: None,
        }
    }
}

/// Selects another managed resource in the same namespace. Of several matches the oldest wins, then
/// the first by name.
#[derive(Clone, Debug, Default, Deserialize, Eq, JsonSchema, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Selector {
    /// Labels the resource must carry.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub match_labels: Option<BTreeMap<String, String>>,
    /// Require the same controller (composite resource) as this one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub match_controller_ref: Option<bool>,
    /// How the reference is resolved.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub policy: Option<ReferencePolicy>,
}

/// One field of a kind's parameters that can be filled from another managed resource.
#[derive(Debug)]
pub struct Reference<'a> {
    /// Path of the value below `spec.forProvider`.
    pub field: String,
    /// What is referred to.
    pub target: Target,
    /// The value; filled with the external name of what is referred to.
    pub value: &'a mut Option<String>,
    /// The reference by name.
    pub reference: Option<&'a NamedReference>,
    /// The reference by selector.
    pub selector: Option<&'a Selector>,
}

/// The kind a reference points to.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Target {
    /// API group.
    pub group: &'static str,
    /// API version.
    pub version: &'static str,
    /// Kind.
    pub kind: &'static str,
    /// Plural.
    pub plural: &'static str,
}

impl Target {
    /// References to managed resources of kind `K`.
    pub fn of<K: Kind>() -> Self {
        Self {
            group: K::GROUP,
            version: K::VERSION,
            kind: K::KIND,
            plural: K::PLURAL,
        }
    }
}

impl Reference<'_> {
    /// The policy of whichever of reference and selector is used.
    pub fn policy(&self) -> ReferencePolicy {
        let by_name = self
            .reference
            .map(|reference| reference.policy.unwrap_or_default());
        let by_selector = self
            .selector
            .map(|selector| selector.policy.unwrap_or_default());
        by_name.or(by_selector).unwrap_or_default()
    }

    /// True when the value has to be looked up now.
    pub fn is_pending(&self) -> bool {
        let referred = self.reference.is_some() || self.selector.is_some();
        referred && (self.value.is_none() || self.policy().resolve == Resolve::Always)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::crd::schema;

    #[test]
    fn a_reference_cannot_leave_its_namespace() {
        for schema in [schema::<NamedReference>(), schema::<Selector>()] {
            let properties = schema["properties"].as_object().unwrap();
            assert!(!properties.contains_key("namespace"), "{properties:?}");
        }
    }
}
