//! The servers a scenario runs on, and an administrator of its own on each.

use managed::input::Value;
use provider_tenancy::postgresql::{Address, Session, Tls, settings::SslMode};
use testbed::{Postgres, Testbed};

/// Every major version that is supported.
const MAJORS: [u16; 5] = [14, 15, 16, 17, 18];

/// Who the provider logs in as.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum Admin {
    Superuser,
    CreateRole,
}

/// One server with one administrator.
pub(crate) struct Server {
    pub(crate) postgres: Postgres,
    pub(crate) admin: Admin,
    /// Name of the administrator.
    pub(crate) admin_name: String,
    /// The provider's session.
    pub(crate) session: Session,
    /// Start of every name the scenario uses.
    prefix: String,
}

/// Runs a scenario on every server with every kind of administrator.
pub(crate) async fn on_every_server(scenario: &str, run: impl AsyncFn(&Server)) {
    for major in MAJORS {
        for admin in [Admin::Superuser, Admin::CreateRole] {
            on(major, admin, scenario, &run).await;
        }
    }
}

/// Runs a scenario on the default server as superuser.
pub(crate) async fn on_one_server(scenario: &str, run: impl AsyncFn(&Server)) {
    on(testbed::DEFAULT_MAJOR, Admin::Superuser, scenario, &run).await;
}

async fn on(major: u16, admin: Admin, scenario: &str, run: &impl AsyncFn(&Server)) {
    let testbed = Testbed::shared().await.unwrap();
    let postgres = testbed.postgres(major).await.unwrap();
    println!("{scenario}: PostgreSQL {major} as {admin:?}");
    let server = Server::open(postgres, admin, scenario).await;
    server.clean().await;
    let server = Server::open(server.postgres, admin, scenario).await;
    run(&server).await;
    server.clean().await;
}

impl Server {
    async fn open(postgres: Postgres, admin: Admin, scenario: &str) -> Self {
        let prefix = format!(
            "{scenario}{}",
            if admin == Admin::Superuser { "s" } else { "c" }
        );
        let admin_name = format!("{prefix}_admin");
        let attributes = match admin {
            Admin::Superuser => "SUPERUSER",
            Admin::CreateRole => "CREATEROLE CREATEDB",
        };
        let make = format!(
            "DO $$ BEGIN IF NOT EXISTS (SELECT FROM pg_roles WHERE rolname = '{admin_name}') THEN \
             CREATE ROLE \"{admin_name}\" LOGIN {attributes} PASSWORD 'adm''in'; END IF; END $$"
        );
        let superuser = postgres.superuser("postgres").await.unwrap();
        superuser.batch_execute(&make).await.unwrap();
        let address = address(&postgres, &admin_name, "adm'in");
        let session = Session::open(address).await.unwrap();
        Self {
            postgres,
            admin,
            admin_name,
            session,
            prefix,
        }
    }

    /// A name that only this scenario uses.
    pub(crate) fn name(&self, name: &str) -> String {
        format!("{}_{name}", self.prefix)
    }

    /// Runs SQL as superuser.
    pub(crate) async fn sql(&self, database: &str, sql: &str) {
        let session = self.postgres.superuser(database).await.unwrap();
        session
            .batch_execute(sql)
            .await
            .unwrap_or_else(|error| panic!("{sql}: {error:?}"));
    }

    /// The first column of the first row, as superuser.
    pub(crate) async fn ask(&self, database: &str, sql: &str) -> String {
        let session = self.postgres.superuser(database).await.unwrap();
        let rows = session
            .simple_query(sql)
            .await
            .unwrap_or_else(|error| panic!("{sql}: {error:?}"));
        let row = rows.iter().find_map(|message| match message {
            tokio_postgres::SimpleQueryMessage::Row(row) => row.get(0).map(str::to_owned),
            _ => None,
        });
        row.unwrap_or_default()
    }

    /// True when a role can log in to a database with a password.
    pub(crate) async fn logs_in(&self, role: &str, password: &Value, database: &str) -> bool {
        let password = password.expose_str().unwrap();
        self.postgres
            .connect(role, password, database)
            .await
            .is_ok()
    }

    /// True for the major versions whose memberships have INHERIT and SET.
    pub(crate) fn has_membership_options(&self) -> bool {
        self.postgres.major >= 16
    }

    /// Drops everything the scenario may have made.
    async fn clean(&self) {
        let prefix = &self.prefix;
        let query = format!(
            "SELECT coalesce(string_agg(quote_ident(datname), '|'), '') FROM pg_database WHERE datname LIKE '{prefix}\\_%'"
        );
        let databases = self.ask("postgres", &query).await;
        for database in databases.split('|').filter(|name| !name.is_empty()) {
            self.sql(
                "postgres",
                &format!("ALTER DATABASE {database} IS_TEMPLATE false"),
            )
            .await;
            self.sql(
                "postgres",
                &format!("DROP DATABASE {database} WITH (FORCE)"),
            )
            .await;
        }
        let query = format!(
            "SELECT coalesce(string_agg(quote_ident(rolname), ', '), '') FROM pg_roles WHERE rolname LIKE '{prefix}\\_%'"
        );
        let roles = self.ask("postgres", &query).await;
        if !roles.is_empty() {
            self.sql("postgres", &format!("DROP OWNED BY {roles} CASCADE"))
                .await;
            self.sql("postgres", &format!("DROP ROLE {roles}")).await;
        }
    }
}

/// Where a server is, with its certificate verified.
pub(crate) fn address(postgres: &Postgres, username: &str, password: &str) -> Address {
    let ca = postgres.ca_pem().unwrap();
    Address {
        host: postgres.host.clone(),
        port: postgres.port,
        username: username.to_owned(),
        password: Value::from(password),
        default_database: "postgres".to_owned(),
        ssl_mode: SslMode::VerifyFull,
        tls: Tls::new(SslMode::VerifyFull, Some(ca.as_bytes())).unwrap(),
    }
}
