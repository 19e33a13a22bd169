//! The kind Grant: privileges of one role on a database, a schema, or objects in a schema.
//!
//! A Grant adds and never takes away what others granted: it revokes only what it granted itself and
//! what has left its spec since. Memberships are not grants here; they belong to the Role.
//!
//! It has one target, written out in the spec, or a list of them. Whatever it has to change in its
//! database is changed in one transaction.

#![expect(
    unreachable_pub,
    reason = "KubeSchema derives through a copy of the struct"
)]

#[cfg(feature = "backends")]
mod client;
#[cfg(feature = "backends")]
mod request;

use kube::KubeSchema;
use managed::{
    kind::Kind,
    reference::{NamedReference, Reference, Selector, Target},
};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::{database::Database, role::Role};

#[cfg(feature = "backends")]
pub(super) use request::given;

/// Privileges of a role on objects of a `PostgreSQL` server.
#[derive(Clone, Debug)]
pub struct Grant;

/// `spec.forProvider` of a Grant. What the privileges are on follows from what is set: a database
/// alone, a database and a schema, or objects in a schema. `targets` lists several of these.
#[derive(Clone, Debug, Default, Deserialize, Eq, KubeSchema, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
#[x_kube(validation = (
    "has(self.role) || has(self.roleRef) || has(self.roleSelector)",
    "who receives the privileges is not given; set role, roleRef or roleSelector"
))]
#[x_kube(validation = (
    "has(self.database) || has(self.databaseRef) || has(self.databaseSelector)",
    "the database is not given; set database, databaseRef or databaseSelector"
))]
#[x_kube(validation = (
    "has(self.privileges) || has(self.targets)",
    "nothing is granted; set privileges, or targets"
))]
#[x_kube(validation = (
    "!has(self.targets) || !(has(self.privileges) || has(self.withOption) || has(self.schema) || has(self.tables) || has(self.sequences) || has(self.routines) || has(self.allInSchema))",
    "targets stand alone; move the other privileges into targets"
))]
#[x_kube(validation = (
    "[has(self.tables), has(self.sequences), has(self.routines), has(self.allInSchema)].filter(set, set).size() <= 1",
    "these privileges are on one type of object; list each type in targets"
))]
#[x_kube(validation = (
    "has(self.schema) || !(has(self.tables) || has(self.sequences) || has(self.routines) || has(self.allInSchema))",
    "objects are in a schema; set schema"
))]
pub struct GrantParameters {
    /// What is granted, in the words of SQL, such as `SELECT` or `CONNECT`; `ALL` stands for every
    /// privilege the server knows for the type of object.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(length(min = 1), inner(regex(pattern = r"^[A-Z]+( [A-Z]+)*$")))]
    pub privileges: Vec<String>,
    /// `GRANT`: the role may grant the privileges to others. Not set: it may not.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub with_option: Option<GrantOption>,
    /// Role that receives the privileges.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(min = 1, max = 63))]
    pub role: Option<String>,
    /// Managed resource of kind Role that receives the privileges.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub role_ref: Option<NamedReference>,
    /// Selects a managed resource of kind Role that receives the privileges.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub role_selector: Option<Selector>,
    /// Database that the privileges are on or in.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(min = 1, max = 63))]
    pub database: Option<String>,
    /// Managed resource of kind Database that the privileges are on or in.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub database_ref: Option<NamedReference>,
    /// Selects a managed resource of kind Database that the privileges are on or in.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub database_selector: Option<Selector>,
    /// Schema that the privileges are on or in. Not set: they are on the database.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(min = 1, max = 63))]
    pub schema: Option<String>,
    /// Tables, views, materialized views and foreign tables of the schema.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub tables: Vec<String>,
    /// Sequences of the schema.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub sequences: Vec<String>,
    /// Functions and procedures of the schema.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub routines: Vec<Routine>,
    /// Every object of this type that is in the schema at the time; new ones are noticed on the next
    /// poll. For those made later by a known role see the kind `DefaultPrivileges`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub all_in_schema: Option<SchemaObjects>,
    /// Several things to grant privileges on, instead of the one that the fields beside it describe.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(length(min = 1, max = 32))]
    pub targets: Vec<GrantTarget>,
}

/// Privileges on a database, a schema, or objects in a schema. Without a schema they are on the database.
#[derive(Clone, Debug, Default, Deserialize, Eq, KubeSchema, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
#[x_kube(validation = (
    "[has(self.tables), has(self.sequences), has(self.routines), has(self.allInSchema)].filter(set, set).size() <= 1",
    "a target is on one type of object; make another target for the other type"
))]
#[x_kube(validation = (
    "has(self.schema) || !(has(self.tables) || has(self.sequences) || has(self.routines) || has(self.allInSchema))",
    "objects are in a schema; set schema"
))]
pub struct GrantTarget {
    /// What is granted, in the words of SQL, such as `SELECT` or `CONNECT`; `ALL` stands for every
    /// privilege the server knows for the type of object.
    #[schemars(length(min = 1), inner(regex(pattern = r"^[A-Z]+( [A-Z]+)*$")))]
    pub privileges: Vec<String>,
    /// `GRANT`: the role may grant the privileges to others. Not set: it may not.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub with_option: Option<GrantOption>,
    /// Schema that the privileges are on or in. Not set: they are on the database.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(min = 1, max = 63))]
    pub schema: Option<String>,
    /// Tables, views, materialized views and foreign tables of the schema.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub tables: Vec<String>,
    /// Sequences of the schema.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub sequences: Vec<String>,
    /// Functions and procedures of the schema.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub routines: Vec<Routine>,
    /// Every object of this type that is in the schema at the time; new ones are noticed on the next
    /// poll. For those made later by a known role see the kind `DefaultPrivileges`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub all_in_schema: Option<SchemaObjects>,
}

impl GrantParameters {
    /// What the privileges are on: the list, or the one target that is written out.
    pub fn targets(&self) -> Vec<GrantTarget> {
        if !self.targets.is_empty() {
            return self.targets.clone();
        }
        vec![GrantTarget {
            privileges: self.privileges.clone(),
            with_option: self.with_option,
            schema: self.schema.clone(),
            tables: self.tables.clone(),
            sequences: self.sequences.clone(),
            routines: self.routines.clone(),
            all_in_schema: self.all_in_schema,
        }]
    }
}

/// May the privileges be passed on.
#[derive(Clone, Copy, Debug, Deserialize, Eq, JsonSchema, PartialEq, Serialize)]
pub enum GrantOption {
    /// `WITH GRANT OPTION`.
    #[serde(rename = "GRANT")]
    Grant,
}

/// A type of object that a schema holds.
#[derive(Clone, Copy, Debug, Deserialize, Eq, JsonSchema, PartialEq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum SchemaObjects {
    /// Tables, views, materialized views and foreign tables.
    Tables,
    /// Sequences.
    Sequences,
    /// Functions, procedures and aggregates.
    Routines,
}

/// A function or procedure. Its arguments tell apart those of the same name.
#[derive(Clone, Debug, Default, Deserialize, Eq, JsonSchema, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Routine {
    /// Name of the routine.
    pub name: String,
    /// Types of its arguments as SQL writes them, such as `integer` or `text[]`.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub args: Vec<String>,
}

/// `status.atProvider` of a Grant.
#[derive(Clone, Debug, Default, Deserialize, Eq, JsonSchema, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct GrantObservation {
    /// Wanted privileges that the role holds on every object.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub privileges: Vec<String>,
    /// How many objects the privileges are on.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub objects: Option<i64>,
    /// Listed objects that do not exist.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub missing_objects: Vec<String>,
    /// Other roles that granted the same privileges; they stay when the Grant is deleted.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub also_granted_by: Vec<String>,
    /// The same for each of the targets, when the spec lists them.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub targets: Vec<GrantTargetObservation>,
}

/// What was found for one target.
#[derive(Clone, Debug, Default, Deserialize, Eq, JsonSchema, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct GrantTargetObservation {
    /// What the privileges are on, such as `tables in schema public`.
    pub target: String,
    /// Wanted privileges that the role holds on every object.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub privileges: Vec<String>,
    /// How many objects the privileges are on.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub objects: Option<i64>,
    /// Listed objects that do not exist.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub missing_objects: Vec<String>,
    /// Other roles that granted the same privileges; they stay when the Grant is deleted.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub also_granted_by: Vec<String>,
}

impl Kind for Grant {
    const GROUP: &'static str = super::GROUP;
    const KIND: &'static str = "Grant";
    const PLURAL: &'static str = "grants";
    const SHORT_NAMES: &'static [&'static str] = &["pggrant"];
    const DESCRIPTION: &'static str =
        "Privileges of a role on a database, a schema or objects in a schema.";
    const CATEGORY: &'static str = super::CATEGORY;

    type Parameters = GrantParameters;
    type Observation = GrantObservation;

    fn references(parameters: &mut GrantParameters) -> Vec<Reference<'_>> {
        vec![
            Reference {
                field: "role".into(),
                target: Target::of::<Role>(),
                value: &mut parameters.role,
                reference: parameters.role_ref.as_ref(),
                selector: parameters.role_selector.as_ref(),
            },
            Reference {
                field: "database".into(),
                target: Target::of::<Database>(),
                value: &mut parameters.database,
                reference: parameters.database_ref.as_ref(),
                selector: parameters.database_selector.as_ref(),
            },
        ]
    }
}
