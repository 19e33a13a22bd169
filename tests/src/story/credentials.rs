//! Credentials as an application reads them from Vault, and what they are good for.

use anyhow::{Context, ensure};
use serde_json::{Map, Value};

use super::Stage;
use crate::Session;

/// SQLSTATE of a statement that succeeded.
pub const SUCCESS: &str = "00000";

/// What one path in Vault holds.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Credentials {
    /// Version at the path.
    pub version: i64,
    /// Keys and values.
    pub data: Map<String, Value>,
}

impl Credentials {
    /// Reads a path, mount included; nothing when there is no readable current version.
    pub async fn read(stage: &Stage, path: &str) -> anyhow::Result<Option<Self>> {
        let (mount, rest) = path
            .split_once('/')
            .context("a path begins with its mount")?;
        let Some(mut found) = stage.vault.read(&format!("{mount}/data/{rest}")).await? else {
            return Ok(None);
        };
        let version = found["metadata"]["version"].as_i64().unwrap_or_default();
        let Value::Object(data) = found["data"].take() else {
            return Ok(None);
        };
        Ok(Some(Self { version, data }))
    }

    /// The value of a key; empty when it is not there.
    pub fn get(&self, key: &str) -> &str {
        self.data
            .get(key)
            .and_then(Value::as_str)
            .unwrap_or_default()
    }

    /// Logs in with `url` and nothing else, through the Service that applications connect to. The
    /// server's name and certificate are verified.
    pub async fn log_in(&self, stage: &Stage) -> anyhow::Result<Session> {
        self.log_in_to(stage, self.get("database")).await
    }

    /// The same into another database.
    pub async fn log_in_to(&self, stage: &Stage, database: &str) -> anyhow::Result<Session> {
        let mut config: tokio_postgres::Config = self
            .get("url")
            .parse()
            .context("url is no URL of PostgreSQL")?;
        self.check(&config)?;
        config.dbname(database).hostaddr(stage.service.parse()?);
        let session = stage.postgres.open(&config).await;
        session.with_context(|| format!("{} cannot log in to {database}", self.get("username")))
    }

    /// The other keys say the same as `url`.
    fn check(&self, config: &tokio_postgres::Config) -> anyhow::Result<()> {
        let host = tokio_postgres::config::Host::Tcp(self.get("host").to_owned());
        ensure!(config.get_hosts() == [host], "url has another host");
        let ports: Vec<_> = config.get_ports().iter().map(u16::to_string).collect();
        ensure!(ports == [self.get("port")], "url has another port");
        ensure!(
            config.get_user() == Some(self.get("username")),
            "url has another username"
        );
        let password = self.get("password").as_bytes();
        ensure!(
            config.get_password() == Some(password),
            "url has another password"
        );
        ensure!(
            config.get_dbname() == Some(self.get("database")),
            "url has another database"
        );
        ensure!(
            self.get("url")
                .ends_with(&format!("sslmode={}", self.get("sslmode")))
        );
        ensure!(
            self.get("sslmode") == "require",
            "connections may be in clear"
        );
        Ok(())
    }
}

/// What the server answers to a statement: its SQLSTATE, [`SUCCESS`] when it succeeds.
pub async fn answer(session: &Session, sql: &str) -> anyhow::Result<String> {
    match session.batch_execute(sql).await {
        Ok(()) => Ok(SUCCESS.to_owned()),
        Err(error) => refusal(&error.into()),
    }
}

/// The SQLSTATE with which the server refused.
pub fn refusal(error: &anyhow::Error) -> anyhow::Result<String> {
    let causes = error
        .chain()
        .filter_map(|cause| cause.downcast_ref::<tokio_postgres::Error>());
    let state = causes
        .filter_map(|cause| cause.code())
        .map(|state| state.code().to_owned());
    state
        .last()
        .with_context(|| format!("not an answer of the server: {error:#}"))
}
