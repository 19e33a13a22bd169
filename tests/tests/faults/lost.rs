//! Things that vanish: databases and roles dropped by hand, connection Secrets deleted.

use std::time::{Duration, Instant};

use anyhow::{Context, ensure};
use serde_json::{Value, json};
use testbed::tenant::spec;
use testbed::{Resource, Scene, Tenant, wait_for};

use crate::{credentials_match, settled_login};

#[tokio::test]
async fn a_role_dropped_by_hand_comes_back_with_the_same_credentials() -> anyhow::Result<()> {
    let scene = Scene::beside_others().await?;
    let tenant = Tenant::new(&scene, "dropped-role").await?;
    let (role, kv) = settled_login(&tenant, "app").await?;
    let before = tenant.secret("app-connection").await?;
    tenant
        .sql(
            "postgres",
            &format!("DROP ROLE \"{}\"", tenant.external_name("app")),
        )
        .await?;
    role.look().await?;
    role.until_settled().await?;
    kv.until_settled().await?;
    ensure!(
        tenant.secret("app-connection").await? == before,
        "applications have to be told a new password"
    );
    credentials_match(&tenant, "app").await?;
    tenant.finish().await
}

#[tokio::test]
async fn a_database_dropped_by_hand_comes_back_as_it_was_asked_for() -> anyhow::Result<()> {
    let scene = Scene::beside_others().await?;
    let tenant = Tenant::new(&scene, "dropped-data").await?;
    let (role, database) = (
        tenant.managed("Role", "owner"),
        tenant.managed("Database", "data"),
    );
    let grant = tenant.managed("Grant", "entry");
    role.apply(&spec(json!({}))).await?;
    tenant
        .managed("Role", "reader")
        .apply(&spec(json!({})))
        .await?;
    let wanted = json!({"ownerRef": {"name": "owner"}, "publicPrivileges": {"connect": false}});
    database.apply(&spec(wanted)).await?;
    let entry = json!({"privileges": ["CONNECT"], "roleRef": {"name": "reader"}, "databaseRef": {"name": "data"}});
    grant.apply(&spec(entry)).await?;
    let before = database.until_settled().await?;
    grant.until_settled().await?;

    let name = tenant.external_name("data");
    tenant
        .sql(
            "postgres",
            &format!("DROP DATABASE \"{name}\" WITH (FORCE)"),
        )
        .await?;
    database.look().await?;
    let after = database.until_settled().await?;
    let oid = |object: &Value| object["status"]["atProvider"]["oid"].clone();
    ensure!(oid(&before) != oid(&after), "it is the same database");
    let owner = tenant.external_name("owner");
    ensure!(
        after["status"]["atProvider"]["owner"] == owner.as_str(),
        "{after}"
    );
    grant.look().await?;
    grant.until_settled().await?;
    let reader = tenant.external_name("reader");
    let query =
        |role: &str| format!("SELECT has_database_privilege('{role}', '{name}', 'CONNECT')::text");
    ensure!(
        tenant.ask("postgres", &query(&reader)).await? == "true",
        "the grant is not back"
    );
    ensure!(
        tenant.ask("postgres", &query("public")).await? == "false",
        "everybody may connect"
    );
    tenant.finish().await
}

#[tokio::test]
async fn a_deleted_connection_secret_is_back_within_seconds_and_vault_follows() -> anyhow::Result<()>
{
    let scene = Scene::beside_others().await?;
    let tenant = Tenant::new(&scene, "lost-secret").await?;
    let (role, kv) = settled_login(&tenant, "app").await?;
    let old = tenant
        .secret("app-connection")
        .await?
        .context("no connection Secret")?;
    tenant.delete_secret("app-connection").await?;
    let started = Instant::now();
    let is_mended = async || Ok(credentials_match(&tenant, "app").await.is_ok());
    wait_for(
        "a new password that works, in Vault too",
        Duration::from_secs(10),
        is_mended,
    )
    .await?;
    let took = started.elapsed();
    settled(&role, &kv).await?;
    let new = tenant
        .secret("app-connection")
        .await?
        .context("no connection Secret")?;
    ensure!(
        new["password"] != old["password"],
        "nobody knows the old password any more"
    );
    let name = tenant.external_name("app");
    let refused = tenant
        .postgres()
        .connect(&name, &old["password"], "postgres")
        .await;
    ensure!(refused.is_err(), "the old password still works");
    eprintln!(
        "connection Secret deleted to mended everywhere: {:.1} s",
        took.as_secs_f32()
    );
    tenant.finish().await
}

async fn settled(role: &Resource, kv: &Resource) -> anyhow::Result<()> {
    role.until_settled().await?;
    kv.until_settled().await?;
    Ok(())
}
