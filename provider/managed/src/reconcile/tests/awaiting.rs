//! External systems that show late what was made, and that never answer.

use std::time::Duration;

use serde_json::json;

use crate::{
    dependents::{ObjectId, Source},
    input::SecretKeyRef,
    queue::Wake,
    resource::{CREATE_FAILED, CREATE_SUCCEEDED},
    testing::{
        Fault, Moment,
        lab::{Lab, NAMESPACE, fake, fake_with_secret, secret},
    },
};

/// What is made does not show at the look that follows.
async fn made_and_hidden(shows_within: Option<u64>) -> Lab {
    let lab = Lab::new();
    let mut object = fake("a", 3);
    object.spec.for_provider.shows_within = shows_within;
    lab.server.put(&object);
    let world = lab.world.clone();
    lab.world.meanwhile("observe", || {});
    lab.world.meanwhile("observe", move || {
        world.remove("a");
    });
    assert_eq!(lab.pass("a").await, Wake::Backoff);
    lab
}

fn created(lab: &Lab) -> bool {
    lab.trail.take().contains(&"external create a".to_owned())
}

#[tokio::test(start_paused = true)]
async fn what_was_made_a_moment_ago_is_not_made_again_and_the_status_says_so() {
    let mut lab = made_and_hidden(Some(30)).await;
    assert!(lab.object("a").annotation(CREATE_SUCCEEDED).is_some());
    assert!(created(&lab));
    lab.wait(Duration::from_secs(10)).await;
    assert_eq!(lab.pass("a").await, Wake::Backoff);
    assert!(!created(&lab));
    assert_eq!(
        lab.conditions("a"),
        ["Ready=False/Creating", "Synced=True/ReconcileSuccess"]
    );
    assert_eq!(
        lab.message("a", "Ready"),
        "waiting for the external resource to appear"
    );
    assert_eq!(
        lab.events(),
        [
            "CreatedExternalResource: Successfully requested creation of external resource",
            "PendingExternalResource: Waiting for external resource existence to be confirmed"
        ]
    );
    lab.wait(Duration::from_secs(21)).await;
    lab.settle("a").await;
    assert!(created(&lab));
    assert_eq!(lab.conditions("a"), super::ALL_GOOD);
}

#[tokio::test(start_paused = true)]
async fn a_system_that_shows_at_once_is_not_waited_for() {
    let lab = made_and_hidden(None).await;
    assert!(created(&lab));
    lab.pass("a").await;
    assert!(created(&lab));
    assert_eq!(lab.conditions("a"), super::ALL_GOOD);
}

#[tokio::test(start_paused = true)]
async fn a_create_that_is_never_answered_is_not_recorded_as_failed() {
    let lab = Lab::new();
    lab.server.put(&fake_with_secret("a", 3));
    // The step after the usage, the marks and the Secret.
    lab.trail.stop_at(4, Moment::After);
    assert_eq!(lab.pass("a").await, Wake::Backoff);
    lab.trail.go_on();
    assert_eq!(lab.trail.steps()[4], "external create a");
    assert_eq!(
        lab.message("a", "Synced"),
        "create failed: no answer within 60 s; check the server and the network"
    );
    assert_eq!(lab.object("a").annotation(CREATE_FAILED), None);
    lab.settle("a").await;
    assert_eq!(lab.conditions("a"), super::ALL_GOOD);
}

#[tokio::test(start_paused = true)]
async fn what_a_pass_has_read_and_told_outlives_its_time_out() {
    let mut lab = Lab::new();
    lab.server
        .put(&secret(NAMESPACE, "source", &[("password", "one")]));
    let mut object = fake("a", 3);
    object.spec.for_provider.password_secret_ref = Some(SecretKeyRef {
        name: "source".into(),
        key: "password".into(),
    });
    lab.server.put(&object);
    lab.settle("a").await;
    lab.settle("a").await;
    lab.forget();
    lab.world.edit("a", |thing| thing.size = 9);
    // The update after the look.
    lab.trail.stop_at(1, Moment::Before);
    lab.pass("a").await;
    lab.trail.go_on();
    let events = lab.events();
    assert_eq!(events[0], "DriftDetected: size: want 3, found 9");
    assert!(events[1].starts_with("CannotUpdateExternalResource: update failed: no answer"));
    assert_eq!(lab.object("a").status.unwrap().drift[0].field, "size");
    lab.queued();
    let source = Source::Object(ObjectId::secret(NAMESPACE, "source"));
    lab.controller.runtime.wake(&source, "another version");
    assert_eq!(lab.queued(), ["a"]);
}

#[tokio::test(start_paused = true)]
async fn the_status_is_written_after_the_external_calls_have_used_up_their_time() {
    let lab = Lab::settled(&fake("a", 1)).await;
    let started = tokio::time::Instant::now();
    lab.trail.stop_at(0, Moment::Before);
    assert_eq!(lab.pass("a").await, Wake::Backoff);
    assert_eq!(started.elapsed().as_secs(), 60);
    assert_eq!(
        lab.message("a", "Synced"),
        "observe failed: no answer within 60 s; check the server and the network"
    );
}

#[tokio::test(start_paused = true)]
async fn an_api_server_that_never_answers_ends_the_pass_within_ninety_seconds() {
    for write in ["patch fakes/a", "patch fakes/a/status"] {
        let lab = Lab::settled(&fake("a", 1)).await;
        lab.edit("a", |object| {
            object["spec"]["forProvider"]["shares"] = json!(["x"]);
        });
        lab.server.fail_next(write, Fault::Hang);
        let started = tokio::time::Instant::now();
        assert_eq!(lab.pass("a").await, Wake::Backoff);
        assert!(started.elapsed() <= Duration::from_secs(90), "{write}");
        lab.settle("a").await;
        assert_eq!(lab.conditions("a"), super::ALL_GOOD);
    }
}

#[tokio::test(start_paused = true)]
async fn a_status_write_that_fails_is_tried_again_without_another_look() {
    let lab = Lab::settled(&fake("a", 1)).await;
    lab.world.edit("a", |thing| thing.size = 9);
    for fault in [
        Fault::Refuse(500, "InternalError"),
        Fault::Refuse(429, "TooManyRequests"),
    ] {
        lab.server.fail_next("patch fakes/a/status", fault);
    }
    assert!(matches!(lab.pass("a").await, Wake::After(_)));
    assert_eq!(
        lab.trail.take(),
        [
            "external observe a",
            "external update a",
            "external observe a",
            "patch fakes/a/status",
            "patch fakes/a/status",
            "patch fakes/a/status"
        ]
    );
    assert_eq!(lab.conditions("a"), super::ALL_GOOD);
}
