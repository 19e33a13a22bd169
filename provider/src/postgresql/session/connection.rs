//! One connection: opened with our limits, driven in the background, its warnings collected.

use std::{
    future::poll_fn,
    sync::{Arc, Mutex},
    time::Duration,
};

use serde::de::DeserializeOwned;
use tokio::{
    io::{AsyncRead, AsyncWrite},
    task::JoinHandle,
};
use tokio_postgres::{
    AsyncMessage, CancelToken, Client, Config, NoTls, Socket,
    config::SslMode as WireMode,
    error::{DbError, SqlState},
    types::{ToSql, Type},
};

use super::{Address, locked};
use crate::postgresql::{
    sqlstate::{Error, Result},
    tls::Tls,
};

/// How long opening a connection may take, login included.
const CONNECT: Duration = Duration::from_secs(10);

/// The databases we enter belong to tenants: nothing of theirs may be found before the server's own,
/// and no lock or statement of ours may wait for ever.
const SETUP: &str = "SET search_path = pg_catalog, pg_temp; \
    SET client_min_messages = warning; \
    SET statement_timeout = '60s'; \
    SET lock_timeout = '5s'; \
    SET idle_in_transaction_session_timeout = '60s'";

type Warnings = Arc<Mutex<Vec<DbError>>>;

/// One connection to one database.
pub(crate) struct Connection {
    client: Client,
    warnings: Warnings,
    driver: JoinHandle<()>,
    tls: Tls,
    is_busy: bool,
}

impl Connection {
    /// Logs in to a database as the administrator.
    pub(crate) async fn open(address: &Address, database: &str) -> Result<Self> {
        let config = config(
            address,
            database,
            &address.username,
            address.password.expose(),
        );
        let mut connection = Self::login(address, &config).await?;
        connection.execute(SETUP).await?;
        Ok(connection)
    }

    /// Logs in with any name and password, and changes nothing about the session.
    pub(crate) async fn login(address: &Address, config: &Config) -> Result<Self> {
        let slow = |_| Error::Connect {
            address: address.to_string(),
            cause: "timed out".into(),
        };
        tokio::time::timeout(CONNECT, Self::handshake(address, config))
            .await
            .map_err(slow)?
    }

    async fn handshake(address: &Address, config: &Config) -> Result<Self> {
        let failed = |error| Error::of_connect(&address.to_string(), &error);
        let warnings = Warnings::default();
        let (client, driver) = match &address.tls {
            Tls::Off => {
                let (client, connection) = config.connect(NoTls).await.map_err(failed)?;
                (client, drive(connection, warnings.clone()))
            }
            Tls::On(tls) => {
                let (client, connection) = config.connect(tls.clone()).await.map_err(failed)?;
                (client, drive(connection, warnings.clone()))
            }
        };
        let tls = address.tls.clone();
        Ok(Self {
            client,
            warnings,
            driver,
            tls,
            is_busy: false,
        })
    }

    /// False when it is closed, or was left in the middle of a statement.
    pub(crate) fn is_usable(&self) -> bool {
        !self.is_busy && !self.client.is_closed()
    }

    /// Runs statements without parameters. Fails on a GRANT or REVOKE without effect.
    pub(crate) async fn execute(&mut self, sql: &str) -> Result<()> {
        self.begin();
        let result = self.client.batch_execute(sql).await;
        self.finish(result)?;
        self.warning()
    }

    /// The first column of the first row, which has to be JSON. Parameters are text; the query casts
    /// them where it needs to, and takes lists as JSON.
    pub(crate) async fn json<T: DeserializeOwned>(
        &mut self,
        sql: &str,
        parameters: &[&str],
    ) -> Result<Option<T>> {
        let typed: Vec<(&(dyn ToSql + Sync), Type)> = parameters
            .iter()
            .map(|text| (text as &(dyn ToSql + Sync), Type::TEXT))
            .collect();
        self.begin();
        let result = self.client.query_typed_opt(sql, &typed).await;
        let Some(row) = self.finish(result)? else {
            return Ok(None);
        };
        let text: Option<String> = row
            .try_get(0)
            .map_err(|error| Error::of_statement(&error))?;
        let parse = |text: String| serde_json::from_str(&text);
        text.map(parse).transpose().map_err(|error| Error::Lost {
            cause: format!("unexpected answer: {error}"),
        })
    }

    /// Closes it and waits until the server has noticed.
    pub(crate) async fn close(self) {
        let Self { client, driver, .. } = self;
        drop(client);
        // A server that does not answer keeps its session whatever we do.
        let _ = tokio::time::timeout(Duration::from_secs(1), driver).await;
    }

    /// Tells the server to stop what it is doing, without waiting for it.
    pub(crate) fn cancel(&self) {
        if self.is_busy && !self.client.is_closed() {
            tokio::spawn(cancel(self.client.cancel_token(), self.tls.clone()));
        }
    }

    fn begin(&mut self) {
        self.is_busy = true;
        locked(&self.warnings).clear();
    }

    fn finish<T>(&mut self, result: Result<T, tokio_postgres::Error>) -> Result<T> {
        let result = result.map_err(|error| Error::of_statement(&error));
        // `is_closed` turns true later than the FATAL that closes the session arrives.
        self.is_busy = result.as_ref().is_err_and(Error::ends_session);
        result
    }

    fn warning(&self) -> Result<()> {
        let without_effect = [
            SqlState::WARNING_PRIVILEGE_NOT_GRANTED,
            SqlState::WARNING_PRIVILEGE_NOT_REVOKED,
        ];
        let warnings = locked(&self.warnings);
        match warnings
            .iter()
            .find(|warning| without_effect.contains(warning.code()))
        {
            Some(warning) => Err(Error::NoEffect {
                message: warning.message().to_owned(),
            }),
            None => Ok(()),
        }
    }
}

/// Everything about a connection but TLS.
pub(crate) fn config(address: &Address, database: &str, username: &str, password: &[u8]) -> Config {
    let mut config = Config::new();
    config
        .host(&address.host)
        .port(address.port)
        .user(username)
        .password(password)
        .dbname(database)
        .application_name("provider-tenancy")
        .connect_timeout(CONNECT)
        .keepalives_idle(Duration::from_secs(30))
        .ssl_mode(match address.tls {
            Tls::Off => WireMode::Disable,
            Tls::On(_) => WireMode::Require,
        });
    config
}

fn drive<T>(
    mut connection: tokio_postgres::Connection<Socket, T>,
    warnings: Warnings,
) -> JoinHandle<()>
where
    T: AsyncRead + AsyncWrite + Unpin + Send + 'static,
{
    // Ends when the client is dropped.
    tokio::spawn(async move {
        while let Some(Ok(message)) = poll_fn(|context| connection.poll_message(context)).await {
            if let AsyncMessage::Notice(notice) = message {
                locked(&warnings).push(notice);
            }
        }
    })
}

async fn cancel(token: CancelToken, tls: Tls) {
    let result = match tls {
        Tls::Off => token.cancel_query(NoTls).await,
        Tls::On(tls) => token.cancel_query(tls).await,
    };
    if let Err(error) = result {
        tracing::debug!(%error, "cannot cancel a statement");
    }
}
