//! A `VirtualCluster` claim from its YAML to a running cluster that Vault knows, and to nothing left of
//! it, as pods under Crossplane's own RBAC and the roles in `examples/install/`.

mod team;

use std::time::Instant;

use anyhow::ensure;
use testbed::product::Flavour;
use testbed::story::Stage;

use self::team::Team;

#[tokio::test]
async fn a_claim_becomes_a_cluster_whose_workloads_log_in_to_vault_and_leaves_nothing()
-> anyhow::Result<()> {
    let stage = Stage::beside_others(Flavour::Namespaced, "vcl").await?;
    let team = Team::of(&stage);
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

    let proven = cluster
        .token("external-secrets-system", "external-secrets")
        .await?;
    let login = team.log_in(&proven).await?;
    ensure!(team.may_read(&login, "apps/dev/anything").await?);
    ensure!(!team.may_read(&login, &team.vault_path()).await?);
    ensure!(!team.may_read(&login, "apps/production/anything").await?);

    let other = cluster.token("default", "default").await?;
    ensure!(team.log_in(&other).await.is_err(), "another ServiceAccount");
    let host = team.host_token().await?;
    ensure!(
        team.log_in(&host).await.is_err(),
        "the host's ServiceAccount"
    );

    let leaving = Instant::now();
    team.delete().await?;
    team.until_nothing_is_left().await?;
    eprintln!(
        "virtual cluster: claim to Ready {ready:.1?}, deletion {:.1?}",
        leaving.elapsed()
    );
    stage.finish().await
}
