use rstest::rstest;
use serde_json::json;

use super::*;

fn workload(desired: i64, ready: i64, updated: i64, generations: (i64, i64)) -> Value {
    json!({
        "metadata": {"generation": generations.0},
        "spec": {"replicas": desired},
        "status": {
            "observedGeneration": generations.1,
            "replicas": ready.max(updated),
            "readyReplicas": ready,
            "updatedReplicas": updated,
        },
    })
}

#[rstest]
#[case(workload(1, 1, 1, (2, 2)), true, false)]
#[case(workload(1, 1, 1, (3, 2)), false, false)]
#[case(workload(1, 0, 1, (2, 2)), false, false)]
#[case(workload(3, 3, 1, (2, 2)), false, false)]
#[case(workload(0, 0, 0, (2, 2)), true, true)]
#[case(json!({"metadata": {"generation": 1}, "spec": {"replicas": 1}}), false, false)]
fn a_rollout_is_complete_when_the_latest_runs_everywhere(
    #[case] workload: Value,
    #[case] is_complete: bool,
    #[case] is_paused: bool,
) {
    let rollout = Rollout::of(&workload);
    assert_eq!(
        (rollout.is_complete, rollout.is_paused),
        (is_complete, is_paused)
    );
}

#[test]
fn a_pod_that_cannot_run_says_why() {
    let pull = json!({"status": {"initContainerStatuses": [{
        "name": "kubernetes",
        "state": {"waiting": {"reason": "ImagePullBackOff", "message": "no such image"}},
    }]}});
    let starting = json!({"status": {"containerStatuses": [{
        "name": "syncer", "state": {"waiting": {"reason": "PodInitializing"}},
    }]}});
    let unscheduled = json!({"status": {"conditions": [{
        "type": "PodScheduled", "status": "False", "message": "0/1 nodes are available",
    }]}});
    let message = |pods: &[Value]| message(pods, Timestamp::UNIX_EPOCH);
    let said = Some("container kubernetes: ImagePullBackOff no such image".to_owned());
    assert_eq!(message(&[starting.clone(), pull]), said);
    let said = Some("not scheduled: 0/1 nodes are available".to_owned());
    assert_eq!(message(&[unscheduled]), said);
    assert_eq!(message(&[starting]), None);
    assert_eq!(message(&[]), None);
}

#[test]
fn a_pod_that_runs_and_does_not_answer_says_so_once_it_has_had_time_to_start() {
    let running = |is_started: bool, is_ready: bool| {
        json!({"status": {"containerStatuses": [{
            "name": "syncer", "started": is_started, "ready": is_ready,
            "state": {"running": {"startedAt": "2026-01-01T00:00:00Z"}},
        }]}})
    };
    let after = |time: &str, pod: Value| message(&[pod], time.parse().unwrap());
    let (early, late) = ("2026-01-01T00:00:29Z", "2026-01-01T00:00:30Z");
    let said = "container syncer runs and does not answer its probe; look at its log";
    assert_eq!(after(early, running(true, false)), None);
    assert_eq!(after(late, running(true, false)).as_deref(), Some(said));
    assert_eq!(after(late, running(true, true)), None);
    assert_eq!(after(late, running(false, false)), None);
}

#[test]
fn only_claims_below_the_size_are_too_small() {
    let claim = |name: &str, size: &str| {
        json!({
            "metadata": {"name": name},
            "spec": {"resources": {"requests": {"storage": size}}},
        })
    };
    let claims = [claim("a", "5Gi"), claim("b", "10240Mi"), claim("c", "20Gi")];
    assert_eq!(too_small(&claims, "10Gi"), [("a", "5Gi")]);
}
