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
//!
//! A group has one Grant and one `DefaultPrivileges`, so that a claim is few resources: each makes events
//! that Crossplane works off one by one.

use managed::{Kind, ManagedResource, reference::NamedReference};
use provider_tenancy::postgresql::{
    DefaultPrivileges, Grant,
    default_privileges::{DefaultPrivilegesParameters, DefaultPrivilegesTarget, ObjectType},
    grant::{GrantParameters, GrantTarget, SchemaObjects},
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
pub(super) fn of_owners(plan: &Plan, observed: &Observed) -> Composed {
    now(plan, observed, &plan.owners)
}

/// What members of a group may do, now and later.
pub(super) fn of_group(plan: &Plan, observed: &Observed, group: &Group) -> [Composed; 2] {
    [now(plan, observed, group), later(plan, observed, group)]
}

fn now(plan: &Plan, observed: &Observed, group: &Group) -> Composed {
    let targets = Target::ALL.into_iter().filter_map(|target| {
        let privileges = owned(target.privileges(group.profile));
        (!privileges.is_empty()).then(|| GrantTarget {
            privileges,
            schema: (target != Target::Database).then(|| SCHEMA.to_owned()),
            all_in_schema: target.objects(),
            ..GrantTarget::default()
        })
    });
    let parameters = GrantParameters {
        role: Some(group.role.clone()),
        role_ref: Some(NamedReference::to(&group.object)),
        database: Some(plan.database.name.clone()),
        database_ref: Some(NamedReference::to(&plan.database.object)),
        targets: targets.collect(),
        ..GrantParameters::default()
    };
    composed::<Grant>(
        plan,
        observed,
        &format!("grant-{}", group.label),
        parameters,
    )
}

fn later(plan: &Plan, observed: &Observed, group: &Group) -> Composed {
    let targets = Target::ALL.into_iter().filter_map(|target| {
        let privileges = owned(target.privileges(group.profile));
        let object_type = target.later().filter(|_| !privileges.is_empty())?;
        Some(DefaultPrivilegesTarget {
            object_type,
            privileges,
            ..DefaultPrivilegesTarget::default()
        })
    });
    let parameters = DefaultPrivilegesParameters {
        target_role: Some(plan.owners.role.clone()),
        target_role_ref: Some(NamedReference::to(&plan.owners.object)),
        role: Some(group.role.clone()),
        role_ref: Some(NamedReference::to(&group.object)),
        database: Some(plan.database.name.clone()),
        database_ref: Some(NamedReference::to(&plan.database.object)),
        targets: targets.collect(),
        ..DefaultPrivilegesParameters::default()
    };
    let key = format!("default-{}", group.label);
    composed::<DefaultPrivileges>(plan, observed, &key, parameters)
}

/// The key is the last part of the name, too.
fn composed<K: Kind>(
    plan: &Plan,
    observed: &Observed,
    key: &str,
    parameters: K::Parameters,
) -> Composed {
    let mut managed = ManagedResource::<K>::new(plan.object(key), parameters);
    managed.metadata.namespace = Some(plan.namespace.clone());
    managed.spec.provider_config_ref = plan.spec.provider_configs.postgresql.clone();
    Composed::new(observed, key, Aspect::Access, &managed)
}

fn owned(words: &[&str]) -> Vec<String> {
    words.iter().map(|word| (*word).to_owned()).collect()
}
