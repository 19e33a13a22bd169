//! PostgreSQL servers of several major versions, each a process on this machine with TLS and a superuser of its own password.
//!
//! Every statement is logged, so a test can see what was really sent. Plain connections are refused.

mod session;

use std::path::{Path, PathBuf};
use std::time::Duration;

use anyhow::{Context, bail};
use rustix::process::Signal;
use rustls::RootCertStore;
use rustls::pki_types::CertificateDer;
use rustls::pki_types::pem::PemObject;
use serde::{Deserialize, Serialize};
use tokio::process::Command;
use tokio_postgres_rustls::MakeRustlsConnect;

pub use self::session::Session;
use crate::network::{ADDRESS, usual_or_free};
use crate::paths::{self, Paths};
use crate::process::{self, Running, Server};
use crate::{cache, command, openbao, wait};

/// The version that is always there.
pub const DEFAULT_MAJOR: u16 = 17;

/// The name the default version's Service has in the cluster, which every server's certificate carries.
pub const POSTGRES_SERVICE: &str = "postgres.shared-services.svc.cluster.local";

/// One server, and how to get in.
#[derive(Clone, Debug, Deserialize, Serialize)]
pub struct Postgres {
    /// Major version.
    pub major: u16,
    /// Address that works both on this machine and in pods.
    pub host: String,
    /// Port on this machine; the Service of the default version listens on 5432.
    pub port: u16,
    /// Name of the superuser.
    pub user: String,
    /// The superuser's password.
    pub password: String,
    /// File with the certificate of the authority that signed the server's.
    pub ca: PathBuf,
    /// The server's log, with every statement.
    pub log: PathBuf,
    state: PathBuf,
}

impl Postgres {
    /// Makes a new cluster of databases and starts a server for it.
    pub(crate) async fn create(paths: &Paths, major: u16) -> anyhow::Result<Self> {
        let native = cache::postgres(paths, major).await?;
        let home = paths.state(&format!("postgres/{major}"));
        let mut held = Vec::new();
        let postgres = Self {
            major,
            host: ADDRESS.to_owned(),
            port: if major == DEFAULT_MAJOR {
                usual_or_free(5432, &mut held)?
            } else {
                usual_or_free(54_000 + major, &mut held)?
            },
            user: "postgres".to_owned(),
            password: openbao::random_word(),
            ca: paths.pki("ca.crt"),
            log: paths.log(&format!("postgres-{major}")),
            state: paths.state.clone(),
        };
        postgres.clear(paths, &home).await?;
        postgres.initialise(paths, &native, &home).await?;
        drop(held);
        postgres.server(&native, &home)?.start(paths)?;
        postgres.until_ready().await?;
        Ok(postgres)
    }

    /// Takes away what a command left that was killed while it made this server.
    async fn clear(&self, paths: &Paths, home: &Path) -> anyhow::Result<()> {
        if let Ok(running) = Running::named(paths, &self.name()) {
            running.stop(Signal::QUIT, Duration::from_secs(10)).await?;
            running.forget(paths);
        }
        if home.exists() {
            std::fs::remove_dir_all(home)
                .with_context(|| format!("cannot remove {}", home.display()))?;
        }
        Ok(())
    }

    async fn initialise(&self, paths: &Paths, native: &Path, home: &Path) -> anyhow::Result<()> {
        let (uid, gid) = unprivileged()?;
        paths::write_private(&home.join("password"), &self.password)?;
        for name in ["postgres.crt", "postgres.key"] {
            paths::write_private(&home.join(name), paths::read(&paths.pki(name))?)?;
        }
        command::run(
            Command::new("chown")
                .args(["-R", &format!("{uid}:{gid}")])
                .arg(home),
        )
        .await?;
        let mut initdb = process::client("setpriv", paths);
        initdb
            .args([
                &format!("--reuid={uid}"),
                &format!("--regid={gid}"),
                "--clear-groups",
            ])
            .current_dir("/");
        initdb
            .arg(native.join("bin/initdb"))
            .arg("-D")
            .arg(home.join("data"))
            .arg("--pwfile")
            .arg(home.join("password"));
        initdb.args([
            "--username",
            &self.user,
            "-A",
            "scram-sha-256",
            "--no-sync",
            "--locale=C",
            "--encoding=UTF8",
        ]);
        command::run(&mut initdb).await?;
        paths::write(&home.join("data/pg_hba.conf"), HBA)?;
        let configuration = home.join("data/postgresql.conf");
        let text = paths::read(&configuration)? + &self.configuration(home);
        paths::write(&configuration, text)
    }

    fn configuration(&self, home: &Path) -> String {
        let (port, home) = (self.port, home.display());
        format!(
            "\nlisten_addresses = '127.0.0.1,{ADDRESS}'\nport = {port}\nunix_socket_directories = '{home}'\n\
             ssl = on\nssl_cert_file = '{home}/postgres.crt'\nssl_key_file = '{home}/postgres.key'\n\
             password_encryption = 'scram-sha-256'\nmax_connections = 300\nwal_level = logical\n\
             dynamic_shared_memory_type = mmap\nfsync = off\nsynchronous_commit = off\nfull_page_writes = off\n\
             log_statement = all\nlog_connections = on\nlog_line_prefix = '%m [%p] %q%u@%d '\nlog_timezone = 'UTC'\n"
        )
    }

    fn server(&self, native: &Path, home: &Path) -> anyhow::Result<Server> {
        let server = Server::new(&self.name(), native.join("bin/postgres"));
        let server = server.args(["-D".to_owned(), home.join("data").display().to_string()]);
        Ok(Server {
            user: Some(unprivileged()?),
            ..server
        })
    }

    fn name(&self) -> String {
        format!("postgres-{}", self.major)
    }

    fn paths(&self) -> Paths {
        Paths {
            state: self.state.clone(),
            ..Paths::from_environment()
        }
    }

    /// The certificate of the authority that signed the server's, as PEM.
    pub fn ca_pem(&self) -> anyhow::Result<String> {
        paths::read(&self.ca)
    }

    /// A session of the superuser in `database`.
    pub async fn superuser(&self, database: &str) -> anyhow::Result<Session> {
        self.connect(&self.user, &self.password, database).await
    }

    /// A session of any role, over TLS with the server's name and certificate verified.
    pub async fn connect(
        &self,
        user: &str,
        password: &str,
        database: &str,
    ) -> anyhow::Result<Session> {
        let mut config = tokio_postgres::Config::new();
        config
            .host(POSTGRES_SERVICE)
            .hostaddr(ADDRESS.parse()?)
            .port(self.port);
        config
            .user(user)
            .password(password)
            .dbname(database)
            .application_name("testbed");
        config
            .ssl_mode(tokio_postgres::config::SslMode::Require)
            .connect_timeout(Duration::from_secs(5));
        self.open(&config).await.with_context(|| {
            format!(
                "{user} cannot log in to {database} of PostgreSQL {}",
                self.major
            )
        })
    }

    /// A session as `config` says, over TLS with the server's name and certificate verified.
    pub(crate) async fn open(&self, config: &tokio_postgres::Config) -> anyhow::Result<Session> {
        let (client, connection) = config.connect(self.tls()?).await?;
        Ok(Session::new(client, connection))
    }

    fn tls(&self) -> anyhow::Result<MakeRustlsConnect> {
        let mut roots = RootCertStore::empty();
        roots.add(CertificateDer::from_pem_file(&self.ca)?)?;
        let config = rustls::ClientConfig::builder()
            .with_root_certificates(roots)
            .with_no_client_auth();
        Ok(MakeRustlsConnect::new(config))
    }

    async fn until_ready(&self) -> anyhow::Result<()> {
        let running = Running::named(&self.paths(), &self.name())?;
        let name = format!("PostgreSQL {} to answer", self.major);
        wait::wait_for(&name, Duration::from_secs(30), async || {
            if !running.is_alive() {
                bail!(
                    "PostgreSQL {} ended: see {}",
                    self.major,
                    self.log.display()
                );
            }
            Ok(self.superuser("postgres").await.is_ok())
        })
        .await
    }

    /// Whether the server's process runs.
    pub fn is_running(&self) -> bool {
        Running::named(&self.paths(), &self.name()).is_ok_and(|running| running.is_alive())
    }

    /// Stops the server as an administrator would who does not wait for sessions to end.
    pub async fn stop(&self) -> anyhow::Result<()> {
        Running::named(&self.paths(), &self.name())?
            .stop(Signal::INT, Duration::from_secs(20))
            .await
    }

    /// Ends every process of the server at once, without a shutdown of any kind, as a crash would.
    pub async fn crash(&self) -> anyhow::Result<()> {
        Running::named(&self.paths(), &self.name())?
            .stop(Signal::QUIT, Duration::from_secs(20))
            .await
    }

    /// Starts a stopped server again with the data it had. Does nothing when it runs.
    pub async fn start(&self) -> anyhow::Result<()> {
        let running = Running::named(&self.paths(), &self.name())?;
        if !running.is_alive() {
            running.server.start(&self.paths())?;
        }
        self.until_ready().await
    }
}

const HBA: &str = "local all all scram-sha-256\n\
                   hostssl all all 0.0.0.0/0 scram-sha-256\n\
                   hostssl replication all 0.0.0.0/0 scram-sha-256\n";

/// PostgreSQL refuses to run as root: user and group of `postgres`, or of `nobody` where there is no such user.
fn unprivileged() -> anyhow::Result<(u32, u32)> {
    let users = paths::read(Path::new("/etc/passwd"))?;
    let ids = |name: &str| {
        let line = users
            .lines()
            .find(|line| line.split(':').next() == Some(name))?;
        let mut fields = line.split(':').skip(2);
        Some((fields.next()?.parse().ok()?, fields.next()?.parse().ok()?))
    };
    ids("postgres")
        .or_else(|| ids("nobody"))
        .context("neither postgres nor nobody is a user here: add one")
}
