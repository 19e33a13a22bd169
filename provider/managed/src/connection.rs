//! Connection details: what an application needs to connect, and where it is kept.

#[cfg(feature = "runtime")]
pub mod store;

use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::input::Value;

/// `type` of every connection Secret that Crossplane writes.
pub const SECRET_TYPE: &str = "connection.crossplane.io/v1alpha1";

/// Names a Secret in the namespace of the managed resource.
#[derive(Clone, Debug, Default, Deserialize, Eq, JsonSchema, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct LocalSecretReference {
    /// Name of the Secret. When it changes, what the Secret holds moves along.
    pub name: String,
    /// Labels the Secret is given. Others it has stay.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub labels: BTreeMap<String, String>,
    /// Annotations the Secret is given. Others it has stay.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub annotations: BTreeMap<String, String>,
}

impl LocalSecretReference {
    /// A Secret of this name, with neither labels nor annotations.
    pub fn named(name: impl Into<String>) -> Self {
        Self {
            name: name.into(),
            ..Self::default()
        }
    }
}

/// Keys and values of a connection Secret. `Debug` shows the keys only.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub struct ConnectionDetails(BTreeMap<String, Value>);

impl ConnectionDetails {
    /// No details.
    pub fn none() -> Self {
        Self::default()
    }

    /// Adds or replaces one key.
    pub fn insert(&mut self, key: impl Into<String>, value: impl Into<Value>) {
        self.0.insert(key.into(), value.into());
    }

    /// The same details with one more key.
    #[must_use]
    pub fn with(mut self, key: impl Into<String>, value: impl Into<Value>) -> Self {
        self.insert(key, value);
        self
    }

    /// The value of a key.
    pub fn get(&self, key: &str) -> Option<&Value> {
        self.0.get(key)
    }

    /// True when there is no key.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Keys and values in order.
    pub fn iter(&self) -> impl Iterator<Item = (&str, &Value)> {
        self.0.iter().map(|(key, value)| (key.as_str(), value))
    }

    /// Takes over every key of `other`, replacing values of the same key.
    pub fn merge(&mut self, other: &Self) {
        self.0.extend(
            other
                .0
                .iter()
                .map(|(key, value)| (key.clone(), value.clone())),
        );
    }

    /// True when every key of `other` is here with the same value.
    pub fn contains(&self, other: &Self) -> bool {
        other
            .0
            .iter()
            .all(|(key, value)| self.0.get(key) == Some(value))
    }
}

impl<K: Into<String>, V: Into<Value>> FromIterator<(K, V)> for ConnectionDetails {
    fn from_iter<I: IntoIterator<Item = (K, V)>>(details: I) -> Self {
        Self(
            details
                .into_iter()
                .map(|(key, value)| (key.into(), value.into()))
                .collect(),
        )
    }
}
