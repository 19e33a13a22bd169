//! What bad input and broken surroundings get: a condition that names cause and remedy, what exists
//! stays, and it heals by itself when the cause is gone.
//!
//! Each team has servers' addresses and credentials of its own to break. What all share, Vault's seal
//! and a server's process, is broken only while nobody else is there.

mod config;
mod lost;
mod refused;
mod server;

use anyhow::{Context, ensure};
use serde_json::{Value, json};
use testbed::tenant::spec;
use testbed::{Resource, Session, Tenant};

/// A role that may log in and writes its connection Secret `<name>-connection`.
fn login(name: &str) -> Value {
    let mut role = spec(json!({"privileges": {"login": true}}));
    role["writeConnectionSecretToRef"] = json!({"name": format!("{name}-connection")});
    role
}

/// The credentials of the role `name` at the path `name`.
fn registration(tenant: &Tenant, name: &str) -> Value {
    let key =
        |key: &str| json!({"secretKeyRef": {"name": format!("{name}-connection"), "key": key}});
    spec(json!({
        "path": tenant.path(name),
        "data": {"username": key("username"), "password": key("password")},
    }))
}

/// Applies a role with its registration and waits until both are settled.
async fn settled_login(tenant: &Tenant, name: &str) -> anyhow::Result<(Resource, Resource)> {
    let (role, kv) = (
        tenant.managed("Role", name),
        tenant.managed("KVSecret", name),
    );
    role.apply(&login(name)).await?;
    kv.apply(&registration(tenant, name)).await?;
    role.until_settled().await?;
    kv.until_settled().await?;
    credentials_match(tenant, name).await?;
    Ok((role, kv))
}

/// PostgreSQL takes the password of the connection Secret, and Vault holds the same.
async fn credentials_match(tenant: &Tenant, name: &str) -> anyhow::Result<Session> {
    let secret = format!("{name}-connection");
    let session = tenant.log_in(&secret, "postgres").await?;
    let held = tenant
        .secret(&secret)
        .await?
        .context("no connection Secret")?;
    let registered = tenant.in_vault(name).await?;
    ensure!(
        registered["password"] == held["password"].as_str(),
        "Vault holds another password"
    );
    ensure!(
        registered["username"] == tenant.external_name(name).as_str(),
        "{name} in Vault"
    );
    Ok(session)
}
