//! What the servers refuse, and what refers to something that is not there.

use anyhow::ensure;
use serde_json::json;
use testbed::tenant::spec;
use testbed::{Scene, Tenant};

use crate::{credentials_match, registration, settled_login};

#[tokio::test]
async fn a_right_that_postgresql_refuses_is_named_and_granting_it_heals() -> anyhow::Result<()> {
    let scene = Scene::beside_others().await?;
    let postgres = scene.default_postgres().await?;
    let session = postgres.superuser("postgres").await?;
    let admin = format!("admin_{}", std::process::id());
    let make = format!("CREATE ROLE {admin} LOGIN CREATEROLE PASSWORD 'story'");
    session.batch_execute(&make).await?;
    let tenant = Tenant::on(&scene, "refused", postgres, (&admin, "story")).await?;
    let database = tenant.managed("Database", "data");
    database.apply(&spec(json!({"connectionLimit": 3}))).await?;
    let words = [
        "permission denied to create database",
        "42501",
        "; grant it to the config's administrator",
    ];
    database.until_told("Synced", "False", &words).await?;
    database
        .until_event("CannotCreateExternalResource", &words)
        .await?;

    session
        .batch_execute(&format!("ALTER ROLE {admin} CREATEDB"))
        .await?;
    database.until_settled().await?;
    ensure!(tenant.on_server().await?.len() == 1);
    tenant.finish().await?;
    session.batch_execute(&format!("DROP ROLE {admin}")).await?;
    Ok(())
}

#[tokio::test]
async fn a_reference_waits_for_what_it_names() -> anyhow::Result<()> {
    let scene = Scene::beside_others().await?;
    let tenant = Tenant::new(&scene, "reference").await?;
    let database = tenant.managed("Database", "data");
    database
        .apply(&spec(json!({"ownerRef": {"name": "owner"}})))
        .await?;
    let words = ["Role owner named in ownerRef does not exist; create it in this namespace"];
    database.until_told("Synced", "False", &words).await?;
    let kv = tenant.managed("KVSecret", "app");
    kv.apply(&registration(&tenant, "app")).await?;
    let words = ["Secret", "app-connection", "does not exist; create it"];
    kv.until_told("Synced", "False", &words).await?;
    ensure!(
        tenant.on_server().await?.is_empty(),
        "it was made without its owner"
    );

    tenant
        .managed("Role", "owner")
        .apply(&spec(json!({})))
        .await?;
    let object = database.until_settled().await?;
    let owner = tenant.external_name("owner");
    ensure!(
        object["status"]["atProvider"]["owner"] == owner.as_str(),
        "{object}"
    );
    settled_login(&tenant, "app").await?;
    kv.until_settled().await?;
    tenant.finish().await
}

#[tokio::test]
async fn a_policy_that_is_too_narrow_is_named_with_the_line_it_lacks() -> anyhow::Result<()> {
    let scene = Scene::beside_others().await?;
    let tenant = Tenant::new(&scene, "narrow").await?;
    settled_login(&tenant, "before").await?;
    tenant.allow_in_vault(&["read"]).await?;
    let newcomer = tenant.managed("KVSecret", "new");
    let mut spec = registration(&tenant, "before");
    spec["forProvider"]["path"] = json!(tenant.path("new"));
    newcomer.apply(&spec).await?;
    let path = format!("path \"secret/data/{}\"", tenant.path("new"));
    let words = [
        "permission denied",
        "; add to its policy:",
        &path,
        "capabilities",
    ];
    newcomer.until_told("Synced", "False", &words).await?;
    credentials_match(&tenant, "before").await?;

    tenant
        .allow_in_vault(&["create", "read", "update", "patch", "delete"])
        .await?;
    newcomer.until_settled().await?;
    ensure!(tenant.in_vault("new").await? == tenant.in_vault("before").await?);
    tenant.finish().await
}

#[tokio::test]
async fn a_path_of_somebody_else_is_left_alone_and_taken_when_it_is_free() -> anyhow::Result<()> {
    let scene = Scene::beside_others().await?;
    let tenant = Tenant::new(&scene, "foreign").await?;
    let (first, second) = (
        tenant.managed("KVSecret", "first"),
        tenant.managed("KVSecret", "second"),
    );
    let holding =
        |value: &str| spec(json!({"path": tenant.path("path"), "data": {"key": {"value": value}}}));
    first.apply(&holding("first")).await?;
    first.until_settled().await?;
    second.apply(&holding("second")).await?;
    let owner = format!("{}/first", tenant.name());
    let words = [
        "belongs to",
        &owner,
        "; choose another path, or delete the other owner",
    ];
    second.until_told("Synced", "False", &words).await?;
    ensure!(
        tenant.in_vault("path").await?["key"] == "first",
        "it is overwritten"
    );
    first
        .delete(&testbed::resource::DeleteParams::default())
        .await?;
    first.until_gone().await?;
    second.until_settled().await?;
    ensure!(tenant.in_vault("path").await?["key"] == "second");
    tenant.finish().await
}

#[tokio::test]
async fn what_somebody_wrote_by_hand_is_not_overwritten() -> anyhow::Result<()> {
    let scene = Scene::beside_others().await?;
    let tenant = Tenant::new(&scene, "by-hand").await?;
    let vault = tenant.vault()?;
    let place = format!("secret/data/{}", tenant.path("path"));
    vault
        .write(&place, &json!({"data": {"theirs": "1"}}))
        .await?;
    let kv = tenant.managed("KVSecret", "kv");
    let path = tenant.path("path");
    kv.apply(&spec(
        json!({"path": path, "data": {"key": {"value": "ours"}}}),
    ))
    .await?;
    let words = [
        "exists and was not written by this resource; set adopt: IfUnowned, or choose another path",
    ];
    kv.until_told("Synced", "False", &words).await?;
    ensure!(
        tenant.in_vault("path").await? == json!({"theirs": "1"}),
        "it is overwritten"
    );

    vault.delete(&format!("secret/metadata/{path}")).await?;
    kv.until_settled().await?;
    ensure!(tenant.in_vault("path").await? == json!({"key": "ours"}));
    tenant.finish().await
}
