//! The kind `DefaultPrivileges`: what a role may do with objects that another role makes later.
//!
//! One entry is known by its creator, schema (or none), type of object and receiver; entries that
//! differ in any of these do not touch each other. A resource has one type of object, written out in
//! the spec, or a list of targets.

#![expect(
    unreachable_pub,
    reason = "KubeSchema derives through a copy of the struct"
)]

#[cfg(feature = "backends")]
mod client;

use kube::KubeSchema;
use managed::{
    kind::Kind,
    reference::{NamedReference, Reference, Selector, Target},
};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::{database::Database, grant::GrantOption, role::Role};

/// Privileges on objects that are made later.
#[derive(Clone, Debug)]
pub struct DefaultPrivileges;

/// `spec.forProvider` of a `DefaultPrivileges`.
#[derive(Clone, Debug, Default, Deserialize, Eq, KubeSchema, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
#[x_kube(validation = (
    "has(self.role) || has(self.roleRef) || has(self.roleSelector)",
    "who receives the privileges is not given; set role, roleRef or roleSelector"
))]
#[x_kube(validation = (
    "has(self.targetRole) || has(self.targetRoleRef) || has(self.targetRoleSelector)",
    "whose objects is not given; set targetRole, targetRoleRef or targetRoleSelector"
))]
#[x_kube(validation = (
    "has(self.database) || has(self.databaseRef) || has(self.databaseSelector)",
    "the database is not given; set database, databaseRef or databaseSelector"
))]
#[x_kube(validation = (
    "has(self.targets) || (has(self.objectType) && has(self.privileges))",
    "nothing is granted; set objectType and privileges, or targets"
))]
#[x_kube(validation = (
    "!has(self.targets) || !(has(self.objectType) || has(self.privileges) || has(self.withOption) || has(self.schema))",
    "targets stand alone; move the other privileges into targets"
))]
#[x_kube(validation = (
    "!has(self.schema) || !has(self.objectType) || self.objectType != 'schema'",
    "a schema is not in a schema; remove schema"
))]
pub struct DefaultPrivilegesParameters {
    /// Role whose future objects the privileges are on. Members of this role do not count: they have
    /// to `SET ROLE` before they make an object.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(min = 1, max = 63))]
    pub target_role: Option<String>,
    /// Managed resource of kind Role whose future objects the privileges are on.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub target_role_ref: Option<NamedReference>,
    /// Selects a managed resource of kind Role whose future objects the privileges are on.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub target_role_selector: Option<Selector>,
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
    /// Database the objects are made in.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(min = 1, max = 63))]
    pub database: Option<String>,
    /// Managed resource of kind Database the objects are made in.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub database_ref: Option<NamedReference>,
    /// Selects a managed resource of kind Database the objects are made in.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub database_selector: Option<Selector>,
    /// Schema the objects are made in. Not set: every schema of the database.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(min = 1, max = 63))]
    pub schema: Option<String>,
    /// Type of the objects.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub object_type: Option<ObjectType>,
    /// What is granted, in the words of SQL, such as `SELECT`; `ALL` stands for every privilege the
    /// server knows for the type of object.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(length(min = 1), inner(regex(pattern = r"^[A-Z]+( [A-Z]+)*$")))]
    pub privileges: Vec<String>,
    /// `GRANT`: the role may grant the privileges to others. Not set: it may not.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub with_option: Option<GrantOption>,
    /// Several types of objects, instead of the one that the fields beside it describe.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(length(min = 1, max = 32))]
    pub targets: Vec<DefaultPrivilegesTarget>,
}

/// Privileges on future objects of one type.
#[derive(Clone, Debug, Default, Deserialize, Eq, KubeSchema, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
#[x_kube(validation = (
    "!has(self.schema) || self.objectType != 'schema'",
    "a schema is not in a schema; remove schema"
))]
pub struct DefaultPrivilegesTarget {
    /// Type of the objects.
    pub object_type: ObjectType,
    /// Schema the objects are made in. Not set: every schema of the database.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(min = 1, max = 63))]
    pub schema: Option<String>,
    /// What is granted, in the words of SQL, such as `SELECT`; `ALL` stands for every privilege the
    /// server knows for the type of object.
    #[schemars(length(min = 1), inner(regex(pattern = r"^[A-Z]+( [A-Z]+)*$")))]
    pub privileges: Vec<String>,
    /// `GRANT`: the role may grant the privileges to others. Not set: it may not.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub with_option: Option<GrantOption>,
}

impl DefaultPrivilegesParameters {
    /// What the privileges are on: the list, or the one type that is written out; none without a type.
    pub fn targets(&self) -> Vec<DefaultPrivilegesTarget> {
        if !self.targets.is_empty() {
            return self.targets.clone();
        }
        let one = self.object_type.map(|object_type| DefaultPrivilegesTarget {
            object_type,
            schema: self.schema.clone(),
            privileges: self.privileges.clone(),
            with_option: self.with_option,
        });
        one.into_iter().collect()
    }
}

/// A type of object that default privileges exist for.
#[derive(Clone, Copy, Debug, Default, Deserialize, Eq, JsonSchema, PartialEq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum ObjectType {
    /// Tables and views.
    #[default]
    Table,
    /// Sequences.
    Sequence,
    /// Functions and procedures.
    Function,
    /// Schemas.
    Schema,
    /// Types and domains.
    Type,
}

/// `status.atProvider` of a `DefaultPrivileges`.
#[derive(Clone, Debug, Default, Deserialize, Eq, JsonSchema, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct DefaultPrivilegesObservation {
    /// Privileges the role will hold on new objects.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub privileges: Vec<String>,
    /// Those of them the role may grant to others.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub grantable: Vec<String>,
    /// The same for each of the targets, when the spec lists them.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub targets: Vec<DefaultPrivilegesTargetObservation>,
}

/// What was found for one target.
#[derive(Clone, Debug, Default, Deserialize, Eq, JsonSchema, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct DefaultPrivilegesTargetObservation {
    /// What the privileges are on, such as `table in schema public`.
    pub target: String,
    /// Privileges the role will hold on new objects.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub privileges: Vec<String>,
    /// Those of them the role may grant to others.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub grantable: Vec<String>,
}

impl Kind for DefaultPrivileges {
    const GROUP: &'static str = super::GROUP;
    const KIND: &'static str = "DefaultPrivileges";
    const PLURAL: &'static str = "defaultprivileges";
    const DESCRIPTION: &'static str =
        "What a role may do with objects that another role makes later.";
    const CATEGORY: &'static str = super::CATEGORY;

    type Parameters = DefaultPrivilegesParameters;
    type Observation = DefaultPrivilegesObservation;

    fn references(parameters: &mut DefaultPrivilegesParameters) -> Vec<Reference<'_>> {
        vec![
            Reference {
                field: "targetRole".into(),
                target: Target::of::<Role>(),
                value: &mut parameters.target_role,
                reference: parameters.target_role_ref.as_ref(),
                selector: parameters.target_role_selector.as_ref(),
            },
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
