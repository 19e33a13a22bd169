//! An API server that accepts connections and never answers: its cluster's claim says so soon, nobody
//! else is held up, and nothing is published until it answers again.

use std::time::{Duration, Instant};

use anyhow::{Context, ensure};
use serde_json::{Value, json};
use testbed::product::Flavour;
use testbed::story::{Credentials, Stage};

use crate::control_plane::ControlPlane;
use crate::team::{Team, find};

/// How often the cluster is looked at here, so that the story need not wait for a minute.
const POLL: &str = "crossplane.io/poll-interval=5s";
/// Looks come every five seconds here and wait up to ten for an answer. Crossplane looks at a claim every
/// minute when its circuit breaker keeps events from it, as it may after a claim was made.
const SOON: Duration = Duration::from_secs(75);
/// As long as a database takes that nobody holds up, on a machine that does something else as well.
const UNDISTURBED: Duration = Duration::from_secs(20);

#[tokio::test]
async fn a_cluster_whose_api_server_hangs_says_so_and_holds_up_nobody() -> anyhow::Result<()> {
    let stage = Stage::beside_others(Flavour::Namespaced, "vch").await?;
    let team = Team::of(&stage, "dev");
    team.claim().await?;
    let status = team.ready().await?;
    let annotate = ["annotate", "vclusters", "--all", POLL];
    stage.kubectl(&annotate).await?;
    let published = published(&stage, &status).await?;

    let process = ControlPlane::of(&stage, &status)?.process().await?;
    let (halted, began) = (process.halt()?, Instant::now());
    team.until_said("ClusterReady", "False", "no answer")
        .await?;
    let told = began.elapsed();
    ensure!(told < SOON, "told after {told:?}");
    the_truth_is_told(&stage, &team).await?;
    let made = others_are_looked_at(&stage).await?;
    ensure!(made < UNDISTURBED, "a database took {made:?}");
    ensure!(
        published == self::published(&stage, &status).await?,
        "something was published"
    );

    drop(halted);
    let went_on = Instant::now();
    let status = team.ready().await?;
    let healed = went_on.elapsed();
    team.assert_status(&status)?;
    ensure!(healed < SOON, "Ready again after {healed:?}");
    ensure!(
        published == self::published(&stage, &status).await?,
        "something was published"
    );
    eprintln!(
        "a hanging API server: told after {told:.1?}, a database meanwhile {made:.1?}, Ready again {healed:.1?}"
    );
    team.delete().await?;
    team.until_nothing_is_left().await?;
    stage.finish().await
}

/// What is not known any more is not claimed, and what to do is named.
async fn the_truth_is_told(stage: &Stage, team: &Team<'_>) -> anyhow::Result<()> {
    let status = team.status().await?;
    ensure!(status["phase"] == "Degraded", "{status}");
    ensure!(find(&status, "Ready")["status"] == "False", "{status}");
    let next = status["nextStep"].as_str().unwrap_or_default();
    ensure!(
        next.starts_with("check the server and the network"),
        "{next}"
    );
    let text = stage.kubectl(&["get", "vclusters", "-o", "json"]).await?;
    let mut list: Value = serde_json::from_str(&text)?;
    let status = list["items"][0]["status"].take();
    let reached = find(&status, "APIReachable");
    ensure!(
        reached["status"] == "False" && reached["reason"] == "Timeout",
        "{reached}"
    );
    // The kubelet has not given up yet, and says so.
    ensure!(
        find(&status, "ControlPlaneReady")["status"] == "True",
        "{status}"
    );
    ensure!(find(&status, "Synced")["status"] == "True", "{status}");
    Ok(())
}

/// A database is made meanwhile; returns how long that took.
async fn others_are_looked_at(stage: &Stage) -> anyhow::Result<Duration> {
    let began = Instant::now();
    let claim = stage.claim("meanwhile");
    let access = json!([{"name": "app", "profile": "owner"}]);
    let spec = json!({"environment": "dev", "service": stage.name(), "access": access});
    claim.apply(&spec).await?;
    claim.ready().await?;
    let took = began.elapsed();
    claim.credentials("app").await?.log_in(stage).await?;
    claim.delete_only().await?;
    Ok(took)
}

/// What readers of the credentials see: which writing of the Secret, and which version in Vault.
async fn published(stage: &Stage, status: &Value) -> anyhow::Result<(String, i64)> {
    let name = status["kubeconfigSecretName"].as_str().context("no name")?;
    let get = [
        "get",
        "secret",
        name,
        "-o",
        "jsonpath={.metadata.resourceVersion}",
    ];
    let path = status["vaultPath"].as_str().context("no vaultPath")?;
    let in_vault = Credentials::read(stage, path)
        .await?
        .context("no credentials")?;
    Ok((stage.kubectl(&get).await?, in_vault.version))
}
