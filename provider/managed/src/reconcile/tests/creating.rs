//! From a new object to an external resource.

use std::time::Duration;

use serde_json::json;

use super::{ALL_GOOD, other};
use crate::{
    external::{ExternalError, Failure},
    queue::Wake,
    resource::{CREATE_FAILED, CREATE_PENDING, CREATE_SUCCEEDED, EXTERNAL_NAME, FINALIZER},
    testing::{
        Fault, Thing,
        lab::{Lab, NAMESPACE, fake, fake_with_secret},
    },
};

fn position(steps: &[String], step: &str) -> usize {
    steps
        .iter()
        .position(|taken| taken == step)
        .unwrap_or_else(|| panic!("{step}: {steps:?}"))
}

#[tokio::test(start_paused = true)]
async fn a_new_resource_with_a_connection_secret_costs_four_writes_and_is_ready_after_one_pass() {
    let lab = Lab::new();
    lab.server.put(&fake_with_secret("a", 3));
    assert!(matches!(lab.pass("a").await, Wake::After(_)));
    assert_eq!(
        lab.writes(),
        [
            "create providerconfigusages",
            "patch fakes/a",
            "create secrets",
            "patch fakes/a/status",
        ]
    );
    assert_eq!(lab.conditions("a"), ALL_GOOD);
    assert_eq!(lab.object("a").status.unwrap().observed_generation, Some(1));
    assert_eq!(lab.stored("a", "password"), lab.thing("a").password);
}

#[tokio::test(start_paused = true)]
async fn what_is_known_by_the_ledger_alone_is_known_as_soon_as_it_is_made_or_changed() {
    let lab = Lab::new();
    lab.world.know_shares_by_ledger();
    let mut object = fake("a", 3);
    object.spec.for_provider.shares = ["x".to_owned()].into();
    lab.server.put(&object);
    lab.pass("a").await;
    assert_eq!(lab.conditions("a"), ALL_GOOD);
    lab.edit("a", |object| {
        object["spec"]["forProvider"]["shares"] = json!(["x", "y"]);
    });
    lab.pass("a").await;
    assert_eq!(lab.conditions("a"), ALL_GOOD);
    assert!(lab.thing("a").shares.contains("y"));
}

#[tokio::test(start_paused = true)]
async fn name_finalizer_and_pending_mark_go_out_in_one_patch() {
    let lab = Lab::new();
    lab.server.put(&fake("a", 3));
    lab.pass("a").await;
    let writes = lab.server.take_writes();
    let metadata = &writes[1].body["metadata"];
    assert_eq!(metadata["finalizers"], json!([FINALIZER]));
    assert_eq!(metadata["annotations"][EXTERNAL_NAME], json!("a"));
    assert!(metadata["annotations"][CREATE_PENDING].is_string());
    assert!(metadata["resourceVersion"].is_string());
}

#[tokio::test(start_paused = true)]
async fn a_steady_pass_observes_and_writes_nothing() {
    let lab = Lab::settled(&fake_with_secret("a", 3)).await;
    assert!(matches!(lab.pass("a").await, Wake::After(_)));
    assert_eq!(lab.writes(), [""; 0]);
    assert_eq!(lab.trail.take(), ["external observe a"]);
}

#[tokio::test(start_paused = true)]
async fn credentials_are_in_the_secret_before_create_is_called() {
    let lab = Lab::new();
    lab.server.put(&fake_with_secret("a", 3));
    lab.pass("a").await;
    let steps = lab.trail.take();
    assert!(position(&steps, "create secrets") < position(&steps, "external create a"));
}

#[tokio::test(start_paused = true)]
async fn a_conflict_on_the_pending_mark_means_create_is_not_called() {
    let lab = Lab::new();
    lab.server.put(&fake("a", 3));
    lab.server
        .fail_next("patch fakes/a", Fault::Overtake("somebody"));
    assert!(matches!(lab.pass("a").await, Wake::Throttled(_)));
    assert!(lab.world.names().is_empty());
    assert!(lab.conditions("a").is_empty());
    lab.stale_pass("a").await;
    assert_eq!(lab.conditions("a"), ALL_GOOD);
}

#[tokio::test(start_paused = true)]
async fn a_failed_create_is_recorded_and_named_with_cause_and_remedy() {
    let mut lab = Lab::new();
    lab.server.put(&fake("a", 3));
    let failure = Failure::new("no space left", "make room");
    lab.world
        .fail_next("create", ExternalError::Denied(failure));
    assert_eq!(lab.pass("a").await, Wake::Backoff);
    assert!(lab.object("a").annotation(CREATE_FAILED).is_some());
    assert_eq!(lab.object("a").annotation(CREATE_SUCCEEDED), None);
    assert_eq!(
        lab.conditions("a"),
        ["Ready=False/Creating", "Synced=False/ReconcileError"]
    );
    assert_eq!(
        lab.message("a", "Synced"),
        "create failed: no space left; make room"
    );
    assert_eq!(
        lab.events(),
        ["CannotCreateExternalResource: create failed: no space left; make room"]
    );
    lab.settle("a").await;
    assert_eq!(lab.conditions("a"), ALL_GOOD);
}

#[tokio::test(start_paused = true)]
async fn a_create_whose_answer_is_lost_is_neither_recorded_as_failed_nor_as_succeeded() {
    let lab = Lab::new();
    lab.server.put(&fake_with_secret("a", 3));
    lab.world.lose_next("create");
    lab.pass("a").await;
    assert_eq!(lab.object("a").annotation(CREATE_FAILED), None);
    assert_eq!(lab.object("a").annotation(CREATE_SUCCEEDED), None);
    lab.trail.take();
    lab.settle("a").await;
    assert_eq!(lab.conditions("a"), ALL_GOOD);
    assert!(!lab.trail.take().contains(&"external create a".to_owned()));
    assert_eq!(lab.stored("a", "password"), lab.thing("a").password);
}

#[tokio::test(start_paused = true)]
async fn what_exists_and_matches_is_adopted_and_ready_after_one_pass() {
    let lab = Lab::new();
    let thing = Thing {
        size: 3,
        ..Thing::default()
    };
    lab.world.put("given", thing);
    let mut object = fake("a", 3);
    object.metadata.annotations = Some([(EXTERNAL_NAME.to_owned(), "given".to_owned())].into());
    lab.server.put(&object);
    lab.pass("a").await;
    assert_eq!(lab.conditions("a"), ALL_GOOD);
    assert!(lab.object("a").has_finalizer());
    assert_eq!(lab.object("a").external_name(), "given");
    assert_eq!(lab.world.names(), ["given"]);
}

#[tokio::test(start_paused = true)]
async fn the_external_name_follows_from_the_parameters_unless_the_user_gave_one() {
    let lab = Lab::new();
    let mut object = fake("a", 3);
    object.spec.for_provider.alias = Some("derived".into());
    lab.server.put(&object);
    object.metadata.name = Some("b".into());
    object.metadata.annotations = Some([(EXTERNAL_NAME.to_owned(), "given".to_owned())].into());
    lab.server.put(&object);
    lab.pass("a").await;
    lab.pass("b").await;
    assert_eq!(lab.object("a").annotation(EXTERNAL_NAME), Some("derived"));
    assert_eq!(lab.world.names(), ["derived", "given"]);
}

#[tokio::test(start_paused = true)]
async fn no_finalizer_is_added_before_the_first_successful_look() {
    let lab = Lab::new();
    lab.server.put(&fake("a", 3));
    lab.world.set_down(true);
    assert_eq!(lab.pass("a").await, Wake::Backoff);
    assert!(!lab.object("a").has_finalizer());
    assert_eq!(
        lab.message("a", "Synced"),
        "connect failed: nobody answers at fake:1; check the server and the network"
    );
    lab.delete("a");
    assert!(lab.get("a").is_none());
}

#[tokio::test(start_paused = true)]
async fn the_success_of_a_create_is_marked_at_the_next_look_and_once() {
    let lab = Lab::new();
    lab.server.put(&fake("a", 3));
    lab.pass("a").await;
    assert_eq!(lab.object("a").annotation(CREATE_SUCCEEDED), None);
    lab.server.take_writes();
    lab.wait(Duration::from_secs(60)).await;
    lab.pass("a").await;
    assert_eq!(lab.writes(), ["patch fakes/a"]);
    let object = lab.object("a");
    assert!(object.annotation(CREATE_SUCCEEDED) > object.annotation(CREATE_PENDING));
    lab.server.take_writes();
    lab.pass("a").await;
    assert_eq!(lab.writes(), [""; 0]);
}

#[tokio::test(start_paused = true)]
async fn looks_that_follow_a_create_at_once_leave_its_mark_to_a_quieter_moment() {
    let lab = Lab::new();
    lab.server.put(&fake("a", 3));
    lab.pass("a").await;
    lab.server.take_writes();
    for _ in 0..3 {
        lab.wait(Duration::from_secs(5)).await;
        lab.pass("a").await;
    }
    assert_eq!(lab.writes(), [""; 0]);
    lab.wait(Duration::from_secs(15)).await;
    lab.pass("a").await;
    assert!(lab.object("a").annotation(CREATE_SUCCEEDED).is_some());
}

#[tokio::test(start_paused = true)]
async fn a_resource_that_is_made_again_is_marked_in_the_same_pass() {
    let lab = Lab::settled(&fake("a", 3)).await;
    lab.wait(Duration::from_secs(1)).await;
    lab.world.remove("a");
    lab.pass("a").await;
    let object = lab.object("a");
    assert!(object.annotation(CREATE_SUCCEEDED) >= object.annotation(CREATE_PENDING));
    assert_eq!(lab.world.names(), ["a"]);
}

#[tokio::test(start_paused = true)]
async fn an_edit_made_while_create_runs_is_neither_reverted_nor_taken_for_carried_out() {
    let mut lab = Lab::new();
    lab.server.put(&fake("a", 3));
    let server = lab.server.clone();
    lab.world.meanwhile("create", move || {
        let edit =
            |object: &mut serde_json::Value| object["spec"]["forProvider"]["size"] = json!(5);
        server.edit::<crate::testing::lab::FakeResource>(NAMESPACE, "a", edit);
    });
    lab.pass("a").await;
    assert_eq!(lab.object("a").spec.for_provider.size, 5);
    assert_eq!(lab.object("a").status.unwrap().observed_generation, Some(1));
    lab.events();
    lab.pass("a").await;
    assert_eq!(lab.thing("a").size, 5);
    assert_eq!(lab.events(), ["UpdatedExternalResource: updated size"]);
    assert_eq!(lab.object("a").status.unwrap().last_drift, None);
}

#[tokio::test(start_paused = true)]
async fn an_error_while_recording_leaves_the_message_and_heals() {
    let lab = Lab::new();
    lab.server.put(&fake("a", 3));
    lab.server
        .fail_next("patch fakes/a", Fault::Refuse(422, "Invalid"));
    lab.pass("a").await;
    let message = lab.message("a", "Synced");
    assert!(
        message.starts_with("cannot update managed resource: cannot write Fake a: "),
        "{message}"
    );
    lab.world.fail_next("observe", other("broken pipe"));
    lab.settle("a").await;
    assert_eq!(lab.conditions("a"), ALL_GOOD);
}

#[tokio::test(start_paused = true)]
async fn the_finalizer_is_stored_before_create_is_called() {
    let lab = Lab::new();
    lab.server.put(&fake("a", 3));
    let server = lab.server.clone();
    let stored = std::sync::Arc::new(std::sync::Mutex::new(None));
    let seen = std::sync::Arc::clone(&stored);
    lab.world.meanwhile("create", move || {
        let object = server.get::<crate::testing::lab::FakeResource>(NAMESPACE, "a");
        *seen.lock().unwrap() = object;
    });
    lab.pass("a").await;
    let stored = stored.lock().unwrap().take().unwrap();
    assert!(stored.has_finalizer());
    assert!(stored.annotation(CREATE_PENDING).is_some());
    assert_eq!(stored.annotation(EXTERNAL_NAME), Some("a"));
}
