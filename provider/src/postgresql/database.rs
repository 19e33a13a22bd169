//! The kind Database: a database, who owns it, and what everybody may do in it.
//!
//! Encoding, locale, template and tablespace are fixed when the database is made; a later difference
//! is reported and never acted on. A field that is not set is left alone.

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
mod planned;
#[cfg(feature = "backends")]
mod removal;
#[cfg(feature = "backends")]
mod statement;

use kube::KubeSchema;
use managed::{
    kind::Kind,
    reference::{NamedReference, Reference, Selector, Target},
};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::{parameter::ConfigurationParameter, role::Role};

/// A database on a `PostgreSQL` server.
#[derive(Clone, Debug)]
pub struct Database;

/// `spec.forProvider` of a Database.
#[derive(Clone, Debug, Default, Deserialize, Eq, KubeSchema, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
#[x_kube(validation = (
    "!has(self.icuLocale) || (has(self.localeProvider) && self.localeProvider == 'icu')",
    "icuLocale needs localeProvider icu"
))]
#[x_kube(validation = (
    "!has(self.builtinLocale) || (has(self.localeProvider) && self.localeProvider == 'builtin')",
    "builtinLocale needs localeProvider builtin"
))]
pub struct DatabaseParameters {
    /// Role that owns the database. Not set: the administrator, who makes it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(min = 1, max = 63))]
    pub owner: Option<String>,
    /// Managed resource of kind Role that owns the database.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub owner_ref: Option<NamedReference>,
    /// Selects a managed resource of kind Role that owns the database.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub owner_selector: Option<Selector>,
    /// Database it is copied from when it is made. Default `template0`, which holds nothing.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(min = 1, max = 63))]
    pub template: Option<String>,
    /// Character set, such as `UTF8`. Fixed when the database is made.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub encoding: Option<String>,
    /// Collation order (`LC_COLLATE`). Fixed when the database is made.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub lc_collate: Option<String>,
    /// Character classification (`LC_CTYPE`). Fixed when the database is made.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub lc_c_type: Option<String>,
    /// Where the default collation comes from: `libc`, `icu` (15 and later) or `builtin` (17 and
    /// later). Fixed when the database is made.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub locale_provider: Option<LocaleProvider>,
    /// ICU locale; needs `localeProvider: icu`. Fixed when the database is made.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub icu_locale: Option<String>,
    /// Locale of the builtin provider; needs `localeProvider: builtin`. Fixed when the database is
    /// made.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub builtin_locale: Option<String>,
    /// Tablespace the database is made in. Fixed when the database is made.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(min = 1, max = 63))]
    pub tablespace: Option<String>,
    /// Whether anyone may connect. Not set: yes, because a database is closed while it is being made.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub allow_connections: Option<bool>,
    /// How many sessions the database may have at once; -1 is without limit.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(range(min = -1, max = 2_147_483_647))]
    pub connection_limit: Option<i64>,
    /// Whether every role with CREATEDB may copy the database.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub is_template: Option<bool>,
    /// What every role may do here without being granted anything. `PostgreSQL` lets every role
    /// connect to a new database; a right that is not mentioned is left as it is.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub public_privileges: Option<PublicPrivileges>,
    /// Configuration parameters of new sessions in the database. Parameters that are not listed are
    /// left alone; one that leaves the list is reset.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(extend("x-kubernetes-list-type" = "map", "x-kubernetes-list-map-keys" = ["name"]))]
    pub configuration_parameters: Vec<ConfigurationParameter>,
    /// End all sessions when the database is deleted. Not set or false: deletion waits for them.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub force_drop: Option<bool>,
}

/// Where the default collation of a database comes from.
#[derive(Clone, Copy, Debug, Deserialize, Eq, JsonSchema, PartialEq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum LocaleProvider {
    /// The operating system.
    Libc,
    /// The ICU library.
    Icu,
    /// `PostgreSQL` itself.
    Builtin,
}

impl LocaleProvider {
    /// As written in SQL and in the API.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Libc => "libc",
            Self::Icu => "icu",
            Self::Builtin => "builtin",
        }
    }
}

/// Rights of PUBLIC: what every role may do without being granted anything.
#[derive(Clone, Copy, Debug, Default, Deserialize, Eq, JsonSchema, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct PublicPrivileges {
    /// Whether every role may connect to the database.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub connect: Option<bool>,
    /// Whether every role may make temporary tables in the database.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub temporary: Option<bool>,
    /// Whether every role may look up objects in the schema `public`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub schema_usage: Option<bool>,
    /// Whether every role may make objects in the schema `public`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub schema_create: Option<bool>,
}

impl PublicPrivileges {
    /// Nobody may do anything that was not granted.
    pub const fn closed() -> Self {
        Self {
            connect: Some(false),
            temporary: Some(false),
            schema_usage: Some(false),
            schema_create: Some(false),
        }
    }
}

/// `status.atProvider` of a Database.
#[derive(Clone, Debug, Default, Deserialize, Eq, JsonSchema, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct DatabaseObservation {
    /// Host name or address of the server, as the provider config gives it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub host: Option<String>,
    /// Port of the server.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub port: Option<i64>,
    /// Object identifier; it changes when the database is dropped and made again.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub oid: Option<i64>,
    /// Role that owns the database.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub owner: Option<String>,
    /// Character set.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub encoding: Option<String>,
    /// Collation order.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub lc_collate: Option<String>,
    /// Character classification.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub lc_c_type: Option<String>,
    /// Where the default collation comes from.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub locale_provider: Option<LocaleProvider>,
    /// Locale of the ICU or builtin provider.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub locale: Option<String>,
    /// Tablespace of the database.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub tablespace: Option<String>,
    /// Whether anyone may connect.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub allow_connections: Option<bool>,
    /// How many sessions it may have at once; -1 is without limit.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub connection_limit: Option<i64>,
    /// Whether every role with CREATEDB may copy it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub is_template: Option<bool>,
    /// What every role may do here without being granted anything.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub public_privileges: Option<PublicPrivileges>,
    /// Configuration parameters of new sessions in the database.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub configuration_parameters: Vec<ConfigurationParameter>,
}

impl Kind for Database {
    const GROUP: &'static str = super::GROUP;
    const KIND: &'static str = "Database";
    const PLURAL: &'static str = "databases";
    const SHORT_NAMES: &'static [&'static str] = &["pgdb"];
    const DESCRIPTION: &'static str = "A database on a PostgreSQL server.";
    const CATEGORY: &'static str = super::CATEGORY;

    type Parameters = DatabaseParameters;
    type Observation = DatabaseObservation;

    fn references(parameters: &mut DatabaseParameters) -> Vec<Reference<'_>> {
        vec![Reference {
            field: "owner".into(),
            target: Target::of::<Role>(),
            value: &mut parameters.owner,
            reference: parameters.owner_ref.as_ref(),
            selector: parameters.owner_selector.as_ref(),
        }]
    }
}
