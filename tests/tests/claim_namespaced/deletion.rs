//! A namespace that is deleted with everything in it.

use serde_json::json;

use crate::stage;

#[tokio::test]
async fn a_namespace_deleted_with_a_claim_in_it_terminates_and_nothing_is_left()
-> anyhow::Result<()> {
    let stage = stage("vanish").await?;
    let (name, claim) = (stage.name(), stage.claim("orders"));
    let access = json!([
        { "name": "app", "profile": "owner" },
        { "name": "service", "profile": "readwrite" },
    ]);
    claim
        .apply(&json!({ "environment": "dev", "service": name, "access": access }))
        .await?;
    claim.ready().await?;
    // An open session must not keep the database, and a table must not keep its owner.
    let session = claim.credentials("app").await?.log_in(&stage).await?;
    session.batch_execute("CREATE TABLE orders ()").await?;

    let path = format!("secret/infrastructure/databases/dev/{name}");
    stage.delete_namespace().await?;
    let further = format!("{path}/service");
    stage.until_nothing_is_left(&[&path, &further]).await
}

#[tokio::test]
async fn a_namespace_deleted_while_its_claim_is_being_made_terminates_too() -> anyhow::Result<()> {
    let stage = stage("hasty").await?;
    let (name, claim) = (stage.name(), stage.claim("orders"));
    claim
        .apply(&json!({ "environment": "dev", "service": name }))
        .await?;
    let made = async || Ok(!claim.managed().await?.is_empty());
    testbed::wait_for(
        "the first managed resources",
        testbed::story::PATIENCE,
        made,
    )
    .await?;

    stage.delete_namespace().await?;
    let path = format!("secret/infrastructure/databases/dev/{name}");
    stage.until_nothing_is_left(&[&path]).await
}
