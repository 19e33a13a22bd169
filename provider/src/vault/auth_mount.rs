//! The kind `AuthMount`: an auth method and the path below `auth/` it is enabled at.
//!
//! One cluster has one auth method of its own, so that no token of one is worth anything for another.
//! Path, type and `local` cannot be changed later. To disable an auth method revokes every token it has
//! issued; that is what deleting the resource does unless `deletionPolicy` says `Orphan`, because a way
//! in that nobody looks after is worse than one that is closed. A mark in the description says whose it
//! is.
//!
//! Needs of Vault, for the path `kubernetes-dev` (`sys/auth` alone lists all auth methods):
//! `path "sys/auth" { capabilities = ["read"] }`,
//! `path "sys/auth/kubernetes-dev" { capabilities = ["create", "update", "delete", "sudo"] }`,
//! `path "sys/auth/kubernetes-dev/tune" { capabilities = ["create", "update", "sudo"] }`.

#![expect(
    unreachable_pub,
    reason = "KubeSchema derives through a copy of the struct"
)]

use kube::KubeSchema;
use managed::kind::Kind;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::{
    PATH_ADVICE, PATH_RULE,
    adoption::Adopt,
    mount::{MountObservation, Tune},
    token::TokenType,
};

#[cfg(feature = "backends")]
mod external;

/// An auth method at a path.
#[derive(Clone, Debug)]
pub struct AuthMount;

/// `spec.forProvider` of an `AuthMount`.
#[derive(Clone, Debug, Deserialize, Eq, KubeSchema, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
#[x_kube(validation = (
    "self.path == oldSelf.path && self.type == oldSelf.type && self.local == oldSelf.local",
    "path, type and local cannot be changed; make another AuthMount"
))]
pub struct AuthMountParameters {
    /// Path of the auth method without `auth/`, such as `kubernetes-dev`.
    #[schemars(length(min = 1, max = 256))]
    #[x_kube(validation = (PATH_RULE, PATH_ADVICE))]
    #[x_kube(validation = (
        "!self.matches('^(token|auth)(/|$)')",
        "this path is Vault's own, or begins with auth/; choose another one"
    ))]
    pub path: String,
    /// Type of the auth method, such as `kubernetes` or `jwt`.
    #[schemars(
        length(min = 1, max = 64),
        regex(pattern = "^[A-Za-z0-9][A-Za-z0-9_.-]*$")
    )]
    pub r#type: String,
    /// What the auth method is for, in words.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(max = 512))]
    pub description: Option<String>,
    /// Settings that Vault calls tuning.
    #[serde(default)]
    pub tune: Tune,
    /// Type of the tokens of roles that leave it to the mount. Not set: left to the server.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[x_kube(validation = (
        "self != 'default'",
        "a mount decides itself; write service, batch, default-service or default-batch"
    ))]
    pub token_type: Option<TokenType>,
    /// Keep the auth method out of replication. Default false.
    #[serde(default)]
    pub local: bool,
    /// Whether an auth method at this path that is not marked as this resource's may be taken over.
    /// Default `Never`.
    #[serde(default)]
    pub adopt: Adopt,
    /// What becomes of the auth method when this resource is deleted. Default `Delete`.
    #[serde(default)]
    pub deletion_policy: AuthMountDeletionPolicy,
}

/// What becomes of an auth method when its resource is deleted.
#[derive(Clone, Copy, Debug, Default, Deserialize, Eq, JsonSchema, PartialEq, Serialize)]
pub enum AuthMountDeletionPolicy {
    /// It is disabled: its roles are gone and every token it has issued is revoked.
    #[default]
    Delete,
    /// It stays; only the mark of ownership is removed.
    Orphan,
}

impl AuthMountParameters {
    /// An auth method of a type with the server's defaults.
    pub fn new(path: impl Into<String>, r#type: impl Into<String>) -> Self {
        Self {
            path: path.into(),
            r#type: r#type.into(),
            description: None,
            tune: Tune::default(),
            token_type: None,
            local: false,
            adopt: Adopt::default(),
            deletion_policy: AuthMountDeletionPolicy::default(),
        }
    }
}

impl Kind for AuthMount {
    const GROUP: &'static str = super::GROUP;
    const KIND: &'static str = "AuthMount";
    const PLURAL: &'static str = "authmounts";
    const DESCRIPTION: &'static str = "An auth method of Vault or OpenBao, enabled at a path.";
    const CATEGORY: &'static str = super::CATEGORY;

    type Parameters = AuthMountParameters;
    type Observation = MountObservation;

    fn external_name(parameters: &Self::Parameters) -> Option<String> {
        Some(parameters.path.clone())
    }
}
