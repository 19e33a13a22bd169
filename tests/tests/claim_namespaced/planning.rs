//! Plan before touch: a claim says what it would do, statement by statement, and does nothing.

use kube::api::{Patch, PatchParams};
use serde_json::{Value, json};
use testbed::story::{Claim, Credentials, Stage};

use crate::stage;

const PLAN: &str = "tenancy.pnats.cloud/plan";

#[tokio::test]
async fn a_new_claim_is_planned_and_carried_out_when_the_annotation_goes() -> anyhow::Result<()> {
    let stage = stage("planning").await?;
    let claim = stage.claim("orders");
    let name = stage.name();
    let manifest = json!({
        "apiVersion": "database.pnats.cloud/v1alpha1",
        "kind": "PostgreSQLInstance",
        "metadata": { "name": "orders", "namespace": name, "annotations": { PLAN: "true" } },
        "spec": spec(&stage, 3),
    });
    stage.testbed.apply(&manifest.to_string()).await?;
    let database = format!("{name}_dev_{name}");
    let expected = [
        format!(r#"CREATE ROLE "{database}_owners""#),
        format!(r#"CREATE DATABASE "{database}" TEMPLATE "template0""#),
        format!(r#"CREATE ROLE "{database}_app" "#),
        "store endpoint, password, port, username".to_owned(),
    ];
    let status = claim
        .until("planned", |status| {
            expected.iter().all(|begin| plans(status, begin))
        })
        .await?;
    let is_masked = |step: &String| step.contains("CONNECTION LIMIT 3 PASSWORD '(sensitive)'");
    assert!(steps(&status).iter().any(is_masked), "{status:#}");
    let held = claim.until_said("DatabaseReady", "holds back").await?;
    assert!(
        held.contains("see status.plan; remove it to go on"),
        "{held}"
    );
    assert_untouched(&stage, &database).await?;

    carry_out(&claim).await?;
    let status = claim.ready().await?;
    assert_eq!(status["plan"], Value::Null);
    claim.delete_and_wait().await?;
    stage.finish().await
}

#[tokio::test]
async fn a_change_is_planned_before_it_is_made() -> anyhow::Result<()> {
    let stage = stage("replanning").await?;
    let claim = stage.claim("orders");
    claim.apply(&spec(&stage, 3)).await?;
    claim.ready().await?;
    let patch = json!({
        "metadata": { "annotations": { PLAN: "true" } },
        "spec": spec(&stage, 7),
    });
    let params = PatchParams::default();
    claim
        .api()
        .patch(claim.name(), &params, &Patch::Merge(patch))
        .await?;
    let name = stage.name();
    let role = format!("{name}_dev_{name}_app");
    let statement = format!(r#"ALTER ROLE "{role}" CONNECTION LIMIT 7"#);
    let status = claim
        .until("planned", |status| plans(status, &statement))
        .await?;
    assert_eq!(steps(&status).len(), 1, "{status:#}");
    assert_eq!(limit(&stage, &role).await?, 3);

    carry_out(&claim).await?;
    claim
        .until("carried out", |status| status["plan"].is_null())
        .await?;
    claim.ready().await?;
    assert_eq!(limit(&stage, &role).await?, 7);
    claim.delete_and_wait().await?;
    stage.finish().await
}

fn spec(stage: &Stage, limit: i64) -> Value {
    let login = json!({ "name": "app", "profile": "owner", "connectionLimit": limit });
    json!({ "environment": "dev", "service": stage.name(), "access": [login] })
}

/// Takes the annotation off.
async fn carry_out(claim: &Claim<'_>) -> anyhow::Result<()> {
    let patch = json!({ "metadata": { "annotations": { PLAN: null } } });
    let params = PatchParams::default();
    claim
        .api()
        .patch(claim.name(), &params, &Patch::Merge(patch))
        .await?;
    Ok(())
}

fn steps(status: &Value) -> Vec<String> {
    let plans = status["plan"].as_array().into_iter().flatten();
    let steps = plans.flat_map(|plan| plan["steps"].as_array().into_iter().flatten());
    steps
        .filter_map(|step| step["action"].as_str())
        .map(str::to_owned)
        .collect()
}

fn plans(status: &Value, begin: &str) -> bool {
    steps(status).iter().any(|step| step.starts_with(begin))
}

async fn limit(stage: &Stage, role: &str) -> anyhow::Result<i32> {
    let session = stage.postgres.superuser("postgres").await?;
    let query = "SELECT rolconnlimit FROM pg_roles WHERE rolname = $1";
    Ok(session.query_one(query, &[&role]).await?.get(0))
}

/// Neither database nor role nor anything in Vault.
async fn assert_untouched(stage: &Stage, database: &str) -> anyhow::Result<()> {
    let session = stage.postgres.superuser("postgres").await?;
    let query = "SELECT (SELECT count(*) FROM pg_database WHERE datname = $1)
        + (SELECT count(*) FROM pg_roles WHERE starts_with(rolname, $1))";
    let made: i64 = session.query_one(query, &[&database]).await?.get(0);
    assert_eq!(made, 0, "databases and roles");
    let path = format!("secret/infrastructure/databases/dev/{}", stage.name());
    assert!(
        Credentials::read(stage, &path).await?.is_none(),
        "credentials in Vault"
    );
    Ok(())
}
