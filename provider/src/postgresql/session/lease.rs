//! A connection on loan: queries, and changes that happen as a whole or not at all.

use std::{fmt::Write, mem, time::Duration};

use serde::de::DeserializeOwned;
use tokio::sync::{OwnedRwLockReadGuard, OwnedSemaphorePermit};

use super::{Session, connection::Connection};
use crate::postgresql::{sql::Ident, sqlstate::Result};

/// First half of the key of the advisory lock under which catalogs are changed.
const LOCK_CLASS: i32 = 0x7467_6e74;
/// How often a change that collided with somebody else's is tried in all.
const ATTEMPTS: u32 = 4;
/// Pause before the second attempt; each further one waits longer.
const PAUSE: Duration = Duration::from_millis(50);

/// A place among the connections in use, and presence in the database.
type Guards = (OwnedSemaphorePermit, OwnedRwLockReadGuard<()>);

/// Exclusive use of one connection. It goes back when the lease is dropped; one that was left in the
/// middle of a statement is cancelled and closed.
pub struct Lease {
    session: Session,
    database: String,
    connection: Option<Connection>,
    _guards: Guards,
}

impl Lease {
    pub(super) fn new(
        session: Session,
        database: String,
        connection: Connection,
        guards: Guards,
    ) -> Self {
        Self {
            session,
            database,
            connection: Some(connection),
            _guards: guards,
        }
    }

    fn connection(&mut self) -> &mut Connection {
        self.connection
            .as_mut()
            .expect("a lease has its connection until it is dropped")
    }

    /// The first column of the first row, which has to be JSON. Parameters are text.
    pub async fn json<T: DeserializeOwned>(
        &mut self,
        sql: &str,
        parameters: &[&str],
    ) -> Result<Option<T>> {
        self.connection().json(sql, parameters).await
    }

    /// Runs one statement that cannot be part of a transaction. `acting` is the role it runs as.
    pub async fn alone(&mut self, acting: Option<&Ident>, statement: &str) -> Result<()> {
        let Some(role) = acting else {
            return self.connection().execute(statement).await;
        };
        self.connection()
            .execute(&format!("SET ROLE {role}"))
            .await?;
        let result = self.connection().execute(statement).await;
        self.connection().execute("RESET ROLE").await?;
        result
    }

    /// Runs statements in one transaction. `acting` is the role they run as. Nothing is changed when
    /// one of them fails or has no effect. Collisions with other sessions are tried again.
    pub async fn change(&mut self, acting: Option<&Ident>, statements: &[String]) -> Result<()> {
        if statements.is_empty() {
            return Ok(());
        }
        let gate = self.session.0.gate(&self.database);
        let _turn = gate.change.lock().await;
        let sql = transaction(acting, statements);
        for attempt in 1..ATTEMPTS {
            match self.attempt(&sql).await {
                Err(error) if error.is_collision() => tokio::time::sleep(PAUSE * attempt).await,
                outcome => return outcome,
            }
        }
        self.attempt(&sql).await
    }

    async fn attempt(&mut self, sql: &str) -> Result<()> {
        match self.connection().execute(sql).await {
            Ok(()) => self.connection().execute("COMMIT").await,
            Err(error) if error.ends_session() => Err(error),
            Err(error) => {
                self.connection().execute("ROLLBACK").await?;
                Err(error)
            }
        }
    }
}

/// All statements but the last one, which depends on the warnings seen until then.
fn transaction(acting: Option<&Ident>, statements: &[String]) -> String {
    // The second half of the key is constant: one lock for each database.
    let mut sql = format!("BEGIN; SELECT pg_advisory_xact_lock({LOCK_CLASS}, 0)");
    if let Some(role) = acting {
        write!(sql, "; SET LOCAL ROLE {role}").expect("a String takes everything");
    }
    for statement in statements {
        write!(sql, "; {statement}").expect("a String takes everything");
    }
    sql
}

impl Drop for Lease {
    fn drop(&mut self) {
        let Some(connection) = self.connection.take() else {
            return;
        };
        connection.cancel();
        self.session
            .put_back(mem::take(&mut self.database), connection);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_change_takes_the_lock_before_it_becomes_another_role() {
        let role = Ident::new("own er").unwrap();
        let sql = transaction(Some(&role), &["A".into(), "B".into()]);
        assert_eq!(
            sql,
            "BEGIN; SELECT pg_advisory_xact_lock(1952935540, 0); SET LOCAL ROLE \"own er\"; A; B"
        );
    }
}
