//! The kind `KVSecret`: the current content, or a part of it, of one path of a KV v2 secrets engine.
//!
//! One path has one writer: a mark in the path's custom metadata says which resource it is, and what
//! belongs to somebody else is never overwritten. Every change is one request for all keys with
//! check-and-set, so a reader never sees a new user name beside an old password. What is already
//! there is not written again.

#![expect(
    unreachable_pub,
    reason = "KubeSchema derives through a copy of the struct"
)]

use std::collections::BTreeMap;

use kube::KubeSchema;
use managed::{
    input::{Input, Inputs},
    kind::Kind,
};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

#[cfg(feature = "backends")]
mod content;
#[cfg(feature = "backends")]
mod decision;
#[cfg(feature = "backends")]
mod deletion;
#[cfg(feature = "backends")]
mod external;
#[cfg(feature = "backends")]
mod owner;
mod source;

use super::PATH_RULE;
pub use super::adoption::Adopt;
pub use source::{Encoding, FieldRef, ValueSource};

/// The content of a path of a KV v2 secrets engine.
#[derive(Clone, Debug)]
pub struct KvSecret;

/// `spec.forProvider` of a `KVSecret`.
#[derive(Clone, Debug, Deserialize, Eq, KubeSchema, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
#[x_kube(validation = (
    "self.mount == oldSelf.mount && self.path == oldSelf.path",
    "mount and path cannot be changed; make another KVSecret"
))]
pub struct KvSecretParameters {
    /// Mount of the KV v2 secrets engine. Default `secret`.
    #[serde(default = "default_mount")]
    #[schemars(length(min = 1, max = 256))]
    #[x_kube(validation = (PATH_RULE, "mount must be segments between single slashes, none of them . or .., without * and +"))]
    pub mount: String,
    /// Path below the mount, without `data/`, such as `infrastructure/databases/dev/orders`.
    #[schemars(length(min = 1, max = 512))]
    #[x_kube(validation = (PATH_RULE, "path must be segments between single slashes, none of them . or .., without * and +"))]
    pub path: String,
    /// The keys at the path and where their values come from. A key has neither spaces nor any of
    /// `,` `|` `{` `}`.
    #[schemars(extend("minProperties" = 1, "maxProperties" = 256))]
    pub data: BTreeMap<String, ValueSource>,
    /// What happens to keys at the path that are not in `data`. Default `Replace`.
    #[serde(default)]
    pub strategy: Strategy,
    /// Whether something that exists at the path and is not marked as this resource's may be taken
    /// over. With `Merge`, `Never` concerns only keys that are in `data` and hold another value.
    /// Default `Never`.
    #[serde(default)]
    pub adopt: Adopt,
    /// What becomes of the path when this resource is deleted. Default `SoftDelete`.
    #[serde(default)]
    pub deletion_policy: DeletionPolicy,
}

/// What happens to keys that are not in `data`.
#[derive(Clone, Copy, Debug, Default, Deserialize, Eq, JsonSchema, PartialEq, Serialize)]
pub enum Strategy {
    /// They are removed: the path holds `data` and nothing else.
    #[default]
    Replace,
    /// They stay, except those this resource has written itself. Several resources may merge
    /// different keys into one path.
    Merge,
    /// The path is written once, when it holds nothing. What is there later is left alone.
    CreateOnly,
}

/// What becomes of the path when the resource is deleted. With `Merge` the resource's own keys are
/// removed, and the policy applies when nothing else is left.
#[derive(Clone, Copy, Debug, Default, Deserialize, Eq, JsonSchema, PartialEq, Serialize)]
pub enum DeletionPolicy {
    /// The current version is deleted and can be undeleted. Older versions stay readable.
    #[default]
    SoftDelete,
    /// Every version is deleted and can be undeleted.
    DeleteAllVersions,
    /// The data of every version is destroyed; the history of versions stays.
    Destroy,
    /// Everything is removed, the history and all metadata included.
    Purge,
    /// Everything stays; only the mark of ownership is removed.
    Orphan,
}

/// `status.atProvider` of a `KVSecret`.
#[derive(Clone, Debug, Default, Deserialize, Eq, JsonSchema, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct KvSecretObservation {
    /// Mount of the KV v2 secrets engine.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub mount: String,
    /// Path below the mount.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub path: String,
    /// The current version.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub version: Option<i64>,
    /// When the current version was written.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(extend("format" = "date-time"))]
    pub created_time: Option<String>,
    /// Names of the keys of the current version.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub keys: Vec<String>,
}

impl KvSecretParameters {
    /// Parameters for a path below the mount `secret`, with the default policies.
    pub fn new<K: Into<String>>(
        path: impl Into<String>,
        data: impl IntoIterator<Item = (K, ValueSource)>,
    ) -> Self {
        Self {
            mount: default_mount(),
            path: path.into(),
            data: data
                .into_iter()
                .map(|(key, source)| (key.into(), source))
                .collect(),
            strategy: Strategy::default(),
            adopt: Adopt::default(),
            deletion_policy: DeletionPolicy::default(),
        }
    }
}

impl Kind for KvSecret {
    const GROUP: &'static str = super::GROUP;
    const KIND: &'static str = "KVSecret";
    const PLURAL: &'static str = "kvsecrets";
    const DESCRIPTION: &'static str =
        "The content, or a part of it, of one path of a KV v2 secrets engine of Vault or OpenBao.";
    const CATEGORY: &'static str = super::CATEGORY;

    type Parameters = KvSecretParameters;
    type Observation = KvSecretObservation;

    fn external_name(parameters: &Self::Parameters) -> Option<String> {
        Some(format!("{}/{}", parameters.mount, parameters.path))
    }

    fn inputs(parameters: &Self::Parameters) -> Inputs {
        parameters
            .data
            .values()
            .filter_map(ValueSource::input)
            .collect::<Vec<Input>>()
            .into_iter()
            .collect()
    }
}

fn default_mount() -> String {
    "secret".into()
}
