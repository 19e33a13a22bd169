//! What a look at a server tells about it, about whoever logs in, and about what they may not do.

#[cfg(feature = "runtime")]
use std::collections::{BTreeMap, BTreeSet};

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// A right that the identity of a provider config lacks.
#[derive(Clone, Debug, Deserialize, Eq, JsonSchema, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct MissingRight {
    /// The right, in the server's own words.
    pub right: String,
    /// What does not work without it.
    pub needed_for: String,
    /// The statement, policy or rule that gives it, ready to be used.
    pub remedy: String,
}

/// The resources that use a provider config: of each kind, the names they have in the external system.
#[cfg(feature = "runtime")]
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub struct InUse(BTreeMap<String, BTreeSet<String>>);

#[cfg(feature = "runtime")]
impl InUse {
    /// Counts one more resource in.
    pub fn insert(&mut self, kind: impl Into<String>, external_name: impl Into<String>) {
        let names = self.0.entry(kind.into()).or_default();
        names.insert(external_name.into());
    }

    /// True when a resource of this kind is among them.
    pub fn contains(&self, kind: &str) -> bool {
        self.0.contains_key(kind)
    }

    /// The external names of a kind.
    pub fn names(&self, kind: &str) -> impl Iterator<Item = &str> {
        self.0.get(kind).into_iter().flatten().map(String::as_str)
    }
}

/// The result of a look at a server.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub struct Diagnosis {
    /// Product, version and identity, in one line.
    pub server: String,
    /// Rights that the kinds in use need and the identity does not have, the gravest first.
    pub missing_rights: Vec<MissingRight>,
}

impl Diagnosis {
    /// A server that lets us do everything.
    pub fn of(server: impl Into<String>) -> Self {
        Self {
            server: server.into(),
            missing_rights: Vec::new(),
        }
    }

    /// As it is, without this right.
    #[must_use]
    pub fn lacking(
        mut self,
        right: impl Into<String>,
        needed_for: impl Into<String>,
        remedy: impl Into<String>,
    ) -> Self {
        self.missing_rights.push(MissingRight {
            right: right.into(),
            needed_for: needed_for.into(),
            remedy: remedy.into(),
        });
        self
    }
}
