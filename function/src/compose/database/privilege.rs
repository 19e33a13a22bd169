//! What groups may do: with what is in the schema `public`, and with what the owner makes later.
//!
//! | group | database | schema | tables | sequences | routines |
//! |---|---|---|---|---|---|
//! | owners | owns it | CREATE, USAGE | owns them | owns them | owns them |
//! | writers | CONNECT, TEMPORARY | USAGE | SELECT, INSERT, UPDATE, DELETE | USAGE, SELECT, UPDATE | EXECUTE |
//! | readers | CONNECT | USAGE | SELECT | SELECT | - |
//!
//! Routines: `PostgreSQL` lets PUBLIC execute every new one; the owner takes that back where it matters.
//! Up to `PostgreSQL` 14 the schema `public` does not belong to the owner of the database, which is why
//! the owners are granted it. Objects the owner makes later are covered in every schema.

use managed::{ManagedResource, reference::NamedReference};
use provider_tenancy::postgresql::{
    DefaultPrivileges, Grant,
    default_privileges::{DefaultPrivilegesParameters, ObjectType},
    grant::{GrantParameters, SchemaObjects},
};

use super::plan::{Group, Plan};
use crate::{
    claim::postgresql_instance::Profile,
    compose::{Aspect, Composed},
    observed::Observed,
};

/// The schema every database begins with.
const SCHEMA: &str = "public";

/// What privileges are on.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
enum Target {
    Database,
    Schema,
    Tables,
    Sequences,
    Routines,
}

impl Target {
    const ALL: [Self; 5] = [
        Self::Database,
        Self::Schema,
        Self::Tables,
        Self::Sequences,
        Self::Routines,
    ];

    /// Last part of names and keys.
    const fn label(self) -> &'static str {
        match self {
            Self::Database => "database",
            Self::Schema => "schema",
            Self::Tables => "tables",
            Self::Sequences => "sequences",
            Self::Routines => "routines",
        }
    }

    const fn objects(self) -> Option<SchemaObjects> {
        match self {
            Self::Database | Self::Schema => None,
            Self::Tables => Some(SchemaObjects::Tables),
            Self::Sequences => Some(SchemaObjects::Sequences),
            Self::Routines => Some(SchemaObjects::Routines),
        }
    }

    const fn later(self) -> Option<ObjectType> {
        match self {
            Self::Database => None,
            Self::Schema => Some(ObjectType::Schema),
            Self::Tables => Some(ObjectType::Table),
            Self::Sequences => Some(ObjectType::Sequence),
            Self::Routines => Some(ObjectType::Function),
        }
    }

    /// The table at the top.
    const fn privileges(self, profile: Profile) -> &'static [&'static str] {
        match (profile, self) {
            (Profile::Owner, Self::Schema) => &["CREATE", "USAGE"],
            (Profile::Readwrite, Self::Database) => &["CONNECT", "TEMPORARY"],
            (Profile::Readwrite | Profile::Readonly, Self::Schema) => &["USAGE"],
            (Profile::Readwrite, Self::Tables) => &["SELECT", "INSERT", "UPDATE", "DELETE"],
            (Profile::Readwrite, Self::Sequences) => &["USAGE", "SELECT", "UPDATE"],
            (Profile::Readwrite, Self::Routines) => &["EXECUTE"],
            (Profile::Readonly, Self::Database) => &["CONNECT"],
            (Profile::Readonly, Self::Tables | Self::Sequences) => &["SELECT"],
            (Profile::Owner, _) | (Profile::Readonly, Self::Routines) => &[],
        }
    }
}

/// What the owners need beside owning the database.
pub(super) fn of_owners(plan: &Plan, observed: &Observed) -> Vec<Composed> {
    grants(plan, observed, &plan.owners)
}

/// What members of a group may do, now and later.
pub(super) fn of_group(plan: &Plan, observed: &Observed, group: &Group) -> Vec<Composed> {
    let mut resources = grants(plan, observed, group);
    let later = Target::ALL.into_iter().filter_map(|target| {
        let privileges = default_privileges(plan, group, target)?;
        let key = format!("default-{}-{}", group.label, target.label());
        Some(Composed::new(observed, key, Aspect::Access, &privileges))
    });
    resources.extend(later);
    resources
}

fn grants(plan: &Plan, observed: &Observed, group: &Group) -> Vec<Composed> {
    let granted = Target::ALL
        .into_iter()
        .filter(|target| !target.privileges(group.profile).is_empty());
    let composed = granted.map(|target| {
        let key = format!("grant-{}-{}", group.label, target.label());
        Composed::new(observed, key, Aspect::Access, &grant(plan, group, target))
    });
    composed.collect()
}

fn grant(plan: &Plan, group: &Group, target: Target) -> ManagedResource<Grant> {
    let parameters = GrantParameters {
        privileges: owned(target.privileges(group.profile)),
        role: Some(group.role.clone()),
        role_ref: Some(NamedReference::to(&group.object)),
        database: Some(plan.database.name.clone()),
        database_ref: Some(NamedReference::to(&plan.database.object)),
        schema: (target != Target::Database).then(|| SCHEMA.to_owned()),
        all_in_schema: target.objects(),
        ..GrantParameters::default()
    };
    let name = plan.object(&format!("grant-{}-{}", group.label, target.label()));
    let mut grant = ManagedResource::new(name, parameters);
    grant.metadata.namespace = Some(plan.namespace.clone());
    grant.spec.provider_config_ref = plan.spec.provider_configs.postgresql.clone();
    grant
}

fn default_privileges(
    plan: &Plan,
    group: &Group,
    target: Target,
) -> Option<ManagedResource<DefaultPrivileges>> {
    let privileges = target.privileges(group.profile);
    if privileges.is_empty() {
        return None;
    }
    let parameters = DefaultPrivilegesParameters {
        target_role: Some(plan.owners.role.clone()),
        target_role_ref: Some(NamedReference::to(&plan.owners.object)),
        role: Some(group.role.clone()),
        role_ref: Some(NamedReference::to(&group.object)),
        database: Some(plan.database.name.clone()),
        database_ref: Some(NamedReference::to(&plan.database.object)),
        object_type: target.later()?,
        privileges: owned(privileges),
        ..DefaultPrivilegesParameters::default()
    };
    let name = plan.object(&format!("default-{}-{}", group.label, target.label()));
    let mut later = ManagedResource::new(name, parameters);
    later.metadata.namespace = Some(plan.namespace.clone());
    later.spec.provider_config_ref = plan.spec.provider_configs.postgresql.clone();
    Some(later)
}

fn owned(words: &[&str]) -> Vec<String> {
    words.iter().map(|word| (*word).to_owned()).collect()
}
