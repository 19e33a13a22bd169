//! One claim, from beginning to end.

use std::time::{Duration, Instant};

use anyhow::{Context, ensure};
use serde_json::{Value, json};
use testbed::product::Flavour;
use testbed::story::Stage;
use testbed::wait_for;

use crate::team::{Team, holds};

const PATIENCE: Duration = Duration::from_secs(60);

#[tokio::test]
async fn a_claim_becomes_a_cluster_whose_workloads_log_in_to_vault_and_leaves_nothing()
-> anyhow::Result<()> {
    let stage = Stage::beside_others(Flavour::Namespaced, "vcl").await?;
    let team = Team::of(&stage, "dev");
    let started = Instant::now();
    team.claim_with(&json!({"vault": {
        "name": team.vault_name(), "path": team.vault_path(), "token": {"namespaces": ["orders"]},
    }}))
    .await?;
    let status = team.ready().await?;
    let ready = started.elapsed();

    team.assert_status(&status)?;
    let cluster = team.cluster_from_vault(&status).await?;
    let namespaces = cluster
        .kubectl(&["get", "namespaces", "-o", "name"])
        .await?;
    ensure!(namespaces.contains("namespace/orders"), "{namespaces}");
    crossplane_still_listens(&team).await?;
    a_token_of_few_rights_goes_when_it_is_not_wanted(&team, &status).await?;

    let leaving = Instant::now();
    team.delete().await?;
    team.until_nothing_is_left().await?;
    eprintln!(
        "virtual cluster: claim to Ready {ready:.1?}, deletion {:.1?}",
        leaving.elapsed()
    );
    stage.finish().await
}

/// Crossplane stops listening for minutes to what changes a hundred times while it is made.
async fn crossplane_still_listens(team: &Team<'_>) -> anyhow::Result<()> {
    let status = team.status().await?;
    ensure!(holds(&status, "Responsive"), "{status}");
    Ok(())
}

async fn a_token_of_few_rights_goes_when_it_is_not_wanted(
    team: &Team<'_>,
    status: &Value,
) -> anyhow::Result<()> {
    ensure!(status["tokenExpiresAt"].is_string(), "{status}");
    let by_token = team.by_token_from_vault(status).await?;
    let by_token = by_token.context("no token is in Vault")?;
    let get =
        async |what: &str, namespace: &str| by_token.kubectl(&["get", what, "-n", namespace]).await;
    get("pods", "orders").await?;
    for (what, namespace) in [("secrets", "orders"), ("pods", "default")] {
        let refusal = get(what, namespace)
            .await
            .err()
            .map(|error| error.to_string());
        let refusal = refusal.with_context(|| format!("{what} of {namespace} can be read"))?;
        ensure!(refusal.contains("Forbidden"), "{refusal}");
    }
    team.patch(&json!({"vault": {"token": null}})).await?;
    wait_for("the token to be gone", PATIENCE, async || {
        let is_in_vault = team.by_token_from_vault(status).await?.is_some();
        Ok(!is_in_vault && get("pods", "orders").await.is_err())
    })
    .await
}
