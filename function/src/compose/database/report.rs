//! Status and conditions of a `PostgreSQLInstance`.
//!
//! What is known about something that cannot be seen right now stays in the status: an address does
//! not become wrong because the provider could not look.

use managed::condition::{self, Truth};
use provider_tenancy::{postgresql::Database, vault::KvSecret};
use serde_json::Value;

use super::{
    DATABASE_KEY, delivery,
    plan::{Login, Plan},
};
use crate::{
    claim::postgresql_instance::{AccessStatus, DatabaseStatus, PostgresqlInstanceStatus},
    compose::{Aspect, Composed, Condition, outlook, planning},
    observed::Observed,
};

/// The database exists and belongs to its owner.
pub(super) const DATABASE_READY: &str = "DatabaseReady";
/// Every login can do what its profile says.
pub(super) const ACCESS_READY: &str = "AccessReady";
/// The credentials of every login are in Vault.
pub(super) const CREDENTIALS_IN_VAULT: &str = "CredentialsInVault";

/// The credentials are inside the cluster they are delivered to.
pub(super) const CREDENTIALS_DELIVERED: &str = "CredentialsDelivered";

/// The conditions of the claim.
pub(super) fn conditions(
    plan: &Plan,
    observed: &Observed,
    resources: &[Composed],
) -> Vec<Condition> {
    let database = &plan.database.name;
    let logins = plan.logins.len();
    let mut conditions = vec![
        Condition::of(
            DATABASE_READY,
            Aspect::Database,
            resources,
            &format!("database {database} is ready"),
        ),
        Condition::of(
            ACCESS_READY,
            Aspect::Access,
            resources,
            &format!("{} can log in", counted(logins, "role")),
        ),
        credentials(plan, resources),
    ];
    conditions.extend(delivered(plan, observed, resources));
    conditions
}

/// Most claims deliver nothing; one that did says that it does not any more.
fn delivered(plan: &Plan, observed: &Observed, resources: &[Composed]) -> Option<Condition> {
    if let Some(delivery) = &plan.delivery {
        let ready = format!(
            "credentials are in Secret {}/{} of virtual cluster {}",
            delivery.namespace, delivery.secret, delivery.cluster
        );
        let aspect = Aspect::Delivery;
        return Some(Condition::of(
            CREDENTIALS_DELIVERED,
            aspect,
            resources,
            &ready,
        ));
    }
    let before = observed.composite.conditions();
    condition::find(&before, CREDENTIALS_DELIVERED)?;
    Some(Condition {
        kind: CREDENTIALS_DELIVERED,
        status: Truth::False,
        reason: "Disabled".into(),
        message:
            "spec.deliver.virtualCluster is not set; set it to have the credentials in a cluster"
                .into(),
    })
}

fn credentials(plan: &Plan, resources: &[Composed]) -> Condition {
    if plan.spec.vault.enabled {
        let first = plan.vault_path(&plan.logins[0]);
        let others = match plan.logins.len() - 1 {
            0 => String::new(),
            more => format!(" and {} below it", counted(more, "login")),
        };
        let ready = format!("credentials are at {first}{others}");
        return Condition::of(CREDENTIALS_IN_VAULT, Aspect::Vault, resources, &ready);
    }
    Condition {
        kind: CREDENTIALS_IN_VAULT,
        status: Truth::False,
        reason: "Disabled".into(),
        message: format!(
            "spec.vault.enabled is false, credentials are in Secret {}; set it to true to have them in Vault",
            plan.logins[0].secret
        ),
    }
}

/// The status of the claim.
pub(super) fn status(plan: &Plan, observed: &Observed, resources: &[Composed]) -> Value {
    let last: PostgresqlInstanceStatus = observed.composite.last_status();
    let next_step =
        outlook::remedy(resources, &plan.namespace).unwrap_or_else(|| read_credentials(plan));
    let status = PostgresqlInstanceStatus {
        next_step: Some(next_step),
        plan: planning::plans(observed, resources),
        vault_path: plan
            .spec
            .vault
            .enabled
            .then(|| plan.vault_path(&plan.logins[0])),
        database: Some(database(plan, observed, last.database)),
        access: plan
            .logins
            .iter()
            .map(|login| access(plan, observed, login, &last.access))
            .collect(),
        delivery: delivery::status(plan),
    };
    serde_json::to_value(status).expect("a status is JSON")
}

fn database(plan: &Plan, observed: &Observed, last: Option<DatabaseStatus>) -> DatabaseStatus {
    let found = observed
        .at_provider::<Database>(DATABASE_KEY)
        .unwrap_or_default();
    let last = last.unwrap_or_default();
    DatabaseStatus {
        name: plan.database.name.clone(),
        owner: plan.owners.role.clone(),
        host: found.host.or(last.host),
        port: found.port.or(last.port),
    }
}

fn access(plan: &Plan, observed: &Observed, login: &Login, last: &[AccessStatus]) -> AccessStatus {
    let status = AccessStatus {
        name: login.access.name.clone(),
        profile: login.access.profile,
        role: login.role.clone(),
        secret_name: login.secret.clone(),
        vault_path: None,
        vault_version: None,
        written_at: None,
    };
    if !plan.spec.vault.enabled {
        return status;
    }
    let path = plan.vault_path(login);
    let found = observed.at_provider::<KvSecret>(&login.vault_key());
    let known = found.map(|found| (found.version, found.created_time));
    let last = || {
        last.iter()
            .find(|last| last.vault_path.as_ref() == Some(&path))
    };
    let known = known.filter(|(version, _)| version.is_some());
    let (vault_version, written_at) = known
        .or_else(|| last().map(|last| (last.vault_version, last.written_at.clone())))
        .unwrap_or_default();
    AccessStatus {
        vault_path: Some(path),
        vault_version,
        written_at,
        ..status
    }
}

fn read_credentials(plan: &Plan) -> String {
    let first = &plan.logins[0];
    if plan.spec.vault.enabled {
        return format!(
            "read the credentials: vault kv get {}",
            plan.vault_path(first)
        );
    }
    format!(
        "read the credentials: kubectl -n {} get secret {} -o yaml",
        plan.namespace, first.secret
    )
}

impl Plan {
    /// Path of a login's credentials as the command line of Vault takes it.
    fn vault_path(&self, login: &Login) -> String {
        format!("{}/{}", self.spec.vault.mount, login.vault_path)
    }
}

fn counted(count: usize, noun: &str) -> String {
    if count == 1 {
        format!("1 {noun}")
    } else {
        format!("{count} {noun}s")
    }
}
