//! Twenty claims at once on one node: whom there is room for becomes a cluster, the others say what
//! they wait for, and come in when somebody leaves.

use std::collections::HashSet;
use std::time::{Duration, Instant};

use anyhow::ensure;
use futures::future::try_join_all;
use serde_json::{Value, json};
use testbed::product::Flavour;
use testbed::story::Stage;
use testbed::{CROSSPLANE_NAMESPACE, wait_for_value};

use crate::team::{Team, find, holds};

const NAMES: [&str; 20] = [
    "c01", "c02", "c03", "c04", "c05", "c06", "c07", "c08", "c09", "c10", "c11", "c12", "c13",
    "c14", "c15", "c16", "c17", "c18", "c19", "c20",
];
/// For control planes that all start at the same moment on two processors.
const PATIENCE: Duration = Duration::from_secs(900);
/// What the scheduler says of a node that has nothing to give.
const NO_ROOM: &str = "Insufficient cpu";

#[tokio::test]
async fn of_twenty_claims_at_once_each_becomes_a_cluster_or_says_that_there_is_no_room_until_there_is()
-> anyhow::Result<()> {
    let stage = Stage::alone(Flavour::Namespaced, "vcm").await?;
    let teams = NAMES.map(|name| Team::of(&stage, name));
    let before = restarts(&stage).await?;
    let started = Instant::now();
    let claim = json!({"environment": "dev"});
    try_join_all(teams.iter().map(|team| team.claim_with(&claim))).await?;
    let mut waiting: Vec<_> = teams.iter().collect();
    while !waiting.is_empty() {
        let (in_room, outside) = until_each_is_ready_or_has_no_room(&stage, &waiting).await?;
        eprintln!(
            "{} claims are Ready and {} have no room after {:.1?}",
            in_room.len(),
            outside.len(),
            started.elapsed()
        );
        try_join_all(in_room.iter().map(|team| team.delete())).await?;
        waiting = outside;
    }
    let leaving = Instant::now();
    for team in &teams {
        team.until_nothing_is_left().await?;
    }
    eprintln!("the last was gone {:.1?} later", leaving.elapsed());
    let after = restarts(&stage).await?;
    ensure!(
        after <= before,
        "{} containers were started again",
        after - before
    );
    stage.finish().await
}

/// Those that are Ready with everything that belongs to it, and those that say that there is no room for
/// them: at least one of the first. All at one moment, because Crossplane sometimes writes back for a
/// moment what a claim said before.
async fn until_each_is_ready_or_has_no_room<'t>(
    stage: &Stage,
    teams: &[&'t Team<'t>],
) -> anyhow::Result<(Vec<&'t Team<'t>>, Vec<&'t Team<'t>>)> {
    let what = format!("{} clusters", teams.len());
    let settled = wait_for_value(&what, PATIENCE, async || {
        let statuses = statuses(stage).await?;
        let status = |team: &Team<'_>| &statuses[team.environment];
        let is_ready = |team: &Team<'_>| {
            holds(status(team), "Ready") && team.assert_status(status(team)).is_ok()
        };
        let (in_room, outside): (Vec<&Team<'_>>, Vec<&Team<'_>>) =
            teams.iter().partition(|team| is_ready(team));
        let all = outside.iter().all(|team| has_no_room(status(team)));
        if !all || in_room.is_empty() {
            return Ok(None);
        }
        let addresses: HashSet<_> = in_room
            .iter()
            .map(|team| status(team)["endpoint"].to_string())
            .collect();
        ensure!(
            addresses.len() == in_room.len(),
            "an address is used twice: {addresses:?}"
        );
        Ok(Some((in_room, outside)))
    });
    match settled.await {
        Ok(settled) => Ok(settled),
        Err(error) => Err(error.context(statuses(stage).await?.to_string())),
    }
}

fn has_no_room(status: &Value) -> bool {
    let message = find(status, "ClusterReady");
    let message = message["message"].as_str().unwrap_or_default();
    message.contains(NO_ROOM)
}

/// The status of each claim by its name.
async fn statuses(stage: &Stage) -> anyhow::Result<Value> {
    let claims = ["get", "virtualclusters", "-o", "json"];
    let claims: Value = serde_json::from_str(&stage.kubectl(&claims).await?)?;
    let items = claims["items"].as_array().into_iter().flatten();
    let named = items.map(|claim| {
        let name = claim["metadata"]["name"].as_str().unwrap_or_default();
        (name.to_owned(), claim["status"].clone())
    });
    Ok(Value::Object(named.collect()))
}

/// How often containers of Crossplane and its packages were started again.
async fn restarts(stage: &Stage) -> anyhow::Result<u32> {
    let counts = "jsonpath={.items[*].status.containerStatuses[*].restartCount}";
    let pods = ["get", "pods", "-n", CROSSPLANE_NAMESPACE, "-o", counts];
    let counts = stage.testbed.kubectl(&pods).await?;
    Ok(counts
        .split_whitespace()
        .map(str::parse::<u32>)
        .sum::<Result<_, _>>()?)
}
