//! Servers that are away when they are needed: the cause and the remedy are told, and it goes on by
//! itself when they are back.

use serde_json::{Value, json};
use testbed::story::{Claim, Stage};

use crate::stage_alone;

fn spec(stage: &Stage) -> Value {
    let access = json!([{ "name": "app", "profile": "owner" }]);
    json!({ "environment": "preprod", "service": stage.name(), "access": access })
}

fn path(stage: &Stage) -> String {
    format!("secret/infrastructure/databases/preprod/{}", stage.name())
}

/// Cause first, remedy last, and the remedy is short enough to read.
fn assert_remedy(message: &str, remedy: &str) {
    assert!(message.ends_with(&format!("; {remedy}")), "{message}");
}

#[tokio::test]
async fn a_claim_made_while_vault_is_sealed_says_so_has_its_database_and_heals()
-> anyhow::Result<()> {
    let stage = stage_alone("sealed").await?;
    let claim = stage.claim("orders");
    stage
        .while_vault_is_sealed(async || {
            claim.apply(&spec(&stage)).await?;
            let message = claim.until_said("CredentialsInVault", "is sealed").await?;
            let resource = format!("KVSecret preprod-{}-vault: ", stage.name());
            assert!(message.starts_with(&resource), "{message}");
            assert_remedy(&message, "unseal it");
            claim.until_true("DatabaseReady").await?;
            claim.until_true("AccessReady").await?;
            assert_own_words(&claim, &message).await?;
            let status = claim.status().await?;
            let next = status["nextStep"].as_str().unwrap_or_default();
            assert!(
                next.starts_with("unseal it; for more: kubectl -n"),
                "{next}"
            );
            Ok(())
        })
        .await?;
    claim.ready().await?;
    claim.credentials("app").await?.log_in(&stage).await?;
    claim.delete_and_wait().await?;
    stage.until_nothing_is_left(&[&path(&stage)]).await?;
    stage.finish().await
}

/// The claim passes on what the managed resource says itself.
async fn assert_own_words(claim: &Claim<'_>, message: &str) -> anyhow::Result<()> {
    let (_, words) = message.split_once(": ").unwrap_or_default();
    let managed = claim.managed().await?;
    let conditions = managed
        .iter()
        .filter_map(|one| one.data["status"]["conditions"].as_array());
    let said = conditions.flatten().any(|one| one["message"] == words);
    assert!(said, "no managed resource says {words:?}");
    Ok(())
}

#[tokio::test]
async fn a_claim_deleted_while_vault_is_sealed_waits_with_the_cause_and_then_goes()
-> anyhow::Result<()> {
    let stage = stage_alone("del-vault").await?;
    let claim = stage.claim("orders");
    claim.apply(&spec(&stage)).await?;
    claim.ready().await?;
    stage
        .while_vault_is_sealed(async || {
            claim.delete().await?;
            let message = claim.until_managed_says("KVSecret", "is sealed").await?;
            assert_remedy(&message, "unseal it");
            assert!(
                claim.api().get_opt(claim.name()).await?.is_some(),
                "the claim is gone"
            );
            Ok(())
        })
        .await?;
    claim.gone().await?;
    stage.until_nothing_is_left(&[&path(&stage)]).await?;
    stage.finish().await
}

#[tokio::test]
async fn a_claim_deleted_while_postgresql_is_down_waits_with_the_cause_and_then_goes()
-> anyhow::Result<()> {
    let stage = stage_alone("del-postgres").await?;
    let claim = stage.claim("orders");
    claim.apply(&spec(&stage)).await?;
    claim.ready().await?;
    stage
        .while_postgres_is_stopped(async || {
            claim.delete().await?;
            for kind in ["Role", "Database", "Grant"] {
                let message = claim.until_managed_says(kind, "cannot connect to").await?;
                assert_remedy(&message, "check endpoint, port, sslMode and network");
            }
            assert!(
                claim.api().get_opt(claim.name()).await?.is_some(),
                "the claim is gone"
            );
            Ok(())
        })
        .await?;
    claim.gone().await?;
    stage.until_nothing_is_left(&[&path(&stage)]).await?;
    stage.finish().await
}
