//! A connection on loan: queries, and changes that happen as a whole or not at all.

use std::{fmt::Write, mem, time::Duration};

use serde::de::DeserializeOwned;
use tokio::sync::{OwnedRwLockReadGuard, OwnedSemaphorePermit};

use managed::rehearsal::Rehearsal;

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
        connection: Option<Connection>,
        guards: Guards,
    ) -> Self {
        Self {
            session,
            database,
            connection,
            _guards: guards,
        }
    }

    async fn connection(&mut self) -> Result<&mut Connection> {
        let connection = match self.connection.take() {
            Some(connection) => connection,
            None => self.session.enter(&self.database).await?,
        };
        Ok(self.connection.insert(connection))
    }

    /// The first column of the first row, which has to be JSON. Parameters are text.
    pub async fn json<T: DeserializeOwned>(
        &mut self,
        sql: &str,
        parameters: &[&str],
    ) -> Result<Option<T>> {
        self.connection().await?.json(sql, parameters).await
    }

    /// Runs one statement that cannot be part of a transaction. `acting` is the role it runs as.
    pub async fn alone(&mut self, acting: Option<&Ident>, statement: &str) -> Result<()> {
        if let Some(rehearsal) = &self.session.rehearsal {
            self.note(rehearsal, acting, &[statement]);
            return Ok(());
        }
        let Some(role) = acting else {
            return self.connection().await?.execute(statement).await;
        };
        self.connection()
            .await?
            .execute(&format!("SET ROLE {role}"))
            .await?;
        let result = self.connection().await?.execute(statement).await;
        self.connection().await?.execute("RESET ROLE").await?;
        result
    }

    /// Runs statements in one transaction. `acting` is the role they run as. Nothing is changed when
    /// one of them fails or has no effect. Collisions with other sessions are tried again.
    pub async fn change(&mut self, acting: Option<&Ident>, statements: &[String]) -> Result<()> {
        if statements.is_empty() {
            return Ok(());
        }
        if let Some(rehearsal) = &self.session.rehearsal {
            let statements: Vec<_> = statements.iter().map(String::as_str).collect();
            self.note(rehearsal, acting, &statements);
            return Ok(());
        }
        let gate = self.session.server.gate(&self.database);
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

    /// What is sent together is one transaction, so each statement says as whom it is run.
    fn note(&self, rehearsal: &Rehearsal, acting: Option<&Ident>, statements: &[&str]) {
        let address = self.session.address();
        let mut target = format!("{address}, database {}", self.database);
        if let Some(role) = acting {
            write!(target, ", as role {role}").expect("a String takes everything");
        }
        for statement in statements {
            rehearsal.note(&target, *statement);
        }
    }

    async fn attempt(&mut self, sql: &str) -> Result<()> {
        match self.connection().await?.execute(sql).await {
            Ok(()) => self.connection().await?.execute("COMMIT").await,
            Err(error) if error.ends_session() => Err(error),
            Err(error) => {
                self.connection().await?.execute("ROLLBACK").await?;
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
