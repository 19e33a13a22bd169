//! Dropping a database: never one that belongs to the server, never under somebody's feet unless asked.

use std::time::Duration;

use managed::external::{Desired, ExternalError, Failure};
use serde::Deserialize;
use tokio_postgres::error::SqlState;

use super::{Database, catalog::Catalog};
use crate::postgresql::{
    session::{Lease, Session},
    sql::Ident,
    sqlstate::Result,
};

/// Databases of the server itself and of the clouds that run it.
const PROTECTED: [&str; 7] = [
    "postgres",
    "template0",
    "template1",
    "rdsadmin",
    "cloudsqladmin",
    "azure_maintenance",
    "azure_sys",
];

/// How often we look for sessions before we give up, and how long we wait in between.
const LOOKS: u32 = 8;
const BETWEEN_LOOKS: Duration = Duration::from_millis(50);

/// Drops the database, if it exists.
pub(super) async fn remove(
    session: &Session,
    desired: &Desired<Database>,
) -> Result<(), ExternalError> {
    let name = &desired.external_name;
    if PROTECTED.contains(&name.as_str()) || *name == session.address().default_database {
        let cause = format!("database {name:?} belongs to the server and is never dropped");
        return Err(ExternalError::invalid(
            cause,
            "remove Delete from managementPolicies",
        ));
    }
    let mut lease = session.lease().await?;
    let Some(found) = session.found(&mut lease, desired).await? else {
        return Ok(());
    };
    let database = Ident::new(name)?;
    if found.is_template && !found.is_invalid() {
        let acting = session.acting_for(&mut lease, &found.owner).await?;
        lease
            .change(
                acting.as_ref(),
                &[format!("ALTER DATABASE {database} IS_TEMPLATE false")],
            )
            .await?;
    }
    // Our own sessions would be in the way.
    let _empty = session.vacate(name).await;
    if desired.parameters.force_drop == Some(true) {
        drop_by_force(session, &mut lease, &database, &found).await
    } else {
        drop_when_unused(session, &mut lease, &database, &found, name).await
    }
}

async fn drop_when_unused(
    session: &Session,
    lease: &mut Lease,
    database: &Ident,
    found: &Catalog,
    name: &str,
) -> Result<(), ExternalError> {
    if let Some(users) = remaining_users(lease, name).await? {
        let cause = format!("database {name:?} is in use by {users}");
        return Err(ExternalError::blocked(
            users,
            cause,
            "end the sessions, or set forceDrop",
        ));
    }
    let acting = session.acting_for(lease, &found.owner).await?;
    gone(
        lease
            .alone(acting.as_ref(), &format!("DROP DATABASE {database}"))
            .await,
    )
}

/// Ending other roles' sessions takes rights of our own, so that we cannot become the owner for it.
async fn drop_by_force(
    session: &Session,
    lease: &mut Lease,
    database: &Ident,
    found: &Catalog,
) -> Result<(), ExternalError> {
    session.inherit_from(lease, &found.owner).await?;
    let dropped = lease
        .alone(None, &format!("DROP DATABASE {database} WITH (FORCE)"))
        .await;
    session.stop_inheriting(lease, &found.owner).await?;
    match dropped {
        Err(error) if error.is(&SqlState::INSUFFICIENT_PRIVILEGE) => {
            let admin = Ident::new(&session.identity().admin)?;
            let failure = Failure::new(
                error.to_string(),
                format!("run GRANT pg_signal_backend TO {admin}"),
            );
            Err(ExternalError::Denied(failure))
        }
        outcome => gone(outcome),
    }
}

fn gone(outcome: Result<()>) -> Result<(), ExternalError> {
    match outcome {
        Err(error) if error.is(&SqlState::UNDEFINED_DATABASE) => Ok(()),
        outcome => outcome.map_err(ExternalError::from),
    }
}

/// Who stays connected. Sessions that are about to end get a moment; DROP DATABASE itself would wait for
/// five seconds.
async fn remaining_users(lease: &mut Lease, database: &str) -> Result<Option<String>> {
    for _ in 0..LOOKS {
        if users(lease, database).await?.is_none() {
            return Ok(None);
        }
        tokio::time::sleep(BETWEEN_LOOKS).await;
    }
    users(lease, database).await
}

#[derive(Deserialize)]
struct Users {
    sessions: i64,
    roles: Option<String>,
}

/// Who is connected, in words; `None` when nobody is. The type of other roles' sessions is hidden from
/// all but superusers and monitors.
async fn users(lease: &mut Lease, database: &str) -> Result<Option<String>> {
    const QUERY: &str = "SELECT json_build_object('sessions', count(*),
        'roles', string_agg(DISTINCT quote_ident(usename), ', '))::text
        FROM pg_stat_activity WHERE datname = $1 AND usename IS NOT NULL
            AND coalesce(backend_type, 'client backend') IN ('client backend', 'walsender')";
    let users: Option<Users> = lease.json(QUERY, &[database]).await?;
    let users = users.filter(|users| users.sessions > 0);
    Ok(users.map(|users| {
        format!(
            "{} session(s) of {}",
            users.sessions,
            users.roles.unwrap_or_default()
        )
    }))
}
