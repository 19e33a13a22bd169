//! Sessions on one server, shared by every resource that uses the same provider config.
//!
//! The number of connections to the server is bounded. A connection to the default database is kept
//! for the next call; one to any other database is closed seconds after its last use, because an idle
//! session stands in the way of everyone who wants to drop or copy that database.
//!
//! Catalog changes in one database are made one after the other: `PostgreSQL` answers concurrent ones
//! with "tuple concurrently updated".

mod connection;
mod identity;
mod lease;

use std::{
    collections::HashMap,
    fmt,
    sync::{Arc, Mutex, MutexGuard},
    time::{Duration, Instant},
};

use managed::{input::Value, rehearsal::Rehearsal};
use tokio::sync::{OwnedSemaphorePermit, RwLock, Semaphore};

use self::connection::Connection;
pub use self::{identity::Identity, lease::Lease};
use super::{proof::Proofs, settings::SslMode, sqlstate::Result, tls::Tls};

/// Connections to one server that are in use at any time.
const MOST_IN_USE: usize = 5;
/// Connections to one server that wait for their next use.
const MOST_IDLE: usize = 3;
/// How long a connection to the default database waits for its next use.
const IDLE: Duration = Duration::from_mins(1);
/// How long a connection to any other database waits for its next use.
const IDLE_ELSEWHERE: Duration = Duration::from_secs(2);

/// Where the server is and how to log in to it.
#[derive(Clone)]
pub struct Address {
    /// Host name or address.
    pub host: String,
    /// Port.
    pub port: u16,
    /// Name of the administrator.
    pub username: String,
    /// Password of the administrator.
    pub password: Value,
    /// Database for everything that is not inside another one.
    pub default_database: String,
    /// How connections are protected.
    pub ssl_mode: SslMode,
    /// The same, ready for use.
    pub tls: Tls,
}

impl fmt::Display for Address {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.host.contains(':') {
            write!(f, "[{}]:{}", self.host, self.port)
        } else {
            write!(f, "{}:{}", self.host, self.port)
        }
    }
}

/// A server and our sessions on it. Cheap to clone.
#[derive(Clone)]
pub struct Session {
    server: Arc<Server>,
    rehearsal: Option<Rehearsal>,
}

struct Server {
    address: Address,
    identity: Mutex<Arc<Identity>>,
    places: Arc<Semaphore>,
    idle: Mutex<Vec<Idle>>,
    gates: Mutex<HashMap<String, Arc<Gate>>>,
    proofs: Proofs,
}

struct Idle {
    database: String,
    since: Instant,
    connection: Connection,
}

/// Who may be in a database at once.
#[derive(Default)]
struct Gate {
    /// Held for reading by every lease, for writing by whoever drops the database.
    presence: Arc<RwLock<()>>,
    /// Held while the catalog is changed.
    change: tokio::sync::Mutex<()>,
}

impl Session {
    /// Logs in and asks the server who it is and what we may do there.
    pub async fn open(address: Address) -> Result<Self> {
        let mut connection = Connection::open(&address, &address.default_database).await?;
        let identity = Identity::of(&mut connection).await?;
        let server = Arc::new(Server {
            address,
            identity: Mutex::new(Arc::new(identity)),
            places: Arc::new(Semaphore::new(MOST_IN_USE)),
            idle: Mutex::default(),
            gates: Mutex::default(),
            proofs: Proofs::default(),
        });
        let session = Self {
            server,
            rehearsal: None,
        };
        session.put_back(session.address().default_database.clone(), connection);
        Ok(session)
    }

    /// The same, but changes are noted and not made.
    #[must_use]
    pub fn rehearsing(&self, rehearsal: &Rehearsal) -> Self {
        Self {
            rehearsal: Some(rehearsal.clone()),
            ..self.clone()
        }
    }

    /// Where changes are noted instead of made.
    pub(super) fn rehearsal(&self) -> Option<&Rehearsal> {
        self.rehearsal.as_ref()
    }

    /// True when changes are noted and not made.
    pub fn is_rehearsal(&self) -> bool {
        self.rehearsal.is_some()
    }

    /// Where the server is.
    pub fn address(&self) -> &Address {
        &self.server.address
    }

    /// What the server is and what we may do there.
    pub fn identity(&self) -> Arc<Identity> {
        locked(&self.server.identity).clone()
    }

    /// What is known about passwords.
    pub fn proofs(&self) -> &Proofs {
        &self.server.proofs
    }

    /// A connection to the default database.
    pub async fn lease(&self) -> Result<Lease> {
        self.lease_in(&self.address().default_database).await
    }

    /// A connection to a database. Waits while as many as allowed are in use. In a rehearsal it is opened
    /// when something is read, because the database may only be planned.
    pub async fn lease_in(&self, database: &str) -> Result<Lease> {
        // In this order: whoever waits for a database to be dropped must not keep its dropper waiting.
        let place = self.server.place().await;
        let presence = self
            .server
            .gate(database)
            .presence
            .clone()
            .read_owned()
            .await;
        let connection = if self.is_rehearsal() {
            None
        } else {
            Some(self.enter(database).await?)
        };
        Ok(Lease::new(
            self.clone(),
            database.to_owned(),
            connection,
            (place, presence),
        ))
    }

    async fn enter(&self, database: &str) -> Result<Connection> {
        match self.server.take_idle(database) {
            Some(connection) => Ok(connection),
            None => self.connect(database).await,
        }
    }

    async fn connect(&self, database: &str) -> Result<Connection> {
        let mut connection = Connection::open(self.address(), database).await?;
        if database == self.address().default_database {
            // A server that was restarted may be a newer one, with other rights for us.
            let identity = Identity::of(&mut connection).await?;
            *locked(&self.server.identity) = Arc::new(identity);
        }
        Ok(connection)
    }

    /// Logs in as any role and leaves again. Proves the password.
    pub async fn log_in(&self, role: &str, password: &Value) -> Result<()> {
        let _place = self.server.place().await;
        let address = self.address();
        let config =
            connection::config(address, &address.default_database, role, password.expose());
        Connection::login(address, &config).await?.close().await;
        Ok(())
    }

    /// Makes sure that none of our sessions is in a database, for as long as the guard lives.
    pub async fn vacate(&self, database: &str) -> impl Drop + use<> {
        let guard = self
            .server
            .gate(database)
            .presence
            .clone()
            .write_owned()
            .await;
        while let Some(connection) = self.server.take_idle(database) {
            connection.close().await;
        }
        guard
    }

    fn put_back(&self, database: String, connection: Connection) {
        if !connection.is_usable() {
            return;
        }
        let wait = if database == self.address().default_database {
            IDLE
        } else {
            IDLE_ELSEWHERE
        };
        let mut idle = locked(&self.server.idle);
        idle.push(Idle {
            database,
            since: Instant::now(),
            connection,
        });
        if idle.len() > MOST_IDLE {
            idle.remove(0);
        }
        drop(idle);
        let server = Arc::downgrade(&self.server);
        // Lives no longer than the wait, and does nothing once the server is gone.
        tokio::spawn(async move {
            tokio::time::sleep(wait + Duration::from_millis(100)).await;
            if let Some(server) = server.upgrade() {
                server.close_unused();
            }
        });
    }
}

impl Server {
    fn gate(&self, database: &str) -> Arc<Gate> {
        locked(&self.gates)
            .entry(database.to_owned())
            .or_default()
            .clone()
    }

    async fn place(&self) -> OwnedSemaphorePermit {
        let place = self.places.clone().acquire_owned().await;
        place.expect("the semaphore is never closed")
    }

    fn take_idle(&self, database: &str) -> Option<Connection> {
        let mut idle = locked(&self.idle);
        idle.retain(|idle| idle.connection.is_usable());
        let position = idle.iter().rposition(|idle| idle.database == database)?;
        Some(idle.remove(position).connection)
    }

    fn close_unused(&self) {
        let default = &self.address.default_database;
        locked(&self.idle).retain(|idle| {
            idle.since.elapsed()
                < if idle.database == *default {
                    IDLE
                } else {
                    IDLE_ELSEWHERE
                }
        });
    }
}

fn locked<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex
        .lock()
        .unwrap_or_else(std::sync::PoisonError::into_inner)
}
