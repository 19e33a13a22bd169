//! What a claim says about itself once it is Ready, and how long that takes.

use std::time::Instant;

use anyhow::Context;
use serde_json::{Value, json};
use testbed::story::{Credentials, PATIENCE, Stage};
use testbed::{POSTGRES_SERVICE, wait_for_value};

use crate::stage;

#[tokio::test]
async fn a_ready_claim_says_where_everything_is_and_leaves_nothing_when_deleted()
-> anyhow::Result<()> {
    let stage = stage("status").await?;
    let name = stage.name();
    let claim = stage.claim("app-database");
    let path = format!("secret/infrastructure/databases/dev/{name}");
    let access = json!([
        { "name": "app", "profile": "owner" },
        { "name": "reporting", "profile": "readonly", "connectionLimit": 5 },
        { "name": "service", "profile": "readwrite" },
    ]);

    let started = Instant::now();
    claim
        .apply(&json!({ "environment": "dev", "service": name, "access": access }))
        .await?;
    let read = async || Credentials::read(&stage, &path).await;
    wait_for_value("the credentials in Vault", PATIENCE, read).await?;
    let in_vault = started.elapsed();
    let status = claim.ready().await?;
    let ready = started.elapsed();
    assert_is_not_throttled(&status);

    assert_status(&stage, &status, &path);
    assert_written_at(&status)?;
    assert_columns(&stage, &path).await?;
    assert_logs_in_with_psql(&stage, &claim.credentials("app").await?).await?;

    let gone = claim.delete_and_wait().await?;
    let further = ["reporting", "service"].map(|login| format!("{path}/{login}"));
    stage
        .until_nothing_is_left(&[&path, &further[0], &further[1]])
        .await?;
    eprintln!("claim to Vault {in_vault:.1?}, claim to Ready {ready:.1?}, deletion {gone:.1?}");
    stage.finish().await
}

fn assert_status(stage: &Stage, status: &Value, path: &str) {
    let name = stage.name();
    let database = format!("{name}_dev_{name}");
    assert_eq!(
        status["database"],
        json!({
            "name": database, "owner": format!("{database}_owners"),
            "host": POSTGRES_SERVICE, "port": 5432,
        })
    );
    assert_eq!(status["vaultPath"], path);
    let next = status["nextStep"].as_str().unwrap_or_default();
    assert_eq!(next, format!("read the credentials: vault kv get {path}"));
    let mut access = status["access"].clone();
    for login in access.as_array_mut().into_iter().flatten() {
        login.as_object_mut().map(|login| login.remove("writtenAt"));
    }
    let secret = |login| format!("dev-{name}-credentials-{login}");
    assert_eq!(
        access,
        json!([
            {
                "name": "app", "profile": "owner", "role": format!("{database}_app"),
                "secretName": secret("app"), "vaultPath": path, "vaultVersion": 1,
            },
            {
                "name": "reporting", "profile": "readonly", "role": format!("{database}_reporting"),
                "secretName": secret("reporting"), "vaultPath": format!("{path}/reporting"),
                "vaultVersion": 1,
            },
            {
                "name": "service", "profile": "readwrite", "role": format!("{database}_service"),
                "secretName": secret("service"), "vaultPath": format!("{path}/service"),
                "vaultVersion": 1,
            },
        ])
    );
    let conditions = status["conditions"].as_array().cloned().unwrap_or_default();
    for (kind, message) in [
        ("DatabaseReady", format!("database {database} is ready")),
        ("AccessReady", "3 roles can log in".to_owned()),
        (
            "CredentialsInVault",
            format!("credentials are at {path} and 2 logins below it"),
        ),
    ] {
        let found = conditions
            .iter()
            .find(|one| one["type"] == kind)
            .cloned()
            .unwrap_or_default();
        assert_eq!(
            (&found["status"], &found["message"]),
            (&json!("True"), &json!(message))
        );
    }
}

/// Crossplane stops listening for a while to what changes a hundred times in a row; a claim that is
/// made must stay far below that, or its status is half a minute late.
fn assert_is_not_throttled(status: &Value) {
    let conditions = status["conditions"].as_array();
    let mut conditions = conditions.into_iter().flatten();
    let responsive = conditions.find(|one| one["type"] == "Responsive");
    let message = responsive.map(|one| one["message"].to_string());
    assert!(
        responsive.is_none_or(|one| one["status"] == "True"),
        "{message:?}"
    );
}

/// The time is Vault's, and not long ago.
fn assert_written_at(status: &Value) -> anyhow::Result<()> {
    for login in status["access"].as_array().into_iter().flatten() {
        let text = login["writtenAt"]
            .as_str()
            .context("writtenAt is missing")?;
        let at: k8s_openapi::jiff::Timestamp = text.parse()?;
        let ago = std::time::SystemTime::now().duration_since(at.into())?;
        assert!(ago < PATIENCE, "{text} is {ago:?} ago");
    }
    Ok(())
}

async fn assert_columns(stage: &Stage, path: &str) -> anyhow::Result<()> {
    let table = stage
        .kubectl(&["get", "postgresqlinstances", "-o", "wide"])
        .await?;
    let mut lines = table.lines();
    let heading: Vec<_> = lines
        .next()
        .unwrap_or_default()
        .split_whitespace()
        .collect();
    for column in [
        "NAME",
        "ENVIRONMENT",
        "DATABASE",
        "VAULT-PATH",
        "NEXT",
        "SYNCED",
        "READY",
        "AGE",
    ] {
        assert!(heading.contains(&column), "{table}");
    }
    let row = lines.next().unwrap_or_default();
    let name = stage.name();
    let next = format!("read the credentials: vault kv get {path}");
    for cell in [
        "app-database",
        "dev",
        &format!("{name}_dev_{name}"),
        path,
        &next,
        "True",
    ] {
        assert!(row.contains(cell), "{cell} is missing: {table}");
    }
    let short = stage.kubectl(&["get", "pginstance", "-o", "name"]).await?;
    assert_eq!(
        short.trim(),
        "postgresqlinstance.database.pnats.cloud/app-database"
    );
    Ok(())
}

/// The URL is one that libpq takes as it is.
async fn assert_logs_in_with_psql(stage: &Stage, credentials: &Credentials) -> anyhow::Result<()> {
    let mut psql = tokio::process::Command::new(stage.testbed.clients().join("psql"));
    psql.args(["--no-psqlrc", "-Atc", "SELECT session_user, current_user"])
        .env("PGHOSTADDR", stage.service_address())
        .env("PGSSLROOTCERT", &stage.postgres.ca)
        .arg(credentials.get("url"));
    let output = psql.output().await?;
    let said = String::from_utf8_lossy(&output.stdout);
    let login = credentials.get("username");
    let owner = format!("{}_owners", credentials.get("database"));
    let complaint = String::from_utf8_lossy(&output.stderr);
    assert_eq!(said.trim(), format!("{login}|{owner}"), "{complaint}");
    Ok(())
}
