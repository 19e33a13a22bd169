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
    let said = Some("container kubernetes: ImagePullBackOff no such image".to_owned());
    assert_eq!(message(&[starting.clone(), pull]), said);
    let said = Some("not scheduled: 0/1 nodes are available".to_owned());
    assert_eq!(message(&[unscheduled]), said);
    assert_eq!(message(&[starting]), None);
    assert_eq!(message(&[]), None);
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
