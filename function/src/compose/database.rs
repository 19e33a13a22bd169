//! The claim `PostgreSQLInstance`: owner, groups, database, logins, privileges, credentials in Vault.
//!
//! Names on the server are written out beside the reference to the managed resource: the name spares a
//! pass of waiting, the reference wakes the reader as soon as the other one is there.

use managed::{
    ManagedResource,
    connection::LocalSecretReference,
    policy::ManagementAction::{Create, LateInitialize, Observe, Update},
    reference::NamedReference,
    resource::EXTERNAL_NAME,
};
use provider_tenancy::postgresql::{
    Database,
    database::{DatabaseParameters, PublicPrivileges},
};

use self::plan::{Login, Plan};
use super::{Aspect, Composed, Composition, Refusal, outlook};
use crate::{
    claim::{DeletionPolicy, postgresql_instance::Profile},
    observed::Observed,
};

mod credential;
mod delivery;
mod plan;
mod privilege;
mod report;
mod retired;
mod role;

/// Composes a `PostgreSQLInstance`.
pub fn compose(observed: &Observed) -> Result<Composition, Refusal> {
    let plan = Plan::of(observed)?;
    let resources = resources(&plan, observed);
    let conditions = report::conditions(&plan, observed, &resources);
    Ok(Composition {
        status: report::status(&plan, observed, &resources),
        events: outlook::events(observed, &conditions),
        conditions,
        resources,
    })
}

/// Everything a claim becomes, in the order in which one builds on the other.
fn resources(plan: &Plan, observed: &Observed) -> Vec<Composed> {
    let owners = role::owners(plan);
    let mut resources = vec![
        Composed::new(observed, role::OWNERS_KEY, Aspect::Database, &owners),
        Composed::new(observed, DATABASE_KEY, Aspect::Database, &database(plan)),
    ];
    let groups: Vec<_> = plan.groups().collect();
    let group_roles = groups
        .iter()
        .map(|group| role::group(plan, observed, group));
    resources.extend(group_roles);
    let logins = plan.logins.iter();
    resources.extend(logins.map(|login| role::login(plan, observed, login)));
    resources.push(privilege::of_owners(plan, observed));
    for group in &groups {
        resources.extend(privilege::of_group(plan, observed, group));
    }
    resources.extend(retired::leaving(plan, observed, &groups));
    if plan.spec.vault.enabled {
        let logins = plan.logins.iter();
        resources.extend(logins.map(|login| credential::composed(plan, observed, login)));
    }
    resources.extend(delivery::composed(plan, observed));
    resources
}

/// Key of the database.
const DATABASE_KEY: &str = "database";

fn database(plan: &Plan) -> ManagedResource<Database> {
    let parameters = DatabaseParameters {
        owner: Some(plan.owners.role.clone()),
        owner_ref: Some(NamedReference::to(&plan.owners.object)),
        encoding: Some("UTF8".into()),
        allow_connections: Some(true),
        connection_limit: Some(plan.spec.database.connection_limit.unwrap_or(UNLIMITED)),
        is_template: Some(false),
        public_privileges: Some(PublicPrivileges::closed()),
        // The user asked for the data to go; a forgotten session must not keep it.
        force_drop: Some(true),
        ..DatabaseParameters::default()
    };
    let mut database = ManagedResource::new(&plan.database.object, parameters);
    database.metadata.annotations =
        Some([(EXTERNAL_NAME.into(), plan.database.name.clone())].into());
    database.metadata.namespace = Some(plan.namespace.clone());
    database.spec.provider_config_ref = plan.spec.provider_configs.postgresql.clone();
    keep_data(plan, &mut database);
    database
}

/// `connectionLimit` without limit.
const UNLIMITED: i64 = -1;

/// With `deletionPolicy: Orphan` the external resource outlives the managed one.
fn keep_data<K: managed::Kind>(plan: &Plan, managed: &mut ManagedResource<K>) {
    if plan.spec.deletion_policy == DeletionPolicy::Orphan {
        managed.spec.management_policies = vec![Observe, Create, Update, LateInitialize];
    }
}

fn connection_secret(login: &Login) -> LocalSecretReference {
    LocalSecretReference::named(login.secret.clone())
}

/// What a login is a member of.
fn group_of(plan: &Plan, profile: Profile) -> plan::Group {
    match profile {
        Profile::Owner => plan.owners.clone(),
        Profile::Readwrite | Profile::Readonly => plan.group(profile),
    }
}
