//! One service: a login, its database, and its credentials in Vault.

use anyhow::{Context, ensure};
use serde_json::{Value, json};
use testbed::resource::{DeleteParams, is_settled};
use testbed::tenant::spec;
use testbed::{Resource, Tenant};

/// What is being done to a service.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum Phase {
    /// It is made.
    Created,
    /// It is changed; its connection Secret is deleted, too, when a new password is wanted.
    Updated { new_password: bool },
    /// It is deleted.
    Deleted,
}

/// The managed resources of one service.
pub(crate) struct Service {
    pub(crate) phase: Phase,
    name: String,
    role: Resource,
    database: Resource,
    registration: Resource,
}

impl Service {
    pub(crate) fn new(tenant: &Tenant, round: usize, number: usize) -> Self {
        let name = format!("s{round:02}-{number}");
        Self {
            phase: Phase::Created,
            role: tenant.managed("Role", &name),
            database: tenant.managed("Database", &name),
            registration: tenant.managed("KVSecret", &name),
            name,
        }
    }

    /// The next thing that is done to it.
    pub(crate) fn advance(&mut self, new_password: bool) {
        self.phase = match self.phase {
            Phase::Created => Phase::Updated { new_password },
            Phase::Updated { .. } | Phase::Deleted => Phase::Deleted,
        };
    }

    /// Roles and databases that belong to it.
    pub(crate) fn on_server(&self, tenant: &Tenant) -> [String; 2] {
        let name = tenant.external_name(&self.name);
        [format!("database {name}"), format!("role {name}")]
    }

    fn secret(&self) -> String {
        format!("{}-connection", self.name)
    }

    fn all(&self) -> [&Resource; 3] {
        [&self.role, &self.database, &self.registration]
    }

    // === what is asked for ===

    /// Asks for what the phase says.
    pub(crate) async fn give_out(&self, tenant: &Tenant) -> anyhow::Result<()> {
        match self.phase {
            Phase::Created => self.apply(tenant, 5, "one").await,
            Phase::Updated { new_password } => {
                self.apply(tenant, 6, "two").await?;
                if new_password {
                    tenant.delete_secret(&self.secret()).await?;
                }
                Ok(())
            }
            Phase::Deleted => {
                for resource in self.all() {
                    resource.delete(&DeleteParams::background()).await?;
                }
                Ok(())
            }
        }
    }

    async fn apply(&self, tenant: &Tenant, limit: i64, note: &str) -> anyhow::Result<()> {
        let mut role = spec(json!({"privileges": {"login": true}, "connectionLimit": limit}));
        role["writeConnectionSecretToRef"] = json!({"name": self.secret()});
        let database =
            json!({"ownerRef": {"name": self.name}, "connectionLimit": limit, "forceDrop": true});
        let key = |key: &str| json!({"secretKeyRef": {"name": self.secret(), "key": key}});
        let data = json!({"username": key("username"), "password": key("password"), "note": {"value": note}});
        let registration = json!({"path": tenant.path(&self.name), "data": data});
        self.role.apply(&role).await?;
        self.database.apply(&spec(database)).await?;
        self.registration.apply(&spec(registration)).await
    }

    // === what became of it ===

    /// Whether the work has begun, and whether it is done, as far as the objects tell.
    pub(crate) async fn progress(&self) -> anyhow::Result<(bool, bool)> {
        let mut begun = false;
        let mut done = true;
        for resource in self.all() {
            let found = resource.find().await?;
            let is_done = match self.phase {
                Phase::Deleted => found.is_none(),
                Phase::Created | Phase::Updated { .. } => found.as_ref().is_some_and(is_settled),
            };
            begun |= is_done || found.as_ref().is_some_and(|object| self.is_begun(object));
            done &= is_done;
        }
        Ok((begun, done))
    }

    /// A new object has our finalizer as soon as anything is done about it.
    fn is_begun(&self, object: &Value) -> bool {
        self.phase == Phase::Created && object["metadata"]["finalizers"].is_array()
    }

    /// Everything is as it was asked for, seen from outside.
    pub(crate) async fn check(&self, tenant: &Tenant) -> anyhow::Result<()> {
        let (limit, note) = match self.phase {
            Phase::Created => ("5", "one"),
            Phase::Updated { .. } => ("6", "two"),
            Phase::Deleted => return self.is_gone(tenant).await,
        };
        for resource in self.all() {
            let object = resource
                .find()
                .await?
                .with_context(|| format!("{} is gone", self.name))?;
            ensure!(is_settled(&object), "{object}");
        }
        let name = tenant.external_name(&self.name);
        let session = tenant.log_in(&self.secret(), &name).await?;
        let query = "SELECT datconnlimit::text, rolconnlimit::text FROM pg_database, pg_roles
            WHERE datname = $1 AND rolname = $1 AND datdba = pg_roles.oid";
        let row = session
            .query_one(query, &[&name])
            .await
            .context("it does not own its database")?;
        let limits: [String; 2] = [row.get(0), row.get(1)];
        ensure!(limits == [limit, limit], "{name} has the limits {limits:?}");
        let secret = tenant
            .secret(&self.secret())
            .await?
            .context("no connection Secret")?;
        let in_vault = tenant.in_vault(&self.name).await?;
        let expected = json!({"username": name, "password": secret["password"], "note": note});
        ensure!(
            in_vault == expected,
            "Vault holds something else for {name}"
        );
        Ok(())
    }

    async fn is_gone(&self, tenant: &Tenant) -> anyhow::Result<()> {
        for resource in self.all() {
            let left = resource.find().await?;
            ensure!(
                left.is_none(),
                "{} is still there: {}",
                self.name,
                left.unwrap_or_default()
            );
        }
        let secret = tenant.secret(&self.secret()).await?;
        ensure!(
            secret.is_none(),
            "the connection Secret of {} is left behind",
            self.name
        );
        let in_vault = tenant.in_vault(&self.name).await?;
        ensure!(
            in_vault.is_null(),
            "the credentials of {} can still be read",
            self.name
        );
        Ok(())
    }
}
