//! One claim, from beginning to end.

use std::time::Instant;

use anyhow::ensure;
use testbed::product::Flavour;
use testbed::story::Stage;

use crate::team::Team;

#[tokio::test]
async fn a_claim_becomes_a_cluster_whose_workloads_log_in_to_vault_and_leaves_nothing()
-> anyhow::Result<()> {
    let stage = Stage::beside_others(Flavour::Namespaced, "vcl").await?;
    let team = Team::of(&stage, "dev");
    let started = Instant::now();
    team.claim().await?;
    let status = team.ready().await?;
    let ready = started.elapsed();

    team.assert_status(&status)?;
    let cluster = team.cluster_from_vault(&status).await?;
    let namespaces = cluster
        .kubectl(&["get", "namespaces", "-o", "name"])
        .await?;
    ensure!(namespaces.contains("namespace/orders"), "{namespaces}");

    let leaving = Instant::now();
    team.delete().await?;
    team.until_nothing_is_left().await?;
    eprintln!(
        "virtual cluster: claim to Ready {ready:.1?}, deletion {:.1?}",
        leaving.elapsed()
    );
    stage.finish().await
}
