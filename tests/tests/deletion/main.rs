//! Deleting everything in any order terminates without a hand and leaves nothing behind; what is in
//! use is protected; and a resource that is to stay outside can always go.

mod order;
mod protection;

use anyhow::ensure;
use serde_json::{Value, json};
use testbed::resource::DeleteParams;
use testbed::tenant::{CONFIG, POSTGRES_SECRET, VAULT_SECRET, spec};
use testbed::{Resource, Tenant};

/// Something of a team that can be deleted.
#[derive(Clone, Debug)]
enum Part {
    /// A managed resource or a provider config.
    Object(Box<Resource>),
    /// A Secret by name.
    Secret(&'static str),
}

impl Part {
    async fn delete(&self, tenant: &Tenant, params: &DeleteParams) -> anyhow::Result<()> {
        match self {
            Self::Object(resource) => resource.delete(params).await,
            Self::Secret(name) => tenant.delete_secret(name).await,
        }
    }

    fn name(&self) -> &str {
        match self {
            Self::Object(resource) => resource.name(),
            Self::Secret(name) => name,
        }
    }
}

/// A role that owns a database, a login with a grant on it, and its registration in Vault.
fn resources(tenant: &Tenant) -> Vec<(Resource, Value)> {
    let mut login =
        spec(json!({"privileges": {"login": true}, "memberOf": [{"roleRef": {"name": "owner"}}]}));
    login["writeConnectionSecretToRef"] = json!({"name": "app-connection"});
    let database = json!({"ownerRef": {"name": "owner"}, "publicPrivileges": {"connect": false}});
    let grant = json!({
        "privileges": ["CONNECT"], "roleRef": {"name": "app"}, "databaseRef": {"name": "data"},
    });
    let password = json!({"secretKeyRef": {"name": "app-connection", "key": "password"}});
    let registration = json!({"path": tenant.path("app"), "data": {"password": password}});
    vec![
        (tenant.managed("Role", "owner"), spec(json!({}))),
        (tenant.managed("Role", "app"), login),
        (tenant.managed("Database", "data"), spec(database)),
        (tenant.managed("Grant", "entry"), spec(grant)),
        (tenant.managed("KVSecret", "app"), spec(registration)),
    ]
}

/// Makes all of it and waits until it is settled.
async fn set_up(tenant: &Tenant) -> anyhow::Result<Vec<Part>> {
    let resources = resources(tenant);
    for (resource, spec) in &resources {
        resource.apply(spec).await?;
    }
    for (resource, _) in &resources {
        resource.until_settled().await?;
    }
    let mut parts: Vec<_> = resources
        .into_iter()
        .map(|(resource, _)| Part::Object(Box::new(resource)))
        .collect();
    parts.extend(
        [tenant.postgres_config(CONFIG), tenant.vault_config()]
            .map(|config| Part::Object(Box::new(config))),
    );
    parts.extend([POSTGRES_SECRET, VAULT_SECRET].map(Part::Secret));
    Ok(parts)
}

/// Nothing of the team is on a server.
async fn nothing_is_left(tenant: &Tenant) -> anyhow::Result<()> {
    let left = tenant.on_server().await?;
    ensure!(left.is_empty(), "left on the server: {left:?}");
    let readable = tenant.in_vault("app").await?;
    ensure!(
        readable.is_null(),
        "the credentials can still be read in Vault"
    );
    Ok(())
}
