use rstest::rstest;

use super::*;
use crate::kubernetes::vcluster::observation::Replicas;

fn rollout(desired: i64, ready: i64, is_complete: bool) -> Rollout {
    Rollout {
        replicas: Replicas {
            desired,
            ready,
            updated: ready,
        },
        is_complete,
        is_paused: desired == 0,
    }
}

fn look(rollout: Option<Rollout>, is_proven: bool) -> Look {
    let unusable = health::unusable(&Access::parse(&Secret::from("")).unwrap_err());
    let proven = Health {
        ready: Readiness::Ready,
        ..unusable
    };
    Look {
        rollout,
        pods: None,
        kubeconfig: None,
        reached: if is_proven {
            Ok(proven)
        } else {
            Err(Waiting::for_("something"))
        },
    }
}

#[rstest]
#[case(None, None, false, Phase::Provisioning)]
#[case(None, Some(rollout(1, 0, false)), false, Phase::Provisioning)]
#[case(
    Some(Phase::Provisioning),
    Some(rollout(1, 1, true)),
    false,
    Phase::Provisioning
)]
#[case(
    Some(Phase::Running),
    Some(rollout(1, 0, false)),
    false,
    Phase::Degraded
)]
#[case(Some(Phase::Degraded), Some(rollout(1, 1, true)), true, Phase::Running)]
#[case(
    Some(Phase::Running),
    Some(rollout(3, 2, false)),
    true,
    Phase::Upgrading
)]
#[case(Some(Phase::Running), Some(rollout(0, 0, true)), false, Phase::Paused)]
fn the_phase_follows_from_the_workload_the_proof_and_what_was_before(
    #[case] last: Option<Phase>,
    #[case] rollout: Option<Rollout>,
    #[case] is_proven: bool,
    #[case] expected: Phase,
) {
    assert_eq!(phase(last, &look(rollout, is_proven)), expected);
}

#[rstest]
#[case(None, None, Some(STARTING))]
#[case(Some(rollout(1, 0, false)), None, Some(STARTING))]
#[case(Some(rollout(1, 0, false)), Some("ImagePullBackOff"), Some(STUCK))]
#[case(Some(rollout(0, 0, true)), None, None)]
fn what_is_not_ready_is_looked_at_again_soon_unless_it_is_stopped(
    #[case] rollout: Option<Rollout>,
    #[case] pods: Option<&str>,
    #[case] expected: Option<Duration>,
) {
    let pods = pods.map(str::to_owned);
    let waiting = waits(rollout.as_ref(), pods.as_ref()).unwrap();
    assert_eq!(waiting.again, expected);
    assert!(pods.is_none_or(|pods| waiting.what == pods));
}

#[test]
fn what_starts_for_the_first_time_is_being_made_unless_something_is_in_its_way() {
    let what = || "the control plane starts".to_owned();
    let being_made = Readiness::Creating(what());
    assert_eq!(unready(Phase::Provisioning, what(), false), being_made);
    for (phase, is_stuck) in [
        (Phase::Provisioning, true),
        (Phase::Degraded, false),
        (Phase::Paused, false),
    ] {
        let unready = unready(phase, what(), is_stuck);
        assert_eq!(unready, Readiness::NotReady(what()), "{phase:?}");
    }
}

#[test]
fn a_ready_replica_is_enough_to_ask_the_api_server() {
    assert!(waits(Some(&rollout(3, 1, false)), None).is_none());
}

#[test]
fn an_api_server_that_is_not_asked_is_not_said_to_answer() {
    let look = look(Some(rollout(1, 0, false)), false);
    let told = conditions(&look.reached);
    let reached = told.iter().find(|claim| claim.kind == API_REACHABLE);
    let reached = reached.expect("it must not keep what it said before");
    assert_eq!(reached.status, Truth::Unknown);
    assert_eq!(reached.message, "something");
}
