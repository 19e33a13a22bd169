//! Two claims that want the same thing: the second says whose it is, the first stays as it was.

use serde_json::{Value, json};
use testbed::story::{Claim, PATIENCE};

use crate::stage;

fn spec(service: &str) -> Value {
    let access = json!([{ "name": "app", "profile": "owner" }]);
    json!({ "environment": "dev", "service": service, "access": access })
}

/// UIDs and generations of everything the claim became.
async fn fingerprint(claim: &Claim<'_>) -> anyhow::Result<Vec<String>> {
    let managed = claim.managed().await?;
    let mark = |object: kube::api::DynamicObject| {
        let metadata = object.metadata;
        format!(
            "{:?} {:?} {:?}",
            metadata.name, metadata.uid, metadata.generation
        )
    };
    Ok(managed.into_iter().map(mark).collect())
}

#[tokio::test]
async fn a_vault_path_that_another_namespace_uses_is_refused_and_the_owner_is_named()
-> anyhow::Result<()> {
    let stage = stage("first").await?;
    let elsewhere = stage.testbed.namespace("second").await?;
    let (first, second) = (stage.claim("orders"), stage.claim_in(&elsewhere, "orders"));
    first.apply(&spec(stage.name())).await?;
    first.ready().await?;
    let before = (fingerprint(&first).await?, first.credentials("app").await?);

    second.apply(&spec(stage.name())).await?;
    let message = second
        .until_said("CredentialsInVault", "belongs to")
        .await?;
    let owner = format!(
        "kvsecret.vault.pnats.cloud/{}/dev-{}-vault",
        stage.name(),
        stage.name()
    );
    assert!(message.contains(&owner), "{message}");
    assert!(
        message.ends_with("; choose another path, or delete the other owner"),
        "{message}"
    );
    // Its database is its own, because names on the server begin with the namespace.
    second.until_true("DatabaseReady").await?;

    second.delete_and_wait().await?;
    let after = (fingerprint(&first).await?, first.credentials("app").await?);
    assert_eq!(before, after);
    after.1.log_in(&stage).await?;
    elsewhere.finish(stage.testbed.client(), PATIENCE).await?;
    stage.finish().await
}

#[tokio::test]
async fn two_claims_of_one_namespace_for_one_service_do_not_share_its_objects() -> anyhow::Result<()>
{
    let stage = stage("twice").await?;
    let (first, second) = (stage.claim("first"), stage.claim("second"));
    first.apply(&spec(stage.name())).await?;
    first.ready().await?;
    let before = (fingerprint(&first).await?, first.credentials("app").await?);

    second.apply(&spec(stage.name())).await?;
    second.until_said("Synced", "Unsynced resources").await?;
    second
        .until_said("DatabaseReady", "another claim has the same")
        .await?;
    let whose = "PostgreSQLInstance/first and PostgreSQLInstance/second";
    let events = [
        "get",
        "events",
        "--field-selector",
        "involvedObject.name=second",
    ];
    let told = async || {
        Ok(stage
            .kubectl(&[&events[..], &["-o", "yaml"]].concat())
            .await?
            .contains(whose))
    };
    testbed::wait_for("an event that says whose it is", PATIENCE, told).await?;

    second.delete_only().await?;
    let after = (fingerprint(&first).await?, first.credentials("app").await?);
    assert_eq!(before, after);
    after.1.log_in(&stage).await?;
    stage.finish().await
}
