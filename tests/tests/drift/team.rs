//! The team whose things are edited by hand: one managed resource of each kind, every field set.

use std::ops::Deref;

use anyhow::{Context, ensure};
use serde_json::{Value, json};
use testbed::openbao::client::Method;
use testbed::tenant::spec;
use testbed::{Resource, Tenant, Testbed};

use crate::{Edit, Hand, Probe, postgresql, vault};

/// A password that somebody sets by hand.
pub(crate) const CHANGED: &str = "set-by-hand-0815";
/// The path in Vault.
pub(crate) const REGISTRATION: &str = "registration";

/// The team.
pub(crate) struct Team {
    tenant: Tenant,
    testbed: Testbed,
    policy: &'static str,
}

impl Deref for Team {
    type Target = Tenant;

    fn deref(&self) -> &Tenant {
        &self.tenant
    }
}

impl Team {
    /// A team with everything settled.
    pub(crate) async fn set_up(
        testbed: &Testbed,
        prefix: &str,
        policy: &'static str,
    ) -> anyhow::Result<Self> {
        let tenant = Tenant::new(testbed, prefix).await?;
        let team = Self {
            tenant,
            testbed: testbed.clone(),
            policy,
        };
        let roles_and_database = team.first();
        team.apply(&roles_and_database).await?;
        team.make_table().await?;
        team.apply(&team.second()).await?;
        Ok(team)
    }

    async fn apply(&self, all: &[(Resource, Value)]) -> anyhow::Result<()> {
        for (resource, spec) in all {
            let mut spec = spec.clone();
            spec["driftPolicy"] = json!(self.policy);
            resource.apply(&spec).await?;
        }
        for (resource, _) in all {
            resource.until_settled().await?;
        }
        Ok(())
    }

    fn first(&self) -> Vec<(Resource, Value)> {
        let group = spec(json!({"privileges": {"login": false}}));
        vec![
            (self.managed("Role", "group"), group.clone()),
            (self.managed("Role", "owner"), group),
            (self.managed("Role", "app"), postgresql::role()),
            (self.managed("Database", "data"), postgresql::database()),
        ]
    }

    fn second(&self) -> Vec<(Resource, Value)> {
        vec![
            (self.managed("Grant", "entry"), postgresql::entry()),
            (self.managed("Grant", "tables"), postgresql::tables()),
            (
                self.managed("DefaultPrivileges", "future"),
                postgresql::future(),
            ),
            (
                self.managed("KVSecret", REGISTRATION),
                vault::registration(&self.path(REGISTRATION)),
            ),
        ]
    }

    async fn make_table(&self) -> anyhow::Result<()> {
        let owner = self.external_name("owner");
        let make = format!(
            "CREATE TABLE public.customers (name text); ALTER TABLE public.customers OWNER TO \"{owner}\""
        );
        self.sql(&self.external_name("data"), &make).await
    }

    /// Every edit, in an order in which none hides another.
    pub(crate) fn edits(&self) -> anyhow::Result<Vec<Edit>> {
        let names = postgresql::Names {
            app: self.external_name("app"),
            group: self.external_name("group"),
            owner: self.external_name("owner"),
            data: self.external_name("data"),
        };
        let edits: Vec<_> = postgresql::edits(&names)
            .into_iter()
            .chain(vault::edits(self.name()))
            .collect();
        ensure!(edits.len() > 30, "the list of edits has shrunk");
        Ok(edits)
    }

    /// Edits by hand.
    pub(crate) async fn edit(&self, hand: &Hand) -> anyhow::Result<()> {
        let vault = self.vault()?;
        let place = |part: &str| format!("secret/{part}/{}", self.path(REGISTRATION));
        match hand {
            Hand::Sql {
                database,
                statements,
            } => self.sql(database, statements).await,
            Hand::Put(change) => {
                let mut data = self.in_vault(REGISTRATION).await?;
                for (key, value) in change.as_object().into_iter().flatten() {
                    data[key] = value.clone();
                }
                if let Some(data) = data.as_object_mut() {
                    data.retain(|_, value| !value.is_null());
                }
                vault
                    .write(&place("data"), &json!({"data": data}))
                    .await
                    .map(drop)
            }
            Hand::DeleteVersion => vault.delete(&place("data")).await,
            Hand::Unmark => {
                let unmarked = json!({"custom_metadata": {}});
                let answer = vault
                    .request(Method::POST, &place("metadata"), Some(&unmarked))
                    .await?;
                ensure!(answer.status < 300, "{answer:?}");
                Ok(())
            }
        }
    }

    /// What there is now.
    pub(crate) async fn probe(&self, probe: &Probe) -> anyhow::Result<String> {
        match probe {
            Probe::Sql { database, query } => self.ask(database, query).await,
            Probe::Login => {
                let session = self
                    .log_in("app-connection", &self.external_name("data"))
                    .await;
                Ok(session.map_or("refused", |_| "taken").to_owned())
            }
            Probe::Vault => {
                let data = self.in_vault(REGISTRATION).await?;
                let place = format!("secret/metadata/{}", self.path(REGISTRATION));
                let metadata = self.vault()?.read(&place).await?.unwrap_or_default();
                Ok(format!("{data} of {}", metadata["custom_metadata"]))
            }
        }
    }

    /// Changes the spec without asking for anything else: the list is another word for `*`.
    pub(crate) async fn touch(&self, resource: &Resource) -> anyhow::Result<()> {
        let object = resource.find().await?.context("it is gone")?;
        let all = json!(["Observe", "Create", "Update", "Delete", "LateInitialize"]);
        let is_short = object["spec"]["managementPolicies"] == json!(["*"]);
        let policies = if is_short { all } else { json!(["*"]) };
        resource
            .merge(&json!({"spec": {"managementPolicies": policies}}))
            .await
    }

    /// Neither status nor events hold a password.
    pub(crate) async fn tells_no_secret(&self) -> anyhow::Result<()> {
        let secret = self
            .secret("app-connection")
            .await?
            .context("no connection Secret")?;
        for (kind, name) in [("Role", "app"), ("KVSecret", REGISTRATION)] {
            let resource = self.managed(kind, name);
            let object = resource.find().await?.context("it is gone")?;
            let told = format!("{object} {:?}", resource.events().await?);
            ensure!(
                !told.contains(&secret["password"]),
                "{kind} shows the password"
            );
            ensure!(!told.contains(CHANGED), "{kind} shows what was set by hand");
            ensure!(
                told.contains("(sensitive)"),
                "{kind} does not show that something is hidden"
            );
        }
        Ok(())
    }

    /// Runs `kubectl`.
    pub(crate) async fn kubectl(&self, arguments: &[&str]) -> anyhow::Result<String> {
        self.testbed.kubectl(arguments).await
    }

    /// Deletes everything.
    pub(crate) async fn finish(self) -> anyhow::Result<()> {
        let left = "SELECT count(*)::text FROM pg_roles WHERE starts_with(rolname, '{}')";
        let left = left.replace("{}", &self.external_name(""));
        let postgres = self.postgres().clone();
        self.tenant.finish().await?;
        let session = postgres.superuser("postgres").await?;
        let count: String = session.query_one(&left, &[]).await?.get(0);
        ensure!(count == "0", "{count} roles are left behind");
        Ok(())
    }
}
