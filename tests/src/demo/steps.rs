//! The steps of the demo.

use std::time::{Duration, Instant};

use anyhow::{Context, ensure};
use kube::Api;
use kube::api::{DeleteParams, DynamicObject, ListParams};
use serde_json::{Value, json};

use super::{Timings, screen, since, tree::Tree};
use crate::{Namespace, Postgres, Session, Testbed, product, wait_for, wait_for_value};

const CLAIM: &str = "user-service";
const PATH: &str = "infrastructure/databases/dev/user-service";
const SPEC: &str = "\
spec:
  environment: dev
  access:
  - name: app
    profile: owner
  - name: reporting
    profile: readonly
";

const PATIENCE: Duration = Duration::from_secs(90);

/// Installs the product and shows what a person would see of it.
pub(super) async fn install(testbed: &Testbed) -> anyhow::Result<()> {
    screen::say(
        "Provider, function and configuration are built, pushed to a registry as packages, and installed.",
    );
    screen::command("kubectl apply -f examples/install/");
    super::install(testbed).await?;
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
    testbed: &'a Testbed,
    namespace: &'a str,
    postgres: Postgres,
    claims: Api<DynamicObject>,
}

impl<'a> Story<'a> {
    pub(super) async fn new(
        testbed: &'a Testbed,
        namespace: &'a Namespace,
    ) -> anyhow::Result<Self> {
        Ok(Self {
            testbed,
            namespace: namespace.name(),
            postgres: testbed.default_postgres().await?,
            claims: product::api_in(
                testbed,
                namespace.name(),
                "database.pnats.cloud",
                "PostgreSQLInstance",
            ),
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
        let mut tree = Tree::new(self.testbed, self.namespace, started);
        wait_for("the claim to be Ready", PATIENCE, async || {
            tree.look().await?;
            if timings.in_vault.is_zero() && self.vault("data").await?.is_some() {
                timings.in_vault = since(started);
                screen::answer(&format!(
                    "{:5.1} s  ★ the credentials are in Vault",
                    timings.in_vault.as_secs_f32()
                ));
            }
            Ok(self.condition("Ready").await? == Some("True".into()))
        })
        .await?;
        timings.ready = since(started);
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
            .vault("data")
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
            .vault("data/reporting")
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
        timings.repaired_secret = since(started);
        screen::say(&format!(
            "{:.1} s later there is a new password in PostgreSQL, in the Secret and in Vault, and it works.",
            timings.repaired_secret.as_secs_f32()
        ));
        Ok(())
    }

    /// Deletes the claim and shows that nothing is left.
    pub(super) async fn delete(&self, timings: &mut Timings) -> anyhow::Result<()> {
        screen::heading("6  The claim is deleted");
        let database = self.status().await?["database"]["name"]
            .as_str()
            .context("no database name")?
            .to_owned();
        screen::command(&format!("kubectl delete postgresqlinstance {CLAIM}"));
        let started = Instant::now();
        self.claims
            .delete(CLAIM, &DeleteParams::foreground())
            .await?;
        let tree = Tree::new(self.testbed, self.namespace, started);
        wait_for("everything to be gone", PATIENCE, async || {
            Ok(self.claims.get_opt(CLAIM).await?.is_none() && tree.count().await? == 0)
        })
        .await?;
        timings.gone = since(started);
        let session = self.postgres.superuser("postgres").await?;
        let databases = session
            .query("SELECT 1 FROM pg_database WHERE datname = $1", &[&database])
            .await?;
        let pattern = format!("{}%", database.replace('_', "\\_"));
        let roles = session
            .query("SELECT 1 FROM pg_roles WHERE rolname LIKE $1", &[&pattern])
            .await?;
        let secrets = self.vault("data").await?;
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

    // === what a person would look at ===

    async fn kubectl(&self, arguments: &[&str]) -> anyhow::Result<()> {
        screen::command(&format!("kubectl {}", arguments.join(" ")));
        let mut all = arguments.to_vec();
        all.extend(["-n", self.namespace]);
        screen::answer(&self.testbed.kubectl(&all).await?);
        Ok(())
    }

    async fn trace(&self) -> anyhow::Result<String> {
        let mut trace = tokio::process::Command::new(self.testbed.clients().join("crossplane"));
        trace.env("KUBECONFIG", self.testbed.kubeconfig()).args([
            "resource",
            "trace",
            "postgresqlinstance",
            CLAIM,
            "-n",
            self.namespace,
        ]);
        crate::command::run(&mut trace).await
    }

    async fn status(&self) -> anyhow::Result<Value> {
        let claim = self.claims.get_opt(CLAIM).await?;
        Ok(claim
            .map(|claim| claim.data["status"].clone())
            .unwrap_or_default())
    }

    async fn condition(&self, kind: &str) -> anyhow::Result<Option<String>> {
        let status = self.status().await?;
        let all = status["conditions"].as_array().cloned().unwrap_or_default();
        let found = all.into_iter().find(|one| one["type"] == kind);
        Ok(found.and_then(|one| one["status"].as_str().map(ToOwned::to_owned)))
    }

    // === Vault and PostgreSQL ===

    /// What Vault holds at the claim's path; `data` for the first login, `data/NAME` for another.
    async fn vault(&self, place: &str) -> anyhow::Result<Option<Value>> {
        let path = match place.split_once('/') {
            Some((_, login)) => format!("secret/data/{PATH}/{login}"),
            None => format!("secret/data/{PATH}"),
        };
        self.testbed.openbao().client()?.read(&path).await
    }

    /// Version of the first login's credentials; it grows with every write.
    async fn version(&self) -> anyhow::Result<i64> {
        let held = self.vault("data").await?.unwrap_or_default();
        Ok(held["metadata"]["version"].as_i64().unwrap_or_default())
    }

    /// Whether what Vault holds logs in.
    async fn held_logs_in(&self) -> anyhow::Result<bool> {
        let held = self.vault("data").await?.unwrap_or_default();
        Ok(self.session(&held["data"]).await.is_ok())
    }

    async fn patch_vault(&self, change: &Value) -> anyhow::Result<()> {
        let mut held = self
            .vault("data")
            .await?
            .context("nothing in Vault to change")?;
        let mut data = held["data"].take();
        for (key, value) in change.as_object().into_iter().flatten() {
            data[key] = value.clone();
        }
        let client = self.testbed.openbao().client()?;
        client
            .write(&format!("secret/data/{PATH}"), &json!({ "data": data }))
            .await?;
        Ok(())
    }

    async fn session(&self, data: &Value) -> anyhow::Result<Session> {
        let text = |key: &str| {
            data[key]
                .as_str()
                .with_context(|| format!("Vault holds no {key}"))
        };
        self.postgres
            .connect(text("username")?, text("password")?, text("database")?)
            .await
    }

    // === the composed resources ===

    async fn login(&self) -> anyhow::Result<Login> {
        let status = self.status().await?;
        let login = &status["access"][0];
        let name = login["role"]
            .as_str()
            .context("the claim's status names no role")?
            .to_owned();
        let secret = login["secretName"]
            .as_str()
            .context("the claim's status names no Secret")?
            .to_owned();
        let resource = self.find("postgresql.pnats.cloud", "Role", |role| {
            role.data["spec"]["writeConnectionSecretToRef"]["name"] == secret.as_str()
        });
        Ok(Login {
            resource: resource.await?,
            name,
            secret,
        })
    }

    async fn registration(&self) -> anyhow::Result<String> {
        self.find("vault.pnats.cloud", "KVSecret", |secret| {
            secret.data["spec"]["forProvider"]["path"] == PATH
        })
        .await
    }

    async fn find(
        &self,
        group: &str,
        kind: &str,
        is_it: impl Fn(&DynamicObject) -> bool,
    ) -> anyhow::Result<String> {
        let all = product::api_in(self.testbed, self.namespace, group, kind);
        let found = all.list(&ListParams::default()).await?;
        let found = found.items.into_iter().find(is_it);
        found
            .and_then(|found| found.metadata.name)
            .with_context(|| format!("the claim made no such {kind}"))
    }

    async fn look_often(&self, resource: &str, name: &str) -> anyhow::Result<()> {
        let (short, _) = resource.split_once('.').unwrap_or((resource, ""));
        screen::command(&format!(
            "kubectl annotate {short} {name} crossplane.io/poll-interval=5s"
        ));
        let annotation = "crossplane.io/poll-interval=5s";
        self.testbed
            .kubectl(&[
                "annotate",
                resource,
                name,
                annotation,
                "--overwrite",
                "-n",
                self.namespace,
            ])
            .await?;
        Ok(())
    }

    /// Waits until the provider says that it has corrected the resource, and shows its events.
    async fn until_corrected(&self, resource: &str, name: &str) -> anyhow::Result<Duration> {
        let started = Instant::now();
        let before = self.last_drift(resource, name).await?;
        wait_for_value("the drift to be corrected", PATIENCE, async || {
            let now = self.last_drift(resource, name).await?;
            Ok((now != before && now["corrected"] == true).then_some(()))
        })
        .await?;
        let took = since(started);
        let fields = self.last_drift(resource, name).await?["fields"].clone();
        screen::say(&format!(
            "{:.1} s later it is repaired; status.lastDrift names {fields}, and so do the events:",
            took.as_secs_f32()
        ));
        let selector = format!("involvedObject.name={name},reason!=CreatedExternalResource");
        let columns = "-o=custom-columns=REASON:.reason,MESSAGE:.message";
        let events = [
            "get",
            "events",
            "-n",
            self.namespace,
            "--field-selector",
            &selector,
            columns,
        ];
        wait_for("the events", PATIENCE, async || {
            Ok(self
                .testbed
                .kubectl(&events)
                .await?
                .contains("DriftCorrected"))
        })
        .await?;
        screen::answer(&self.testbed.kubectl(&events).await?);
        Ok(took)
    }

    async fn last_drift(&self, resource: &str, name: &str) -> anyhow::Result<Value> {
        let text = self
            .testbed
            .kubectl(&["get", resource, name, "-n", self.namespace, "-o", "json"])
            .await?;
        Ok(serde_json::from_str::<Value>(&text)?["status"]["lastDrift"].clone())
    }
}

/// The first login of the claim.
struct Login {
    /// Name of the managed resource.
    resource: String,
    /// Name of the role on the server.
    name: String,
    /// Name of its connection Secret.
    secret: String,
}
