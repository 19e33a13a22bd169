//! Differences: who made them, what becomes of them, what is said about them.

use serde_json::json;

use super::{ALL_GOOD, other};
use crate::{
    drift::{Cause, DriftPolicy},
    input::SecretKeyRef,
    policy::ManagementAction::{Create, Observe},
    queue::Wake,
    testing::{
        Thing,
        lab::{FakeResource, Lab, fake, fake_with_secret, secret},
    },
};

fn reporting(size: i64) -> FakeResource {
    let mut object = fake("a", size);
    object.spec.drift_policy = DriftPolicy::Report;
    object
}

fn drift(lab: &Lab) -> Vec<(String, String, String, Cause)> {
    let drift = lab.object("a").status.unwrap().drift.into_iter();
    drift
        .map(|drift| {
            (
                drift.field,
                drift.desired.to_string(),
                drift.observed.to_string(),
                drift.cause,
            )
        })
        .collect()
}

#[tokio::test(start_paused = true)]
async fn a_hand_edit_is_corrected_and_told() {
    let mut lab = Lab::settled(&fake("a", 3)).await;
    lab.world.edit("a", |thing| thing.size = 9);
    assert!(matches!(lab.pass("a").await, Wake::After(_)));
    assert_eq!(lab.thing("a").size, 3);
    assert_eq!(
        lab.events(),
        [
            "DriftDetected: size: want 3, found 9",
            "DriftCorrected: corrected size"
        ]
    );
    let status = lab.object("a").status.unwrap();
    let last = status.last_drift.unwrap();
    assert_eq!(
        (last.fields, last.corrected),
        (vec!["size".to_owned()], true)
    );
    assert!(status.drift.is_empty());
    assert_eq!(lab.conditions("a"), ALL_GOOD);
    assert_eq!(lab.writes(), ["patch fakes/a/status"]);
}

#[tokio::test(start_paused = true)]
async fn a_hand_edit_is_left_alone_when_it_is_only_to_be_reported() {
    let mut lab = Lab::settled(&reporting(3)).await;
    lab.world.edit("a", |thing| thing.size = 9);
    assert!(matches!(lab.pass("a").await, Wake::After(_)));
    assert_eq!(lab.thing("a").size, 9);
    assert_eq!(
        drift(&lab),
        [("size".into(), "3".into(), "9".into(), Cause::External)]
    );
    assert_eq!(
        lab.conditions("a"),
        [
            "Ready=True/Available",
            "Synced=True/ReconcileSuccess",
            "UpToDate=False/UpdateRestricted"
        ]
    );
    assert_eq!(lab.message("a", "UpToDate"), "size: want 3, found 9");
    assert!(
        !lab.object("a")
            .status
            .unwrap()
            .last_drift
            .unwrap()
            .corrected
    );
    assert_eq!(lab.events(), ["DriftDetected: size: want 3, found 9"]);
}

#[tokio::test(start_paused = true)]
async fn reported_drift_is_told_once_and_goes_when_it_is_undone() {
    let mut lab = Lab::settled(&reporting(3)).await;
    lab.world.edit("a", |thing| thing.size = 9);
    lab.pass("a").await;
    lab.forget();
    lab.pass("a").await;
    assert_eq!((lab.writes(), lab.events()), (vec![], vec![]));
    lab.world.edit("a", |thing| thing.size = 3);
    lab.pass("a").await;
    assert_eq!(lab.conditions("a"), ALL_GOOD);
    assert!(drift(&lab).is_empty());
}

#[tokio::test(start_paused = true)]
async fn a_changed_spec_is_carried_out_and_is_not_drift() {
    let mut lab = Lab::settled(&reporting(3)).await;
    lab.edit("a", |object| {
        object["spec"]["forProvider"]["size"] = json!(4);
    });
    lab.pass("a").await;
    assert_eq!(lab.thing("a").size, 4);
    assert_eq!(lab.events(), ["UpdatedExternalResource: updated size"]);
    let status = lab.object("a").status.unwrap();
    assert_eq!(
        (status.last_drift, status.observed_generation),
        (None, Some(2))
    );
}

#[tokio::test(start_paused = true)]
async fn a_changed_input_secret_is_carried_out_and_is_not_drift() {
    let mut object = fake("a", 3);
    let reference = SecretKeyRef {
        name: "source".into(),
        key: "password".into(),
    };
    object.spec.for_provider.password_secret_ref = Some(reference);
    let mut lab = Lab::new();
    lab.server
        .put(&secret("shop", "source", &[("password", "one")]));
    lab.server.put(&object);
    lab.settle("a").await;
    lab.forget();
    lab.server
        .edit::<k8s_openapi::api::core::v1::Secret>("shop", "source", |secret| {
            secret["data"]["password"] = json!("dHdv");
        });
    lab.pass("a").await;
    assert_eq!(lab.thing("a").password.as_deref(), Some("two"));
    assert_eq!(lab.events(), ["UpdatedExternalResource: updated password"]);
    assert_eq!(lab.object("a").status.unwrap().last_drift, None);
}

#[tokio::test(start_paused = true)]
async fn a_changed_password_is_noticed_and_never_shown() {
    let mut lab = Lab::settled(&fake_with_secret("a", 3)).await;
    lab.world
        .edit("a", |thing| thing.password = Some("hunter2".into()));
    lab.pass("a").await;
    assert_eq!(lab.thing("a").password, lab.stored("a", "password"));
    let events = lab.events();
    assert_eq!(
        events[0],
        "DriftDetected: password: want (sensitive), found (sensitive)"
    );
    let told = format!("{events:?} {:?}", lab.object("a"));
    assert!(
        !told.contains("hunter2") && !told.contains("generated-"),
        "{told}"
    );
}

#[tokio::test(start_paused = true)]
async fn an_update_that_fails_leaves_the_difference_listed_since_it_was_first_seen() {
    let lab = Lab::settled(&fake("a", 3)).await;
    lab.world.edit("a", |thing| thing.size = 9);
    let mut since = Vec::new();
    for _ in 0..2 {
        lab.world.fail_next("update", other("locked"));
        assert_eq!(lab.pass("a").await, Wake::Backoff);
        since.push(lab.object("a").status.unwrap().drift[0].since.clone());
        lab.wait(std::time::Duration::from_secs(5)).await;
    }
    assert_eq!(since[0], since[1]);
    assert_eq!(
        lab.conditions("a"),
        [
            "Ready=True/Available",
            "Synced=False/ReconcileError",
            "UpToDate=False/UpdateFailed"
        ]
    );
    assert_eq!(
        lab.message("a", "UpToDate"),
        "update failed: locked; try it by hand"
    );
    lab.settle("a").await;
    assert_eq!(lab.conditions("a"), ALL_GOOD);
    assert!(
        lab.object("a")
            .status
            .unwrap()
            .last_drift
            .unwrap()
            .corrected
    );
}

#[tokio::test(start_paused = true)]
async fn an_update_without_effect_is_said_and_tried_again() {
    let mut lab = Lab::settled(&fake("a", 3)).await;
    lab.world.edit("a", |thing| thing.size = 9);
    let world = lab.world.clone();
    lab.world.meanwhile("observe", || {});
    lab.world
        .meanwhile("observe", move || world.edit("a", |thing| thing.size = 9));
    assert_eq!(lab.pass("a").await, Wake::Backoff);
    assert_eq!(
        drift(&lab),
        [("size".into(), "3".into(), "9".into(), Cause::External)]
    );
    assert!(
        lab.conditions("a")
            .contains(&"UpToDate=False/UpdateRequested".to_owned())
    );
    assert_eq!(lab.events(), ["DriftDetected: size: want 3, found 9"]);
    lab.settle("a").await;
    assert_eq!(lab.conditions("a"), ALL_GOOD);
}

#[tokio::test(start_paused = true)]
async fn what_was_corrected_is_told_although_something_else_differs_by_then() {
    let mut object = fake("a", 3);
    object.spec.for_provider.color = Some("red".into());
    let mut lab = Lab::settled(&object).await;
    lab.forget();
    lab.world.edit("a", |thing| thing.size = 9);
    let world = lab.world.clone();
    lab.world.meanwhile("observe", || {});
    lab.world.meanwhile("observe", move || {
        world.edit("a", |thing| thing.color = Some("blue".into()));
    });
    assert_eq!(lab.pass("a").await, Wake::Backoff);
    assert_eq!(
        lab.events(),
        [
            "DriftDetected: size: want 3, found 9",
            "DriftCorrected: corrected size"
        ]
    );
    lab.settle("a").await;
    assert_eq!(
        lab.events(),
        [
            "DriftDetected: color: want red, found blue",
            "DriftCorrected: corrected color"
        ]
    );
}

#[tokio::test(start_paused = true)]
async fn what_never_matched_and_must_not_be_updated_is_not_blamed_on_anybody() {
    let mut object = fake("a", 3);
    object.spec.management_policies = vec![Observe, Create];
    let lab = Lab::new();
    lab.world.put(
        "a",
        Thing {
            size: 9,
            ..Thing::default()
        },
    );
    lab.server.put(&object);
    lab.pass("a").await;
    lab.server.take_writes();
    lab.pass("a").await;
    assert_eq!(
        drift(&lab),
        [("size".into(), "3".into(), "9".into(), Cause::SpecChanged)]
    );
    assert_eq!(lab.object("a").status.unwrap().last_drift, None);
    assert_eq!(lab.writes(), [""; 0]);
    lab.world.edit("a", |thing| thing.size = 10);
    lab.pass("a").await;
    assert_eq!(
        drift(&lab),
        [("size".into(), "3".into(), "10".into(), Cause::External)]
    );
}

#[tokio::test(start_paused = true)]
async fn what_was_removed_by_hand_is_made_again_with_the_same_credentials() {
    let lab = Lab::settled(&fake_with_secret("a", 3)).await;
    let before = lab.stored("a", "password");
    lab.world.remove("a");
    lab.pass("a").await;
    assert_eq!(lab.thing("a").password, before);
    assert_eq!(lab.stored("a", "password"), before);
    assert_eq!(lab.conditions("a"), ALL_GOOD);
}

#[tokio::test(start_paused = true)]
async fn what_is_about_to_expire_is_renewed_whatever_the_drift_policy_and_nobody_is_blamed() {
    let mut lab = Lab::settled(&reporting(3)).await;
    lab.world.edit("a", |thing| thing.is_due = true);
    lab.pass("a").await;
    assert!(!lab.thing("a").is_due);
    assert_eq!(lab.conditions("a"), ALL_GOOD);
    assert_eq!(lab.events(), ["UpdatedExternalResource: renewed ticket"]);
    assert_eq!(lab.object("a").status.unwrap().last_drift, None);
}

#[tokio::test(start_paused = true)]
async fn what_somebody_changed_stays_drift_although_something_else_expires() {
    let lab = Lab::settled(&reporting(3)).await;
    lab.world.edit("a", |thing| {
        thing.is_due = true;
        thing.size = 9;
    });
    lab.pass("a").await;
    assert_eq!(lab.thing("a").size, 9);
    assert_eq!(
        lab.message("a", "UpToDate"),
        "size: want 3, found 9; ticket: want a fresh one, found one that ends now"
    );
}
