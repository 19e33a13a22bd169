//! How far a control plane's workload is, and what keeps its pods from running. Pure.

use k8s_openapi::jiff::Timestamp;
use serde_json::Value;

use super::{observation::Replicas, quantity};

/// Set by the `vcluster` command line when it pauses a virtual cluster.
const PAUSED: &str = "loft.sh/paused";

/// For so many seconds a container is starting: that it does not answer its probe yet says nothing.
const STARTS_SECONDS: i64 = 30;

/// How far the workload is.
#[derive(Clone, Debug, Eq, PartialEq)]
pub(super) struct Rollout {
    /// Its replicas.
    pub(super) replicas: Replicas,
    /// The latest specification runs everywhere and is ready.
    pub(super) is_complete: bool,
    /// It is stopped.
    pub(super) is_paused: bool,
}

impl Rollout {
    /// Reads a `StatefulSet` or Deployment.
    pub(super) fn of(workload: &Value) -> Self {
        let number = |value: &Value| value.as_i64().unwrap_or_default();
        let status = &workload["status"];
        let replicas = Replicas {
            desired: workload["spec"]["replicas"].as_i64().unwrap_or(1),
            ready: number(&status["readyReplicas"]),
            updated: number(&status["updatedReplicas"]),
        };
        let is_seen =
            number(&status["observedGeneration"]) >= number(&workload["metadata"]["generation"]);
        let is_complete = is_seen
            && replicas.updated == replicas.desired
            && replicas.ready == replicas.desired
            && number(&status["replicas"]) == replicas.desired;
        Self {
            is_paused: replicas.desired == 0,
            is_complete,
            replicas,
        }
    }
}

/// Whether somebody paused it with the `vcluster` command line, which then holds the number of replicas.
pub(super) fn is_paused_by_hand(workload: &Value) -> bool {
    workload["metadata"]["annotations"][PAUSED] == "true"
}

/// Why the pods do not run, in the host cluster's own words; the first that says something counts.
pub(super) fn message(pods: &[Value], now: Timestamp) -> Option<String> {
    pods.iter().find_map(|pod| {
        let status = &pod["status"];
        let containers = ["initContainerStatuses", "containerStatuses"];
        let waiting = containers
            .iter()
            .flat_map(|list| status[list].as_array().into_iter().flatten())
            .find_map(|status| container(status, now));
        waiting.or_else(|| condition(status))
    })
}

fn container(status: &Value, now: Timestamp) -> Option<String> {
    let name = status["name"].as_str().unwrap_or_default();
    let since = status["state"]["running"]["startedAt"].as_str();
    let since = since.and_then(|since| since.parse::<Timestamp>().ok());
    let has_had_time =
        since.is_some_and(|since| now.as_second() - since.as_second() >= STARTS_SECONDS);
    if has_had_time && status["started"] == true && status["ready"] == false {
        let what = "runs and does not answer its probe; look at its log";
        return Some(format!("container {name} {what}"));
    }
    let waiting = &status["state"]["waiting"];
    match waiting["reason"].as_str()? {
        // Every pod says so while it starts.
        "PodInitializing" | "ContainerCreating" => None,
        reason => {
            let message = waiting["message"].as_str().unwrap_or_default();
            Some(
                format!("container {name}: {reason} {message}")
                    .trim_end()
                    .to_owned(),
            )
        }
    }
}

fn condition(status: &Value) -> Option<String> {
    let conditions = status["conditions"].as_array()?;
    let unscheduled = conditions
        .iter()
        .find(|condition| condition["type"] == "PodScheduled" && condition["status"] == "False")?;
    let message = unscheduled["message"].as_str().unwrap_or_default();
    Some(format!("not scheduled: {message}"))
}

/// Claims that are smaller than asked for.
pub(super) fn too_small<'a>(claims: &'a [Value], size: &str) -> Vec<(&'a str, &'a str)> {
    let wanted = quantity::parse(size);
    let sized = claims.iter().filter_map(|claim| {
        let name = claim["metadata"]["name"].as_str()?;
        let size = claim["spec"]["resources"]["requests"]["storage"].as_str()?;
        Some((name, size))
    });
    sized
        .filter(|(_, size)| quantity::parse(size) < wanted)
        .collect()
}

#[cfg(test)]
mod tests;
