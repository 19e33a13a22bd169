//! What becomes of a claim when its author changes it.

use anyhow::Context;
use k8s_openapi::api::core::v1::Secret;
use kube::Api;
use serde_json::{Value, json};
use testbed::story::{Credentials, SUCCESS, Stage, answer};

use crate::stage;

fn login(name: &str, profile: &str) -> Value {
    json!({ "name": name, "profile": profile })
}

#[tokio::test]
async fn a_login_that_is_added_works_and_one_that_is_removed_leaves_nothing() -> anyhow::Result<()>
{
    let stage = stage("access").await?;
    let (name, claim) = (stage.name(), stage.claim("orders"));
    let app = login("app", "owner");
    claim
        .apply(&json!({ "environment": "dev", "service": name, "access": [app] }))
        .await?;
    claim.ready().await?;
    let before = claim.credentials("app").await?;
    before
        .log_in(&stage)
        .await?
        .batch_execute("CREATE TABLE orders ()")
        .await?;

    claim
        .change(&json!({ "access": [app, login("reporting", "readonly")] }))
        .await?;
    let has = |count: usize| {
        move |status: &Value| {
            // Ready may still speak of the claim before its change, so the credentials count too.
            status["access"].as_array().is_some_and(|access| {
                access.len() == count && access.iter().all(|one| one["writtenAt"].is_string())
            }) && is_ready(status)
        }
    };
    claim.until("Ready with two logins", has(2)).await?;
    let reader = claim.credentials("reporting").await?.log_in(&stage).await?;
    assert_eq!(answer(&reader, "SELECT * FROM orders").await?, SUCCESS);
    drop(reader);

    claim.change(&json!({ "access": [app] })).await?;
    claim.until("Ready with one login", has(1)).await?;
    let path = format!("secret/infrastructure/databases/dev/{name}/reporting");
    stage
        .until_left("all but the login removed", &[&path], |left| {
            !left
                .iter()
                .any(|one| one.contains("reporting") || one.contains("readers"))
        })
        .await?;
    assert_eq!(before, claim.credentials("app").await?);
    before.log_in(&stage).await?;
    stage.finish().await
}

fn is_ready(status: &Value) -> bool {
    let conditions = status["conditions"].as_array();
    let mut conditions = conditions.into_iter().flatten();
    conditions.any(|one| one["type"] == "Ready" && one["status"] == "True")
}

#[tokio::test]
async fn an_orphaned_database_keeps_its_data_and_a_new_claim_takes_it_over() -> anyhow::Result<()> {
    let stage = stage("orphan").await?;
    let (name, claim) = (stage.name(), stage.claim("orders"));
    let spec = |policy: &str| {
        json!({
            "environment": "production", "service": name, "deletionPolicy": policy,
            "access": [login("app", "owner"), login("reporting", "readonly")],
        })
    };
    claim.apply(&spec("Orphan")).await?;
    claim.ready().await?;
    let path = format!("secret/infrastructure/databases/production/{name}");
    let session = claim.credentials("app").await?.log_in(&stage).await?;
    session
        .batch_execute("CREATE TABLE kept AS SELECT 42 AS answer")
        .await?;
    drop(session);

    claim.delete_and_wait().await?;
    let database = format!("{name}_production_{name}");
    let kept = [
        format!("database {database}"),
        format!("role {database}_owners"),
    ];
    stage
        .until_left("only database and owner", &[&path], |left| left == kept)
        .await?;

    claim.apply(&spec("Delete")).await?;
    claim.ready().await?;
    let session = claim.credentials("reporting").await?.log_in(&stage).await?;
    let row = session.query_one("SELECT answer FROM kept", &[]).await?;
    assert_eq!(row.get::<_, i32>(0), 42);
    drop(session);
    claim.delete_and_wait().await?;
    stage.until_nothing_is_left(&[&path]).await?;
    stage.finish().await
}

#[tokio::test]
async fn without_vault_the_credentials_are_in_a_secret_beside_the_claim() -> anyhow::Result<()> {
    let stage = stage("without-vault").await?;
    // As long as a name may be: what is made of it on the server is cut and still works.
    let service = format!("{:x<63}", stage.name());
    let claim = stage.claim("prototype");
    let spec =
        json!({ "environment": "sandbox", "service": service, "vault": { "enabled": false } });
    claim.apply(&spec).await?;
    let status = claim.ready().await?;
    assert_eq!(
        (&status["vaultPath"], &status["access"][0]["vaultPath"]),
        (&Value::Null, &Value::Null)
    );
    let message = claim
        .until_said("CredentialsInVault", "spec.vault.enabled is false")
        .await?;
    let secret = status["access"][0]["secretName"]
        .as_str()
        .context("no secretName")?;
    assert!(message.contains(secret), "{message}");

    assert_the_secret_works(&stage, &status, secret).await?;
    let path = format!("secret/infrastructure/databases/sandbox/{service}");
    assert!(Credentials::read(&stage, &path).await?.is_none());
    claim.delete_and_wait().await?;
    stage.until_nothing_is_left(&[&path]).await?;
    stage.finish().await
}

async fn assert_the_secret_works(
    stage: &Stage,
    status: &Value,
    secret: &str,
) -> anyhow::Result<()> {
    let secrets: Api<Secret> = Api::namespaced(stage.testbed.client(), stage.name());
    let data = secrets.get(secret).await?.data.unwrap_or_default();
    let text = |key: &str| -> anyhow::Result<String> {
        let value = data.get(key).with_context(|| format!("no key {key}"))?;
        Ok(String::from_utf8(value.0.clone())?)
    };
    let database = status["database"]["name"].as_str().unwrap_or_default();
    assert!(database.len() <= 63, "{database}");
    let (username, password) = (text("username")?, text("password")?);
    let session = stage
        .postgres
        .connect(&username, &password, database)
        .await?;
    let made = answer(&session, "CREATE TABLE prototype ()").await?;
    assert_eq!(made, SUCCESS);
    Ok(())
}
