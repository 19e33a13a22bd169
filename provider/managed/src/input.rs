//! What a managed resource reads from the cluster before it can be compared with the outside world.
//!
//! A kind lists its [`Inputs`]; the runtime resolves them before observe, remembers who reads what,
//! and wakes the reader when one changes. On the way to deletion no input is read, so a Secret that
//! vanished first never blocks teardown.

use std::collections::BTreeMap;
use std::fmt;

use schemars::JsonSchema;
use secrecy::{ExposeSecret, SecretBox};
use serde::{Deserialize, Serialize};

/// A key of a Secret in the namespace of the resource that refers to it.
#[derive(Clone, Debug, Deserialize, Eq, JsonSchema, Ord, PartialEq, PartialOrd, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct SecretKeyRef {
    /// Name of the Secret.
    pub name: String,
    /// Key in the Secret's data.
    pub key: String,
}

/// Something in the cluster whose value a managed resource reads. The namespace is that of the
/// reader unless it says otherwise.
#[derive(Clone, Debug, Eq, Ord, PartialEq, PartialOrd)]
pub enum Input {
    /// One key of a Secret.
    SecretKey {
        /// Namespace; `None` is the reader's own.
        namespace: Option<String>,
        /// Name of the Secret.
        name: String,
        /// Key in its data.
        key: String,
    },
    /// One key of a `ConfigMap` in the reader's namespace.
    ConfigMapKey {
        /// Name of the `ConfigMap`.
        name: String,
        /// Key in its data.
        key: String,
    },
    /// One field of any object in the reader's namespace.
    Field {
        /// `group/version` of the object.
        api_version: String,
        /// Kind of the object.
        kind: String,
        /// Name of the object.
        name: String,
        /// Path such as `status.atProvider.host`; `metadata.annotations[key]` is understood.
        path: String,
    },
}

impl Input {
    /// A key of a Secret in the reader's namespace.
    pub fn secret(reference: &SecretKeyRef) -> Self {
        Self::SecretKey {
            namespace: None,
            name: reference.name.clone(),
            key: reference.key.clone(),
        }
    }
}

impl fmt::Display for Input {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::SecretKey {
                namespace: Some(namespace),
                name,
                key,
            } => {
                write!(f, "key {key:?} of Secret {namespace}/{name}")
            }
            Self::SecretKey {
                namespace: None,
                name,
                key,
            } => write!(f, "key {key:?} of Secret {name}"),
            Self::ConfigMapKey { name, key } => write!(f, "key {key:?} of ConfigMap {name}"),
            Self::Field {
                kind, name, path, ..
            } => write!(f, "{path} of {kind} {name}"),
        }
    }
}

/// The inputs of one resource.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub struct Inputs(pub Vec<Input>);

impl Inputs {
    /// Nothing is read.
    pub fn none() -> Self {
        Self::default()
    }
}

impl FromIterator<Input> for Inputs {
    fn from_iter<I: IntoIterator<Item = Input>>(inputs: I) -> Self {
        Self(inputs.into_iter().collect())
    }
}

/// A value read from the cluster. It may be secret, so it shows nothing of itself.
pub struct Value(SecretBox<Vec<u8>>);

impl Value {
    /// Wraps bytes read from the cluster.
    pub fn new(bytes: Vec<u8>) -> Self {
        Self(SecretBox::new(Box::new(bytes)))
    }

    /// The bytes. The caller must not let them reach a status, an event, a log or an error.
    pub fn expose(&self) -> &[u8] {
        self.0.expose_secret()
    }

    /// The bytes as text, or `None` when they are not UTF-8.
    pub fn expose_str(&self) -> Option<&str> {
        std::str::from_utf8(self.expose()).ok()
    }
}

impl Clone for Value {
    fn clone(&self) -> Self {
        Self::new(self.expose().to_vec())
    }
}

impl From<&str> for Value {
    fn from(text: &str) -> Self {
        Self::new(text.as_bytes().to_vec())
    }
}

impl From<String> for Value {
    fn from(text: String) -> Self {
        Self::new(text.into_bytes())
    }
}

impl PartialEq for Value {
    fn eq(&self, other: &Self) -> bool {
        self.expose() == other.expose()
    }
}

impl Eq for Value {}

impl fmt::Debug for Value {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("(sensitive)")
    }
}

/// Inputs with their values.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub struct Resolved(BTreeMap<Input, Value>);

impl Resolved {
    /// The value of an input the kind has listed; `None` when it was not listed, or while deleting.
    pub fn value(&self, input: &Input) -> Option<&Value> {
        self.0.get(input)
    }

    /// The value of a Secret's key as text.
    pub fn secret(&self, reference: &SecretKeyRef) -> Option<&Value> {
        self.value(&Input::secret(reference))
    }

    /// Adds a value.
    pub fn insert(&mut self, input: Input, value: Value) {
        self.0.insert(input, value);
    }

    /// All inputs and their values, in a stable order.
    pub fn iter(&self) -> impl Iterator<Item = (&Input, &Value)> {
        self.0.iter()
    }
}

impl FromIterator<(Input, Value)> for Resolved {
    fn from_iter<I: IntoIterator<Item = (Input, Value)>>(values: I) -> Self {
        Self(values.into_iter().collect())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_value_never_shows_what_it_holds() {
        let value = Value::from("hunter2");
        assert_eq!(format!("{value:?}"), "(sensitive)");
        let resolved: Resolved = [(
            Input::ConfigMapKey {
                name: "c".into(),
                key: "k".into(),
            },
            value,
        )]
        .into_iter()
        .collect();
        assert!(!format!("{resolved:?}").contains("hunter2"));
    }
}
