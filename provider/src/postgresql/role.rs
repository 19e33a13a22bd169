//! The kind Role: a role, what it may do on the server, which roles it is a member of, its password.
//!
//! A password reaches the server only as a SCRAM-SHA-256 verifier, and only after it is stored where
//! the application reads it. An attribute that is not set is left alone.

#![expect(
    unreachable_pub,
    reason = "KubeSchema derives through a copy of the struct"
)]

#[cfg(feature = "backends")]
mod catalog;
#[cfg(feature = "backends")]
mod client;
#[cfg(feature = "backends")]
mod difference;
#[cfg(feature = "backends")]
mod password;
#[cfg(feature = "backends")]
mod statement;

use kube::KubeSchema;
use managed::{
    input::{Input, Inputs, SecretKeyRef},
    kind::Kind,
    reference::{NamedReference, Reference, Selector, Target},
};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::parameter::ConfigurationParameter;

/// A role on a `PostgreSQL` server.
#[derive(Clone, Debug)]
pub struct Role;

/// `spec.forProvider` of a Role.
#[derive(Clone, Debug, Default, Deserialize, Eq, JsonSchema, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct RoleParameters {
    /// What the role may do on the whole server.
    #[serde(default)]
    pub privileges: RolePrivileges,
    /// How many sessions the role may have at once; -1 is without limit.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(range(min = -1, max = 2_147_483_647))]
    pub connection_limit: Option<i64>,
    /// When the password expires: a time such as `2027-01-31T00:00:00Z`, or `infinity`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(regex(
        pattern = r"^(infinity|\d{4}-\d{2}-\d{2}T\d{2}:\d{2}:\d{2}(\.\d+)?(Z|[+-]\d{2}:\d{2}))$"
    ))]
    pub valid_until: Option<String>,
    /// Key of a Secret with the role's password: in clear, or a SCRAM-SHA-256 verifier, which is then
    /// stored as it is. Not set: a role that may log in and writes a connection Secret gets a
    /// generated password.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub password_secret_ref: Option<SecretKeyRef>,
    /// Roles this role is a member of. Memberships that are not listed are left alone; one that
    /// leaves the list is revoked.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub member_of: Vec<Membership>,
    /// Configuration parameters of the role's new sessions. Parameters that are not listed are left
    /// alone; one that leaves the list is reset.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(extend("x-kubernetes-list-type" = "map", "x-kubernetes-list-map-keys" = ["name"]))]
    pub configuration_parameters: Vec<ConfigurationParameter>,
}

/// What a role may do on the whole server.
#[derive(Clone, Copy, Debug, Default, Deserialize, Eq, JsonSchema, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct RolePrivileges {
    /// SUPERUSER: bypass all permission checks.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub super_user: Option<bool>,
    /// CREATEDB: make databases.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub create_db: Option<bool>,
    /// CREATEROLE: make roles.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub create_role: Option<bool>,
    /// LOGIN: open sessions.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub login: Option<bool>,
    /// INHERIT: use the privileges of the roles it is a member of.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub inherit: Option<bool>,
    /// REPLICATION: open replication connections.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub replication: Option<bool>,
    /// BYPASSRLS: ignore row level security.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub bypass_rls: Option<bool>,
}

/// Membership of this role in another one.
#[derive(Clone, Debug, Default, Deserialize, Eq, KubeSchema, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
#[x_kube(validation = (
    "has(self.role) || has(self.roleRef) || has(self.roleSelector)",
    "a membership needs role, roleRef or roleSelector"
))]
pub struct Membership {
    /// The role to be a member of.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(min = 1, max = 63))]
    pub role: Option<String>,
    /// Managed resource of kind Role to be a member of.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub role_ref: Option<NamedReference>,
    /// Selects a managed resource of kind Role to be a member of.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub role_selector: Option<Selector>,
    /// ADMIN: may grant the membership to others. Default false.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub admin: Option<bool>,
    /// INHERIT: has the other role's privileges without `SET ROLE`. Default true; false needs
    /// `PostgreSQL` 16.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub inherit: Option<bool>,
    /// SET: may become the other role with `SET ROLE`. Default true; false needs `PostgreSQL` 16.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub set: Option<bool>,
}

impl Membership {
    /// Membership with the default options.
    pub fn of(role: impl Into<String>) -> Self {
        Self {
            role: Some(role.into()),
            ..Self::default()
        }
    }
}

/// `status.atProvider` of a Role.
#[derive(Clone, Debug, Default, Deserialize, Eq, JsonSchema, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct RoleObservation {
    /// Object identifier; it changes when the role is dropped and made again.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub oid: Option<i64>,
    /// What the role may do on the whole server.
    #[serde(default)]
    pub privileges: RolePrivileges,
    /// How many sessions the role may have at once; -1 is without limit.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub connection_limit: Option<i64>,
    /// When the password expires.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub valid_until: Option<String>,
    /// Whether the role's password is the one it should be.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub password: Option<PasswordState>,
    /// Roles this role is a member of, one entry for each role that granted it.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub member_of: Vec<ObservedMembership>,
    /// Configuration parameters of the role's new sessions.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub configuration_parameters: Vec<ConfigurationParameter>,
}

/// What is known about a role's password.
#[derive(Clone, Copy, Debug, Deserialize, Eq, JsonSchema, PartialEq, Serialize)]
pub enum PasswordState {
    /// The server's verifier was made from the wanted password.
    Verified,
    /// A login with the wanted password succeeded.
    LoggedIn,
    /// The server has another password, or the wanted one under an outdated method.
    Differs,
    /// The role has no password.
    Missing,
    /// The administrator may not read verifiers, and a login says nothing about the password.
    Unknown,
}

/// One membership as the server has it.
#[derive(
    Clone, Debug, Default, Deserialize, Eq, JsonSchema, Ord, PartialEq, PartialOrd, Serialize,
)]
#[serde(rename_all = "camelCase")]
pub struct ObservedMembership {
    /// The role it is a member of.
    pub role: String,
    /// The role that granted it; only this role and superusers can take it back (16 and later).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub grantor: Option<String>,
    /// It may grant the membership to others.
    pub admin: bool,
    /// It has the other role's privileges without `SET ROLE`.
    pub inherit: bool,
    /// It may become the other role with `SET ROLE`.
    pub set: bool,
}

impl Kind for Role {
    const GROUP: &'static str = super::GROUP;
    const KIND: &'static str = "Role";
    const PLURAL: &'static str = "roles";
    const SHORT_NAMES: &'static [&'static str] = &["pgrole"];
    const DESCRIPTION: &'static str = "A role on a PostgreSQL server.";
    const CATEGORY: &'static str = super::CATEGORY;

    type Parameters = RoleParameters;
    type Observation = RoleObservation;

    fn inputs(parameters: &RoleParameters) -> Inputs {
        parameters
            .password_secret_ref
            .iter()
            .map(Input::secret)
            .collect()
    }

    fn references(parameters: &mut RoleParameters) -> Vec<Reference<'_>> {
        let memberships = parameters.member_of.iter_mut().enumerate();
        memberships
            .map(|(index, membership)| membership.reference(index))
            .collect()
    }
}

impl Membership {
    fn reference(&mut self, index: usize) -> Reference<'_> {
        Reference {
            field: format!("memberOf[{index}].role"),
            target: Target::of::<Role>(),
            value: &mut self.role,
            reference: self.role_ref.as_ref(),
            selector: self.role_selector.as_ref(),
        }
    }
}
