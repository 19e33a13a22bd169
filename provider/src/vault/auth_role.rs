//! What is shown of a role of an auth method, of whatever type.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::proof::ProofObservation;

#[cfg(feature = "backends")]
mod external;
#[cfg(feature = "backends")]
pub(super) mod overlap;

#[cfg(feature = "backends")]
pub(super) use external::AuthRole;

/// The condition that tells whether other roles of the auth method let in the same bearers.
pub const BINDINGS_DISTINCT: &str = "BindingsDistinct";

/// `status.atProvider` of a role.
#[derive(Clone, Debug, Default, Deserialize, Eq, JsonSchema, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct AuthRoleObservation {
    /// Path of the auth method.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub mount: String,
    /// Name of the role.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub name: String,
    /// Other roles of the auth method that let in some of the same `ServiceAccounts`.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub overlaps_with: Vec<String>,
    /// The last proof that was tried.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub proof: Option<ProofObservation>,
}
