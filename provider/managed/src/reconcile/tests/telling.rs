//! What the status says over time, and when the next pass comes.

use std::time::Duration;

use rstest::rstest;
use serde_json::json;

use super::{ALL_GOOD, other};
use crate::{
    external::{ExternalError, Failure},
    queue::Wake,
    testing::{
        Fault,
        lab::{FakeResource, Lab, NAMESPACE, fake, fake_with_secret},
    },
};

#[tokio::test(start_paused = true)]
async fn readiness_becomes_unknown_after_two_minutes_without_a_look() {
    let lab = Lab::settled(&fake("a", 1)).await;
    lab.world.set_down(true);
    lab.pass("a").await;
    lab.wait(Duration::from_secs(119)).await;
    lab.pass("a").await;
    assert!(
        lab.conditions("a")
            .contains(&"Ready=True/Available".to_owned())
    );
    lab.wait(Duration::from_secs(1)).await;
    lab.pass("a").await;
    assert!(
        lab.conditions("a")
            .contains(&"Ready=Unknown/Unavailable".to_owned())
    );
    assert_eq!(
        lab.message("a", "Ready"),
        "cannot be observed: observe failed: nobody answers at fake:1; check the server and the network"
    );
    lab.world.set_down(false);
    lab.pass("a").await;
    assert_eq!(lab.conditions("a"), ALL_GOOD);
}

#[tokio::test(start_paused = true)]
async fn the_same_failure_is_written_once() {
    let lab = Lab::settled(&fake("a", 1)).await;
    lab.world.set_down(true);
    lab.pass("a").await;
    lab.server.take_writes();
    for _ in 0..3 {
        lab.wait(Duration::from_secs(10)).await;
        lab.pass("a").await;
    }
    assert_eq!(lab.writes(), [""; 0]);
}

#[tokio::test(start_paused = true)]
async fn every_condition_speaks_about_the_generation_that_was_looked_at() {
    let lab = Lab::settled(&fake("a", 1)).await;
    lab.edit("a", |object| {
        object["spec"]["forProvider"]["size"] = json!(2);
    });
    lab.pass("a").await;
    let conditions = lab.object("a").status.unwrap().conditions;
    assert!(
        conditions
            .iter()
            .all(|condition| condition.observed_generation == Some(2))
    );
}

#[tokio::test(start_paused = true)]
async fn an_edit_during_a_pass_is_not_spoken_about() {
    let lab = Lab::settled(&fake("a", 1)).await;
    let (server, controller) = (lab.server.clone(), std::sync::Arc::clone(&lab.controller));
    lab.world.edit("a", |thing| thing.size = 9);
    lab.world.meanwhile("update", move || {
        server.edit::<FakeResource>(NAMESPACE, "a", |object| {
            object["spec"]["forProvider"]["size"] = json!(2);
        });
        let edited = server.get::<FakeResource>(NAMESPACE, "a").unwrap();
        controller.applied(edited, crate::queue::Priority::Fresh);
    });
    lab.pass("a").await;
    let status = lab.object("a").status.unwrap();
    assert_eq!(status.observed_generation, Some(1));
    assert!(
        status
            .conditions
            .iter()
            .all(|condition| condition.observed_generation == Some(1))
    );
}

#[tokio::test(start_paused = true)]
async fn conditions_of_others_stay_and_are_not_taken_over() {
    let lab = Lab::settled(&fake("a", 1)).await;
    let theirs = json!({ "type": "Audited", "status": "True", "reason": "Ok", "message": "", "lastTransitionTime": "2026-01-01T00:00:00Z" });
    lab.edit("a", |object| {
        object["status"]["conditions"]
            .as_array_mut()
            .unwrap()
            .push(theirs);
    });
    lab.pass("a").await;
    assert_eq!(lab.writes(), [""; 0]);
    lab.world.fail_next("observe", other("broken"));
    lab.pass("a").await;
    let writes = lab.server.take_writes();
    assert!(!writes[0].body.to_string().contains("Audited"));
    assert!(lab.conditions("a").contains(&"Audited=True/Ok".to_owned()));
}

#[tokio::test(start_paused = true)]
async fn a_kind_reports_conditions_of_its_own_beside_the_runtime_s() {
    let lab = Lab::settled(&fake("a", 1)).await;
    lab.world
        .edit("a", |thing| thing.ailment = Some("a cold".into()));
    lab.pass("a").await;
    assert!(
        lab.conditions("a")
            .contains(&"Healthy=False/Ill".to_owned())
    );
    assert_eq!(lab.message("a", "Healthy"), "a cold");
    lab.world.fail_next("observe", other("broken"));
    lab.pass("a").await;
    assert_eq!(lab.message("a", "Healthy"), "a cold");
}

#[tokio::test(start_paused = true)]
async fn what_expires_before_the_next_poll_is_looked_at_in_time() {
    let lab = Lab::settled(&fake("a", 1)).await;
    let expiring = |time| {
        lab.world
            .edit("a", move |thing| thing.expires_in = Some(time));
    };
    expiring(Duration::from_secs(20));
    assert_eq!(lab.pass("a").await, Wake::After(Duration::from_secs(20)));
    expiring(Duration::ZERO);
    assert_eq!(lab.pass("a").await, Wake::After(Duration::from_secs(1)));
    expiring(Duration::from_secs(3600));
    let Wake::After(poll) = lab.pass("a").await else {
        panic!("not at rest")
    };
    assert!(poll < Duration::from_secs(120));
}

#[rstest]
#[case::invalid(ExternalError::invalid("too big", "make it smaller"), "after")]
#[case::blocked(ExternalError::blocked("b", "b is in the way", "remove b"), "backoff")]
#[case::unreachable(
    ExternalError::Unreachable(Failure::new("no route", "check")),
    "backoff"
)]
#[case::denied(
    ExternalError::Denied(Failure::new("not allowed", "grant it")),
    "backoff"
)]
#[case::other(other("odd"), "backoff")]
#[case::throttled(
    ExternalError::Throttled { retry_after: Some(Duration::from_secs(7)), failure: Failure::new("slow down", "wait") },
    "throttled 7"
)]
#[tokio::test(start_paused = true)]
async fn each_class_of_error_has_its_own_wait(
    #[case] error: ExternalError,
    #[case] expected: &str,
) {
    let lab = Lab::settled(&fake("a", 1)).await;
    lab.world.fail_next("observe", error);
    let wait = match lab.pass("a").await {
        Wake::After(wait) if wait > Duration::from_secs(50) => "after".to_owned(),
        Wake::Backoff => "backoff".to_owned(),
        Wake::Throttled(wait) => format!("throttled {}", wait.as_secs()),
        wake => format!("{wake:?}"),
    };
    assert_eq!(wait, expected);
}

#[tokio::test(start_paused = true)]
async fn our_own_writes_ask_for_no_pass() {
    let lab = Lab::new();
    lab.server.put(&fake_with_secret("a", 1));
    lab.sync();
    assert_eq!(lab.queued(), ["a"]);
    lab.pass("a").await;
    lab.sync();
    assert_eq!(lab.queued(), [""; 0]);
    lab.edit("a", |object| {
        object["metadata"]["labels"]["team"] = json!("blue");
    });
    lab.sync();
    assert_eq!(lab.queued(), ["a"]);
}

#[tokio::test(start_paused = true)]
async fn a_status_that_cannot_be_written_is_written_later_without_another_change() {
    let lab = Lab::new();
    lab.server.put(&fake("a", 1));
    lab.server
        .fail_next("patch fakes/a/status", Fault::Refuse(403, "Forbidden"));
    assert_eq!(lab.pass("a").await, Wake::Backoff);
    lab.trail.take();
    lab.pass("a").await;
    assert_eq!(lab.conditions("a"), ALL_GOOD);
    assert_eq!(
        lab.trail.take(),
        ["external observe a", "patch fakes/a/status"]
    );
}

#[tokio::test(start_paused = true)]
async fn a_message_that_is_over_is_cleared_in_the_api() {
    let lab = Lab::settled(&fake("a", 1)).await;
    lab.world.fail_next("observe", other("broken"));
    lab.pass("a").await;
    assert_ne!(lab.message("a", "Synced"), "");
    lab.server.take_writes();
    lab.pass("a").await;
    let body = lab.server.take_writes().remove(0).body;
    let conditions = body["status"]["conditions"].as_array().unwrap();
    assert!(
        conditions
            .iter()
            .all(|condition| condition["message"] == "")
    );
    assert_eq!(lab.message("a", "Synced"), "");
}
