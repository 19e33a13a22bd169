//! The kind `Mount`: a secrets engine and the path it is mounted at.
//!
//! Path, type, `local` and `sealWrap` cannot be changed later. To unmount an engine destroys everything
//! in it and revokes every lease, so deleting the resource leaves the mount unless `deletionPolicy` says
//! `Delete`. A mark in the mount's description says whose it is.
//!
//! Needs of Vault, for the mount `kv-team` (`sys/mounts` alone lists all mounts):
//! `path "sys/mounts" { capabilities = ["read"] }`,
//! `path "sys/mounts/kv-team" { capabilities = ["create", "update", "delete"] }`,
//! `path "sys/mounts/kv-team/tune" { capabilities = ["create", "update"] }`.
//! `delete` is needed for the deletion policy `Delete` only.

#![expect(
    unreachable_pub,
    reason = "KubeSchema derives through a copy of the struct"
)]

use std::collections::BTreeMap;

use kube::KubeSchema;
use managed::kind::Kind;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::{PATH_ADVICE, PATH_RULE, adoption::Adopt, duration::Ttl};

#[cfg(feature = "backends")]
mod external;

/// A secrets engine at a path.
#[derive(Clone, Debug)]
pub struct Mount;

/// `spec.forProvider` of a `Mount`.
#[derive(Clone, Debug, Deserialize, Eq, KubeSchema, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
#[x_kube(validation = (
    "self.path == oldSelf.path && self.type == oldSelf.type && self.local == oldSelf.local && self.sealWrap == oldSelf.sealWrap",
    "path, type, local and sealWrap cannot be changed; make another Mount"
))]
pub struct MountParameters {
    /// Path of the mount, such as `secret` or `team/kv`.
    #[schemars(length(min = 1, max = 256))]
    #[x_kube(validation = (PATH_RULE, PATH_ADVICE))]
    #[x_kube(validation = (
        "!self.matches('^(sys|cubbyhole|identity|auth)(/|$)')",
        "this path is Vault's own; choose another one"
    ))]
    pub path: String,
    /// Type of the engine, such as `kv`, `transit` or `pki`.
    #[schemars(
        length(min = 1, max = 64),
        regex(pattern = "^[A-Za-z0-9][A-Za-z0-9_.-]*$")
    )]
    #[x_kube(validation = (
        "self != 'kv-v2'",
        "Vault calls this type kv; write type kv and options.version \"2\""
    ))]
    pub r#type: String,
    /// Options of the engine, such as `version: "2"` for KV. Options that are not listed are left
    /// alone.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    #[schemars(extend("maxProperties" = 32))]
    pub options: BTreeMap<String, String>,
    /// What the mount is for, in words.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(max = 512))]
    pub description: Option<String>,
    /// Settings that Vault calls tuning.
    #[serde(default)]
    pub tune: Tune,
    /// Keep the mount out of replication. Default false.
    #[serde(default)]
    pub local: bool,
    /// Wrap what the engine stores with the seal, where the server can. Default false.
    #[serde(default)]
    pub seal_wrap: bool,
    /// Whether a mount at this path that is not marked as this resource's may be taken over. Default
    /// `Never`.
    #[serde(default)]
    pub adopt: Adopt,
    /// What becomes of the mount when this resource is deleted. Default `Orphan`.
    #[serde(default)]
    pub deletion_policy: MountDeletionPolicy,
}

/// Settings of a mount. What is not set is left to the server, and left alone.
#[derive(Clone, Debug, Default, Deserialize, Eq, KubeSchema, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Tune {
    /// Life of leases and tokens that ask for none; `0` is the server's default.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub default_lease_ttl: Option<Ttl>,
    /// Longest life of leases and tokens; `0` is the server's default.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub max_lease_ttl: Option<Ttl>,
    /// Whether the mount is listed to those who are not logged in.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub listing_visibility: Option<ListingVisibility>,
    /// Keys of requests that the audit log shows in clear.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(max = 64))]
    pub audit_non_hmac_request_keys: Option<Vec<String>>,
    /// Keys of answers that the audit log shows in clear.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(max = 64))]
    pub audit_non_hmac_response_keys: Option<Vec<String>>,
    /// HTTP headers that are passed to the engine.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(max = 64))]
    pub passthrough_request_headers: Option<Vec<String>>,
    /// HTTP headers that the engine may answer with.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(max = 64))]
    pub allowed_response_headers: Option<Vec<String>>,
}

/// Whether a mount is listed to those who are not logged in.
#[derive(Clone, Copy, Debug, Deserialize, Eq, JsonSchema, PartialEq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum ListingVisibility {
    /// It is.
    Unauth,
    /// It is not.
    Hidden,
}

/// What becomes of a secrets engine when its resource is deleted.
#[derive(Clone, Copy, Debug, Default, Deserialize, Eq, JsonSchema, PartialEq, Serialize)]
pub enum MountDeletionPolicy {
    /// It stays with everything in it; only the mark of ownership is removed.
    #[default]
    Orphan,
    /// It is unmounted: everything in it is destroyed and every lease is revoked.
    Delete,
}

/// `status.atProvider` of a `Mount` and of an `AuthMount`.
#[derive(Clone, Debug, Default, Deserialize, Eq, JsonSchema, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct MountObservation {
    /// Path of the mount.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub path: String,
    /// Accessor of the mount, by which templated policies and identities name it.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub accessor: String,
    /// Identity of this incarnation; another one means that somebody has mounted it anew.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub uuid: String,
    /// Version of the plugin that runs.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub running_version: String,
}

impl MountParameters {
    /// A mount of a type with the server's defaults.
    pub fn new(path: impl Into<String>, r#type: impl Into<String>) -> Self {
        Self {
            path: path.into(),
            r#type: r#type.into(),
            options: BTreeMap::new(),
            description: None,
            tune: Tune::default(),
            local: false,
            seal_wrap: false,
            adopt: Adopt::default(),
            deletion_policy: MountDeletionPolicy::default(),
        }
    }

    /// A KV secrets engine of version 2.
    pub fn kv_v2(path: impl Into<String>) -> Self {
        Self {
            options: [("version".to_owned(), "2".to_owned())].into(),
            ..Self::new(path, "kv")
        }
    }
}

impl Kind for Mount {
    const GROUP: &'static str = super::GROUP;
    const KIND: &'static str = "Mount";
    const PLURAL: &'static str = "mounts";
    const SHORT_NAMES: &'static [&'static str] = &["vaultmount"];
    const DESCRIPTION: &'static str = "A secrets engine of Vault or OpenBao, mounted at a path.";
    const CATEGORY: &'static str = super::CATEGORY;

    type Parameters = MountParameters;
    type Observation = MountObservation;

    fn external_name(parameters: &Self::Parameters) -> Option<String> {
        Some(parameters.path.clone())
    }
}
