//! The same YAML as a classic claim, behind which Crossplane makes a cluster-scoped
//! `XPostgreSQLInstance`. What a user writes and sees is no other than with the namespaced composite.

use std::time::Instant;

use anyhow::Context;
use kube::api::DeleteParams;
use serde_json::{Value, json};
use testbed::POSTGRES_SERVICE;
use testbed::product::{self, Flavour};
use testbed::story::{Claim, SUCCESS, Stage, answer};

#[tokio::test]
async fn a_classic_claim_becomes_ready_its_logins_work_and_deletion_leaves_nothing()
-> anyhow::Result<()> {
    let stage = Stage::beside_others(Flavour::Claims, "classic").await?;
    let (name, claim) = (stage.name(), stage.claim("orders"));
    let access = json!([
        { "name": "app", "profile": "owner" },
        { "name": "reporting", "profile": "readonly" },
    ]);
    let started = Instant::now();
    claim
        .apply(&json!({ "environment": "dev", "service": name, "access": access }))
        .await?;
    let status = claim.ready().await?;
    let ready = started.elapsed();
    assert_status(&stage, &claim, &status).await?;
    assert_logins_work(&stage, &claim).await?;

    let path = format!("secret/infrastructure/databases/dev/{name}");
    let further = format!("{path}/reporting");
    let started = Instant::now();
    // As kubectl does it, which waits for the claim only.
    claim
        .api()
        .delete("orders", &DeleteParams::background())
        .await?;
    stage.until_nothing_is_left(&[&path, &further]).await?;
    assert!(claim.api().get_opt("orders").await?.is_none());
    let gone = started.elapsed();
    eprintln!("classic claim to Ready {ready:.1?}, deletion {gone:.1?}");
    stage.finish().await
}

/// The claim has what the composite says, and the composite is the claim's.
async fn assert_status(stage: &Stage, claim: &Claim<'_>, status: &Value) -> anyhow::Result<()> {
    let name = stage.name();
    let database = format!("{name}_dev_{name}");
    assert_eq!(status["database"]["name"], database.as_str());
    assert_eq!(status["database"]["host"], POSTGRES_SERVICE);
    assert_eq!(status["access"][1]["role"], format!("{database}_reporting"));
    for condition in [
        "DatabaseReady",
        "AccessReady",
        "CredentialsInVault",
        "Synced",
    ] {
        claim.until_true(condition).await?;
    }
    let object = claim.api().get(claim.name()).await?;
    let composite = object.data["spec"]["resourceRef"]["name"].as_str();
    let composite = composite.context("the claim names no composite")?;
    let kind = "XPostgreSQLInstance";
    let composites = product::api(&stage.testbed, "database.pnats.cloud", "v1alpha1", kind);
    let claim_ref = &composites.get(composite).await?.data["spec"]["claimRef"];
    assert_eq!(
        (&claim_ref["namespace"], &claim_ref["name"]),
        (&json!(name), &json!("orders"))
    );
    let table = stage.kubectl(&["get", "postgresqlinstances"]).await?;
    assert!(
        table.contains("orders") && table.contains("True"),
        "{table}"
    );
    Ok(())
}

async fn assert_logins_work(stage: &Stage, claim: &Claim<'_>) -> anyhow::Result<()> {
    let owner = claim.credentials("app").await?.log_in(stage).await?;
    assert_eq!(answer(&owner, "CREATE TABLE orders ()").await?, SUCCESS);
    let reader = claim.credentials("reporting").await?.log_in(stage).await?;
    assert_eq!(answer(&reader, "SELECT * FROM orders").await?, SUCCESS);
    assert_eq!(
        answer(&reader, "INSERT INTO orders DEFAULT VALUES").await?,
        "42501"
    );
    Ok(())
}

#[tokio::test]
async fn a_classic_claim_refuses_what_the_other_refuses() -> anyhow::Result<()> {
    let stage = Stage::beside_others(Flavour::Claims, "refused").await?;
    let access = json!([{ "name": "app", "profile": "admin" }]);
    for (spec, field) in [
        (json!({ "environment": "prod" }), "spec.environment"),
        (
            json!({ "environment": "dev", "access": access }),
            "spec.access[0].profile",
        ),
    ] {
        let refused = stage.claim("wrong").apply(&spec).await;
        let refused = refused.err().context("it is accepted")?;
        assert!(format!("{refused:#}").contains(field), "{refused:#}");
    }
    stage.finish().await
}

#[tokio::test]
async fn a_namespace_deleted_with_a_classic_claim_in_it_terminates() -> anyhow::Result<()> {
    let stage = Stage::beside_others(Flavour::Claims, "classic-vanish").await?;
    let (name, claim) = (stage.name(), stage.claim("orders"));
    claim
        .apply(&json!({ "environment": "dev", "service": name }))
        .await?;
    claim.ready().await?;
    stage.delete_namespace().await?;
    let path = format!("secret/infrastructure/databases/dev/{name}");
    stage.until_nothing_is_left(&[&path]).await
}
