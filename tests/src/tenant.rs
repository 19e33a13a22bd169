//! A team's namespace with provider configs of its own, so that its servers and credentials can be
//! broken without anybody else noticing.
//!
//! Both configs are named [`CONFIG`] and reach the servers by address, which works from pods and from
//! this machine. What the team makes outside carries the namespace's name.

mod server;

use std::collections::BTreeMap;

use anyhow::Context;
use k8s_openapi::ByteString;
use k8s_openapi::api::core::v1::Secret;
use kube::Api;
use kube::api::{DeleteParams, Patch, PatchParams};
use serde_json::{Value, json};

use crate::network::ADDRESS;
use crate::openbao::client::Client;
use crate::resource::{PATIENCE, Resource};
use crate::{Namespace, Postgres, Testbed, product};

/// Name of both provider configs.
pub const CONFIG: &str = "own";
/// Secret with `username`, `password`, `endpoint`, `port` and `ca.crt`.
pub const POSTGRES_SECRET: &str = "postgresql-admin";
/// Secret with `token` and `ca.crt`.
pub const VAULT_SECRET: &str = "vault-token";

/// A team.
pub struct Tenant {
    testbed: Testbed,
    namespace: Namespace,
    postgres: Postgres,
}

impl Tenant {
    /// A team that is superuser of the default PostgreSQL.
    pub async fn new(testbed: &Testbed, prefix: &str) -> anyhow::Result<Self> {
        let postgres = testbed.default_postgres().await?;
        let admin = (postgres.user.clone(), postgres.password.clone());
        Self::on(testbed, prefix, postgres, (&admin.0, &admin.1)).await
    }

    /// A team with this server and this administrator.
    pub async fn on(
        testbed: &Testbed,
        prefix: &str,
        postgres: Postgres,
        (username, password): (&str, &str),
    ) -> anyhow::Result<Self> {
        let namespace = testbed.namespace(prefix).await?;
        let tenant = Self {
            testbed: testbed.clone(),
            namespace,
            postgres,
        };
        let credentials = tenant.postgres_secret(username, password)?;
        tenant.put_secret(POSTGRES_SECRET, &credentials).await?;
        tenant.put_vault_secret().await?;
        tenant
            .postgres_config(CONFIG)
            .apply(&postgres_settings())
            .await?;
        tenant.vault_config().apply(&vault_settings()).await?;
        Ok(tenant)
    }

    /// The namespace.
    pub fn name(&self) -> &str {
        self.namespace.name()
    }

    /// The server.
    pub const fn postgres(&self) -> &Postgres {
        &self.postgres
    }

    /// OpenBao with the root token.
    pub fn vault(&self) -> anyhow::Result<Client> {
        self.testbed.openbao().client()
    }

    /// What an object of this name is called outside.
    pub fn external_name(&self, name: &str) -> String {
        format!("{}_{name}", self.name()).replace('-', "_")
    }

    /// A managed resource of the team.
    pub fn managed(&self, kind: &str, name: &str) -> Resource {
        let group = match kind {
            "KVSecret" => "vault.pnats.cloud",
            _ => "postgresql.pnats.cloud",
        };
        let annotations = json!({
            "crossplane.io/external-name": self.external_name(name),
            "crossplane.io/poll-interval": "30s",
        });
        self.object(group, kind, name, annotations)
    }

    /// A provider config for PostgreSQL.
    pub fn postgres_config(&self, name: &str) -> Resource {
        self.object(
            "postgresql.pnats.cloud",
            "ProviderConfig",
            name,
            Value::Null,
        )
    }

    /// The provider config for Vault.
    pub fn vault_config(&self) -> Resource {
        self.object("vault.pnats.cloud", "ProviderConfig", CONFIG, Value::Null)
    }

    fn object(&self, group: &str, kind: &str, name: &str, annotations: Value) -> Resource {
        let api = product::api_in(&self.testbed, self.name(), group, kind);
        let api_version = format!("{group}/v1alpha1");
        Resource::new(api, (&api_version, kind), (self.name(), name), annotations)
    }

    // === Secrets ===

    /// The Secrets of the namespace.
    pub fn secrets(&self) -> Api<Secret> {
        Api::namespaced(self.testbed.client(), self.name())
    }

    /// The values of a Secret, or nothing.
    pub async fn secret(&self, name: &str) -> anyhow::Result<Option<BTreeMap<String, String>>> {
        let text = |(key, value): (String, ByteString)| {
            (key, String::from_utf8_lossy(&value.0).into_owned())
        };
        let found = self.secrets().get_opt(name).await?;
        Ok(found.map(|secret| {
            secret
                .data
                .unwrap_or_default()
                .into_iter()
                .map(text)
                .collect()
        }))
    }

    /// Makes a Secret hold these values and no others.
    pub async fn put_secret(
        &self,
        name: &str,
        values: &BTreeMap<String, String>,
    ) -> anyhow::Result<()> {
        let secret = json!({
            "apiVersion": "v1",
            "kind": "Secret",
            "metadata": {"name": name, "namespace": self.name()},
            "data": values.iter().map(|(key, value)| (key, ByteString(value.clone().into_bytes()))).collect::<BTreeMap<_, _>>(),
        });
        let params = PatchParams::apply("story").force();
        self.secrets()
            .patch(name, &params, &Patch::Apply(&secret))
            .await?;
        Ok(())
    }

    /// Deletes a Secret.
    pub async fn delete_secret(&self, name: &str) -> anyhow::Result<()> {
        self.secrets()
            .delete(name, &DeleteParams::default())
            .await?;
        Ok(())
    }

    fn postgres_secret(
        &self,
        username: &str,
        password: &str,
    ) -> anyhow::Result<BTreeMap<String, String>> {
        let values = [
            ("username", username.to_owned()),
            ("password", password.to_owned()),
            ("endpoint", ADDRESS.to_owned()),
            ("port", self.postgres.port.to_string()),
            ("ca.crt", self.postgres.ca_pem()?),
        ];
        Ok(values.map(|(key, value)| (key.to_owned(), value)).into())
    }

    // === Vault ===

    /// A path of the team below the mount `secret`.
    pub fn path(&self, name: &str) -> String {
        format!("{}/{name}", self.name())
    }

    /// The keys and values that Vault holds at a path of the team, null when there are none.
    pub async fn in_vault(&self, name: &str) -> anyhow::Result<Value> {
        let read = self
            .vault()?
            .read(&format!("secret/data/{}", self.path(name)))
            .await?;
        Ok(read
            .map(|mut found| found["data"].take())
            .unwrap_or_default())
    }

    /// Gives the team these rights at its paths, and no others.
    pub async fn allow_in_vault(&self, capabilities: &[&str]) -> anyhow::Result<()> {
        let rights = ["data", "metadata", "delete", "destroy", "undelete"].map(|part| {
            format!(
                "path \"secret/{part}/{}/*\" {{ capabilities = {capabilities:?} }}\n",
                self.name()
            )
        });
        let policy = json!({"policy": rights.concat()});
        let path = format!("sys/policies/acl/{}", self.name());
        self.vault()?.write(&path, &policy).await?;
        Ok(())
    }

    async fn put_vault_secret(&self) -> anyhow::Result<()> {
        self.allow_in_vault(&["create", "read", "update", "patch", "delete"])
            .await?;
        let token = json!({"policies": [self.name()], "ttl": "2h"});
        let answer = self.vault()?.write("auth/token/create", &token).await?;
        let token = answer["auth"]["client_token"]
            .as_str()
            .context("no token in the answer")?;
        let ca = self.testbed.openbao().ca_pem()?;
        let values = [("token", token), ("ca.crt", &ca)];
        let values = values.map(|(key, value)| (key.to_owned(), value.to_owned()));
        self.put_secret(VAULT_SECRET, &values.into()).await
    }

    /// Asks for the deletion of the namespace.
    pub async fn start_deletion(&self) -> anyhow::Result<()> {
        self.namespace.start_deletion(self.testbed.client()).await
    }

    /// Waits until the namespace and everything in it is gone.
    pub async fn until_gone(&self) -> anyhow::Result<()> {
        self.namespace
            .until_gone(self.testbed.client(), PATIENCE)
            .await
    }

    /// Deletes the namespace and everything in it, and what is left of the team outside.
    pub async fn finish(self) -> anyhow::Result<()> {
        let Self {
            testbed, namespace, ..
        } = self;
        let policy = format!("sys/policies/acl/{}", namespace.name());
        namespace.finish(testbed.client(), PATIENCE).await?;
        testbed.openbao().client()?.delete(&policy).await
    }
}

/// Settings of a PostgreSQL config that reads [`POSTGRES_SECRET`].
pub fn postgres_settings() -> Value {
    json!({
        "credentials": {"connectionSecretRef": {"name": POSTGRES_SECRET}},
        "sslMode": "verify-full",
        "caSecretRef": {"name": POSTGRES_SECRET, "key": "ca.crt"},
    })
}

/// Settings of a Vault config that reads [`VAULT_SECRET`].
pub fn vault_settings() -> Value {
    json!({
        "address": format!("https://{ADDRESS}:8200"),
        "caSecretRef": {"name": VAULT_SECRET, "key": "ca.crt"},
        "auth": {"tokenSecretRef": {"name": VAULT_SECRET, "key": "token"}},
    })
}

/// A spec with these parameters for the team's own provider config.
#[expect(
    clippy::needless_pass_by_value,
    reason = "callers write the parameters in place"
)]
pub fn spec(for_provider: Value) -> Value {
    json!({
        "forProvider": for_provider,
        "providerConfigRef": {"kind": "ProviderConfig", "name": CONFIG},
    })
}
