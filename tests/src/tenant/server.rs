//! What a team sees, and others may do, on its PostgreSQL server.

use anyhow::Context;

use super::Tenant;
use crate::Session;

impl Tenant {
    /// A session of the server's superuser.
    pub async fn superuser(&self, database: &str) -> anyhow::Result<Session> {
        self.postgres.superuser(database).await
    }

    /// Runs statements as the server's superuser.
    pub async fn sql(&self, database: &str, statements: &str) -> anyhow::Result<()> {
        let session = self.superuser(database).await?;
        let done = session.batch_execute(statements).await;
        done.with_context(|| format!("refused: {statements}"))
    }

    /// The first column of the first row as text, empty when there is none.
    pub async fn ask(&self, database: &str, query: &str) -> anyhow::Result<String> {
        let session = self.superuser(database).await?;
        let row = session.query_opt(query, &[]).await;
        let row = row.with_context(|| format!("refused: {query}"))?;
        let text = row
            .map(|row| row.try_get::<_, Option<String>>(0))
            .transpose()?;
        Ok(text.flatten().unwrap_or_default())
    }

    /// Roles and databases of the team that the server has.
    pub async fn on_server(&self) -> anyhow::Result<Vec<String>> {
        let session = self.superuser("postgres").await?;
        let query = "SELECT 'role ' || rolname FROM pg_roles WHERE starts_with(rolname, $1)
            UNION ALL SELECT 'database ' || datname FROM pg_database WHERE starts_with(datname, $1) ORDER BY 1";
        let rows = session.query(query, &[&self.external_name("")]).await?;
        Ok(rows.iter().map(|row| row.get(0)).collect())
    }

    /// Logs in with the user name and password of a connection Secret.
    pub async fn log_in(&self, secret: &str, database: &str) -> anyhow::Result<Session> {
        let held = self.secret(secret).await?;
        let held = held.with_context(|| format!("there is no Secret {secret}"))?;
        let value = |key: &str| {
            held.get(key)
                .with_context(|| format!("Secret {secret} has no {key}"))
        };
        self.postgres
            .connect(value("username")?, value("password")?, database)
            .await
    }
}
