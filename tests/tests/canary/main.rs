//! A password that nobody else knows is looked for everywhere it must not be.
//!
//! It may be in the Secret it comes from, in the connection Secret, and in Vault. On the way through
//! creation, failures, drift, rotation and deletion it must appear in no other API object, no event,
//! no log of a pod, no metric, not in PostgreSQL's statement log, not in clear in Vault's audit log,
//! and in no process's arguments or environment.

mod bird;
mod places;

use anyhow::Context;
use k8s_openapi::api::core::v1::Secret;
use kube::Api;
use kube::api::{DeleteParams, ObjectMeta, Patch, PatchParams, PostParams};
use serde_json::{Value, json};
use testbed::product::Flavour;
use testbed::story::{PATIENCE, Stage};
use testbed::{resource, wait_for};

use crate::bird::Bird;
use crate::places::Places;

const POSTGRESQL: &str = "postgresql.pnats.cloud";
const VAULT: &str = "vault.pnats.cloud";

#[tokio::test]
async fn a_password_is_nowhere_but_where_it_belongs() -> anyhow::Result<()> {
    let stage = Stage::beside_others(Flavour::Namespaced, "canary").await?;
    let cage = Cage { stage: &stage };
    let mut places = Places::since_now(&stage)?;
    let first = Bird::new("first");
    cage.set_password("source", &first).await?;
    places.watch(first.clone());
    cage.create().await?;
    places.search("after creation").await?;

    let second = Bird::new("second");
    places.watch(second.clone());
    cage.fail_while_rotating(&second).await?;
    places.search("while updates fail").await?;

    let third = Bird::new("third");
    places.watch(third.clone());
    cage.recover_and_rotate(&third).await?;
    cage.drift().await?;
    places.search("after rotation and drift").await?;

    let keys = ["admin", "token"].map(Bird::new);
    for key in &keys {
        places.watch(key.clone());
    }
    cage.be_refused(&keys).await?;
    places.search("after refused logins").await?;

    places.watch(cage.generated().await?);
    places.search("with a generated password").await?;
    cage.delete().await?;
    places.search("after deletion").await?;
    stage.finish().await
}

/// The resources that the password goes through.
struct Cage<'a> {
    stage: &'a Stage,
}

impl Cage<'_> {
    fn secrets(&self) -> Api<Secret> {
        Api::namespaced(self.stage.testbed.client(), self.stage.name())
    }

    async fn set_password(&self, secret: &str, bird: &Bird) -> anyhow::Result<()> {
        self.set(secret, &json!({ "password": bird.song() })).await
    }

    async fn set(&self, secret: &str, values: &Value) -> anyhow::Result<()> {
        let secrets = self.secrets();
        if secrets.get_opt(secret).await?.is_none() {
            let metadata = ObjectMeta {
                name: Some(secret.to_owned()),
                ..ObjectMeta::default()
            };
            let empty = Secret {
                metadata,
                ..Secret::default()
            };
            secrets.create(&PostParams::default(), &empty).await?;
        }
        let patch = Patch::Merge(json!({ "stringData": values }));
        secrets
            .patch(secret, &PatchParams::default(), &patch)
            .await?;
        Ok(())
    }

    fn role_name(&self) -> String {
        format!("{}_canary", self.stage.name())
    }

    /// Applies a managed resource with a short poll interval.
    async fn apply(&self, group: &str, kind: &str, name: &str, spec: Value) -> anyhow::Result<()> {
        let mut annotations = json!({ "crossplane.io/poll-interval": "2s" });
        if kind == "Role" {
            annotations["crossplane.io/external-name"] = json!(self.role_name());
        }
        let object = json!({
            "apiVersion": format!("{group}/v1alpha1"),
            "kind": kind,
            "metadata": { "name": name, "namespace": self.stage.name(), "annotations": annotations },
            "spec": spec,
        });
        self.stage.testbed.apply(&object.to_string()).await
    }

    async fn apply_role(&self, more: &Value) -> anyhow::Result<()> {
        let mut parameters = json!({
            "privileges": { "login": true, "inherit": true },
            "connectionLimit": 5,
            "passwordSecretRef": { "name": "source", "key": "password" },
        });
        for (key, value) in more.as_object().into_iter().flatten() {
            parameters[key] = value.clone();
        }
        let spec = json!({
            "forProvider": parameters,
            "writeConnectionSecretToRef": { "name": "connection" },
        });
        self.apply(POSTGRESQL, "Role", "canary", spec).await
    }

    async fn create(&self) -> anyhow::Result<()> {
        self.apply_role(&json!({})).await?;
        let from = |key: &str| json!({ "secretKeyRef": { "name": "connection", "key": key } });
        let url = "postgresql://{{ username }}:{{ password | urlencode }}@{{ host }}/";
        let spec = json!({ "forProvider": {
            "path": format!("infrastructure/databases/dev/{}", self.stage.name()),
            "data": {
                "username": from("username"),
                "password": from("password"),
                "host": from("endpoint"),
                "url": { "template": url },
            },
        }});
        self.apply(VAULT, "KVSecret", "canary", spec).await?;
        self.until("Role", "canary", resource::is_settled).await?;
        self.until("KVSecret", "canary", resource::is_settled).await
    }

    async fn until(
        &self,
        kind: &str,
        name: &str,
        is_so: impl Fn(&Value) -> bool,
    ) -> anyhow::Result<()> {
        let group = if kind == "KVSecret" {
            VAULT
        } else {
            POSTGRESQL
        };
        let api = self.stage.api(group, kind);
        let mut last = Value::Null;
        let what = format!("{kind} {name}");
        let met = wait_for(&what, PATIENCE, async || {
            last = serde_json::to_value(api.get(name).await?)?;
            Ok(is_so(&last))
        });
        let met = met.await;
        met.with_context(|| format!("last seen: {:#}", last["status"]))
    }

    /// The update fails for want of a right, and the source changes meanwhile.
    async fn fail_while_rotating(&self, second: &Bird) -> anyhow::Result<()> {
        let too_much = json!({ "login": true, "inherit": true, "superUser": true });
        self.apply_role(&json!({ "privileges": too_much })).await?;
        self.until("Role", "canary", says("permission denied"))
            .await?;
        self.set_password("source", second).await?;
        self.apply_role(&json!({ "memberOf": [{ "role": "nobody-has-this-name" }] }))
            .await?;
        self.until("Role", "canary", says("does not exist")).await
    }

    async fn recover_and_rotate(&self, third: &Bird) -> anyhow::Result<()> {
        self.set("source", &json!({ "other": "value" })).await?;
        let gone = Patch::Merge(json!({ "data": { "password": null } }));
        self.secrets()
            .patch("source", &PatchParams::default(), &gone)
            .await?;
        self.apply_role(&json!({})).await?;
        self.until("Role", "canary", says("has no key")).await?;
        self.set_password("source", third).await?;
        self.until("Role", "canary", resource::is_settled).await?;
        self.until_in_vault(third).await
    }

    async fn until_in_vault(&self, bird: &Bird) -> anyhow::Result<()> {
        let path = format!(
            "secret/data/infrastructure/databases/dev/{}",
            self.stage.name()
        );
        wait_for(
            "the password in Vault, and a login with it",
            PATIENCE,
            async || {
                let found = self.stage.vault.read(&path).await?.unwrap_or_default();
                let is_there = found["data"]["password"] == bird.song();
                let (role, postgres) = (self.role_name(), &self.stage.postgres);
                Ok(is_there
                    && postgres
                        .connect(&role, bird.song(), "postgres")
                        .await
                        .is_ok())
            },
        )
        .await
    }

    /// Somebody changes the role, and what is in Vault, by hand.
    async fn drift(&self) -> anyhow::Result<()> {
        let superuser = self.stage.postgres.superuser("postgres").await?;
        let by_hand = format!(
            "ALTER ROLE \"{}\" PASSWORD 'by hand' CONNECTION LIMIT 1",
            self.role_name()
        );
        superuser.batch_execute(&by_hand).await?;
        let path = format!(
            "secret/data/infrastructure/databases/dev/{}",
            self.stage.name()
        );
        let wrong = json!({ "data": { "password": "by hand" } });
        self.stage.vault.write(&path, &wrong).await?;
        let is_corrected = |object: &Value| {
            object["status"]["lastDrift"]["corrected"] == true && resource::is_settled(object)
        };
        self.until("Role", "canary", is_corrected).await?;
        self.until("KVSecret", "canary", is_corrected).await
    }

    /// Provider configs with a password and a token that the servers refuse.
    async fn be_refused(&self, [admin, token]: &[Bird; 2]) -> anyhow::Result<()> {
        let (host, vault) = (
            self.stage.postgres.host.clone(),
            self.stage.testbed.openbao(),
        );
        let login = json!({
            "username": "tenancy_admin", "password": admin.song(),
            "endpoint": host, "port": self.stage.postgres.port.to_string(),
            "ca.crt": vault.ca_pem()?, "token": token.song(),
        });
        self.set("refused", &login).await?;
        let ca = json!({ "name": "refused", "key": "ca.crt" });
        let postgresql = json!({
            "credentials": { "connectionSecretRef": { "name": "refused" } },
            "sslMode": "verify-ca", "caSecretRef": ca,
        });
        let secret = json!({ "name": "refused", "key": "token" });
        let vault = json!({
            "address": vault.address, "caSecretRef": ca, "auth": { "tokenSecretRef": secret },
        });
        self.apply(POSTGRESQL, "ProviderConfig", "refused", postgresql)
            .await?;
        self.apply(VAULT, "ProviderConfig", "refused", vault)
            .await?;
        for group in [POSTGRESQL, VAULT] {
            let api = self.stage.api(group, "ProviderConfig");
            testbed::wait_condition(&api, "refused", "Ready", "False", PATIENCE).await?;
        }
        Ok(())
    }

    /// A claim, and the password that the provider made for it.
    async fn generated(&self) -> anyhow::Result<Bird> {
        let claim = self.stage.claim("generated");
        let service = format!("{}-generated", self.stage.name());
        claim
            .apply(&json!({ "environment": "dev", "service": service }))
            .await?;
        claim.ready().await?;
        let credentials = claim.credentials(&service).await?;
        Ok(Bird::found("generated", credentials.get("password")))
    }

    async fn delete(&self) -> anyhow::Result<()> {
        self.stage.claim("generated").delete_only().await?;
        for (group, kind) in [(VAULT, "KVSecret"), (POSTGRESQL, "Role")] {
            let api = self.stage.api(group, kind);
            api.delete("canary", &DeleteParams::default()).await?;
            testbed::wait_gone(&api, "canary", PATIENCE).await?;
        }
        Ok(())
    }
}

/// The resource is not in sync and says so with these words.
fn says(words: &'static str) -> impl Fn(&Value) -> bool {
    move |object| {
        let synced = resource::condition(object, "Synced");
        let message = synced["message"].as_str().unwrap_or_default();
        synced["status"] == "False" && message.contains(words)
    }
}
