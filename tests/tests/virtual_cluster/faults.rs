//! What a cluster's claim says when something breaks, and that it heals by itself.

use std::time::Duration;

use anyhow::{Context, ensure};
use serde_json::Value;
use testbed::product::Flavour;
use testbed::story::Stage;
use testbed::{wait_for, wait_for_value};

use crate::team::Team;

const PATIENCE: Duration = Duration::from_secs(180);

#[tokio::test]
async fn a_claim_made_while_vault_is_sealed_says_so_and_is_finished_afterwards()
-> anyhow::Result<()> {
    let stage = Stage::alone(Flavour::Namespaced, "vcs").await?;
    let team = Team::of(&stage, "dev");
    stage
        .while_vault_is_sealed(async || {
            team.claim().await?;
            team.until_said("ClusterReady", "True", "").await?;
            let said = team.until_said("CredentialsInVault", "False", "sealed");
            ensure!(said.await?.contains("unseal"), "the remedy is missing");
            Ok(())
        })
        .await?;
    let status = team.ready().await?;
    team.assert_status(&status)?;
    a_lost_kubeconfig_comes_back(&stage, &team).await?;
    a_lost_control_plane_is_filled_again(&stage, &team).await?;
    team.delete().await?;
    team.until_nothing_is_left().await?;
    stage.finish().await
}

/// The Secret with the kubeconfig is deleted by hand: it is written again, and what it says still works.
async fn a_lost_kubeconfig_comes_back(stage: &Stage, team: &Team<'_>) -> anyhow::Result<()> {
    let status = team.status().await?;
    let secret = status["kubeconfigSecretName"].as_str();
    let secret = secret.context("no kubeconfigSecretName")?.to_owned();
    stage.kubectl(&["delete", "secret", &secret]).await?;
    let get = ["get", "secret", &secret, "-o", "name", "--ignore-not-found"];
    wait_for("the kubeconfig to come back", PATIENCE, async || {
        Ok(!stage.kubectl(&get).await?.is_empty())
    })
    .await?;
    let status = team.ready().await?;
    let cluster = team.cluster_from_vault(&status).await?;
    cluster.kubectl(&["get", "namespace", "orders"]).await?;
    Ok(())
}

/// Without a volume, a control plane whose pod goes has lost what was in it. What the claim asks for is
/// made again, and its workload logs in as before.
async fn a_lost_control_plane_is_filled_again(
    stage: &Stage,
    team: &Team<'_>,
) -> anyhow::Result<()> {
    let status = team.status().await?;
    let namespace = status["hostNamespace"].as_str().context("no namespace")?;
    let pods = [
        "get",
        "pods",
        "-n",
        namespace,
        "-l",
        "app=vcluster",
        "-o",
        "json",
    ];
    let uid = async || {
        let pods: Value = serde_json::from_str(&stage.testbed.kubectl(&pods).await?)?;
        anyhow::Ok(pods["items"][0]["metadata"]["uid"].clone())
    };
    let before = uid().await?;
    let delete = ["delete", "pod", "-n", namespace, "-l", "app=vcluster"];
    stage.testbed.kubectl(&delete).await?;
    wait_for("another pod", PATIENCE, async || {
        let now = uid().await?;
        Ok(now.is_string() && now != before)
    })
    .await?;
    wait_for_value("the workload to be let in again", PATIENCE, async || {
        let status = team.status().await?;
        let Ok(cluster) = team.cluster_from_vault(&status).await else {
            return Ok(None);
        };
        let workload = cluster.token("external-secrets-system", "external-secrets");
        let Ok(token) = workload.await else {
            return Ok(None);
        };
        Ok(team.log_in(&token).await.ok())
    })
    .await?;
    team.ready().await.map(drop)
}
