//! The steps of the demo.

use std::time::{Duration, Instant};

use anyhow::{Context, ensure};
use serde_json::json;

use super::{Timings, claimed::Claimed, screen, tree::Tree};
use crate::product::{self, Flavour};
use crate::{Namespace, Postgres, Testbed, wait_for};

const CLAIM: &str = "user-service";
pub(super) const PATH: &str = "infrastructure/databases/dev/user-service";
const SPEC: &str = "\
spec:
  environment: dev
  access:
  - name: app
    profile: owner
  - name: reporting
    profile: readonly
";

pub(super) const PATIENCE: Duration = Duration::from_secs(90);

/// Installs the product and shows what a person would see of it.
pub(super) async fn install(testbed: &Testbed) -> anyhow::Result<()> {
    screen::say(
        "Provider, function and configuration are built, pushed to a registry as packages, and installed.",
    );
    screen::command("kubectl apply -f examples/install/");
    product::install(testbed, Flavour::Namespaced).await?;
    let packages = ["get", "providers,functions,configurations"];
    screen::command("kubectl get providers,functions,configurations");
    screen::answer(&testbed.kubectl(&packages).await?);
    screen::command(
        "kubectl get clusterproviderconfigs.postgresql.pnats.cloud,clusterproviderconfigs.vault.pnats.cloud",
    );
    let configs =
        "clusterproviderconfigs.postgresql.pnats.cloud,clusterproviderconfigs.vault.pnats.cloud";
    screen::answer(&testbed.kubectl(&["get", configs]).await?);
    Ok(())
}

/// The story of one claim.
pub(super) struct Story<'a> {
    pub(super) testbed: &'a Testbed,
    pub(super) namespace: &'a str,
    pub(super) postgres: Postgres,
    pub(super) database: Claimed,
    pub(super) cluster: Claimed,
}

impl<'a> Story<'a> {
    pub(super) async fn new(
        testbed: &'a Testbed,
        namespace: &'a Namespace,
    ) -> anyhow::Result<Self> {
        let claims = |group, kind| product::api_in(testbed, namespace.name(), group, kind);
        let databases = claims("database.pnats.cloud", "PostgreSQLInstance");
        let clusters = claims("cluster.pnats.cloud", "VirtualCluster");
        Ok(Self {
            testbed,
            namespace: namespace.name(),
            postgres: testbed.default_postgres().await?,
            database: Claimed::new(databases, CLAIM),
            cluster: Claimed::new(clusters, "team"),
        })
    }

    /// Applies the claim and draws what becomes of it.
    pub(super) async fn claim(&self, timings: &mut Timings) -> anyhow::Result<()> {
        screen::heading("3  A developer asks for a database");
        let manifest = format!(
            "apiVersion: database.pnats.cloud/v1alpha1\nkind: PostgreSQLInstance\nmetadata:\n  name: {CLAIM}\n  namespace: {}\n{SPEC}",
            self.namespace
        );
        screen::command("kubectl apply -f -");
        screen::answer(&manifest);
        let started = Instant::now();
        self.testbed.apply(&manifest).await?;
        let mut tree = Tree::new(self.testbed, self.namespace, CLAIM, started);
        wait_for("the claim to be Ready", PATIENCE, async || {
            tree.look().await?;
            if timings.in_vault.is_zero() && self.vault(PATH).await?.is_some() {
                timings.in_vault = started.elapsed();
                screen::answer(&format!(
                    "{:5.1} s  ★ the credentials are in Vault",
                    timings.in_vault.as_secs_f32()
                ));
            }
            Ok(self.database.holds("Ready").await?.is_some())
        })
        .await?;
        timings.ready = started.elapsed();
        tree.look().await?;
        screen::answer(&format!(
            "{:5.1} s  ★ the claim is Ready",
            timings.ready.as_secs_f32()
        ));
        self.kubectl(&["get", "postgresqlinstances", "-o", "wide"])
            .await?;
        screen::command(&format!(
            "crossplane resource trace postgresqlinstance {CLAIM} -n {}",
            self.namespace
        ));
        screen::answer(&self.trace().await?);
        Ok(())
    }

    /// Reads the credentials from Vault and uses them.
    pub(super) async fn log_in(&self) -> anyhow::Result<()> {
        screen::heading("4  The credentials in Vault work");
        let data = self
            .vault(PATH)
            .await?
            .context("the credentials are not in Vault")?["data"]
            .take();
        screen::command(&format!("vault kv get secret/{PATH}"));
        for (key, value) in data.as_object().into_iter().flatten() {
            let hidden = ["password", "url"].contains(&key.as_str());
            let shown = if hidden {
                "(hidden here)".into()
            } else {
                value.to_string()
            };
            screen::answer(&format!("{key:<10} {shown}"));
        }
        let session = self.session(&data).await?;
        let sql =
            "CREATE TABLE customers (name text); INSERT INTO customers VALUES ('Ada'), ('Grace')";
        screen::command(&format!("psql \"$url\" -c \"{sql}\""));
        session
            .batch_execute(sql)
            .await
            .context("the owner cannot make a table")?;
        let reader = self
            .vault(&format!("{PATH}/reporting"))
            .await?
            .context("no credentials of the further login")?["data"]
            .take();
        let reading = self.session(&reader).await?;
        let row = reading
            .query_one("SELECT count(*) FROM customers", &[])
            .await?;
        screen::say(&format!(
            "The readonly login sees {} rows of the table made a moment ago;",
            row.get::<_, i64>(0)
        ));
        let refused = reading.batch_execute("DELETE FROM customers").await.err();
        let refused = refused.context("the readonly login could delete rows")?;
        let words = refused
            .as_db_error()
            .map_or_else(|| refused.to_string(), |error| error.message().to_owned());
        screen::say(&format!("it may not change them:  {words}"));
        Ok(())
    }

    /// Edits behind the provider's back, and what becomes of them.
    pub(super) async fn break_and_mend(&self, timings: &mut Timings) -> anyhow::Result<()> {
        screen::heading("5  Somebody breaks it by hand");
        let role = self.login().await?;
        self.look_often("roles.postgresql.pnats.cloud", &role.resource)
            .await?;
        self.look_often("kvsecrets.vault.pnats.cloud", &self.registration().await?)
            .await?;

        let session = self.postgres.superuser("postgres").await?;
        let sql = format!(
            "ALTER ROLE \"{}\" PASSWORD 'changed by hand' CONNECTION LIMIT 5",
            role.name
        );
        screen::command("psql");
        screen::answer(&format!("postgres=# {sql};"));
        session.batch_execute(&sql).await?;
        timings.repaired_role = self
            .until_corrected("role.postgresql.pnats.cloud", &role.resource)
            .await?;

        screen::command(&format!("vault kv patch secret/{PATH} password=wrong"));
        self.patch_vault(&json!({ "password": "wrong" })).await?;
        timings.repaired_vault = self
            .until_corrected("kvsecret.vault.pnats.cloud", &self.registration().await?)
            .await?;

        screen::command(&format!("kubectl delete secret {}", role.secret));
        let before = self.version().await?;
        self.testbed
            .kubectl(&["delete", "secret", &role.secret, "-n", self.namespace])
            .await?;
        let started = Instant::now();
        wait_for(
            "a new password to be in Vault and to work",
            PATIENCE,
            async || Ok(self.version().await? > before && self.held_logs_in().await?),
        )
        .await?;
        timings.repaired_secret = started.elapsed();
        screen::say(&format!(
            "{:.1} s later there is a new password in PostgreSQL, in the Secret and in Vault, and it works.",
            timings.repaired_secret.as_secs_f32()
        ));
        Ok(())
    }

    /// Deletes the claim and shows that nothing is left.
    pub(super) async fn delete(&self, timings: &mut Timings) -> anyhow::Result<()> {
        screen::heading("9  The database is deleted");
        let database = self.database.status().await?["database"]["name"]
            .as_str()
            .context("no database name")?
            .to_owned();
        screen::command(&format!("kubectl delete postgresqlinstance {CLAIM}"));
        let started = Instant::now();
        self.database.delete().await?;
        let tree = Tree::new(self.testbed, self.namespace, CLAIM, started);
        wait_for("everything to be gone", PATIENCE, async || {
            Ok(self.database.is_gone().await? && tree.count().await? == 0)
        })
        .await?;
        timings.gone = started.elapsed();
        let session = self.postgres.superuser("postgres").await?;
        let databases = session
            .query("SELECT 1 FROM pg_database WHERE datname = $1", &[&database])
            .await?;
        let pattern = format!("{}%", database.replace('_', "\\_"));
        let roles = session
            .query("SELECT 1 FROM pg_roles WHERE rolname LIKE $1", &[&pattern])
            .await?;
        let secrets = self.vault(PATH).await?;
        ensure!(
            databases.is_empty() && roles.is_empty(),
            "the database or a role is left behind"
        );
        ensure!(
            secrets.is_none_or(|left| left["data"].is_null()),
            "the credentials are still readable in Vault"
        );
        screen::say(&format!(
            "{:.1} s later: no managed resource, no database, no role, no readable secret in Vault.",
            timings.gone.as_secs_f32()
        ));
        Ok(())
    }
}
