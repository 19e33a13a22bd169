//! Pause and management policies.

use serde_json::json;

use crate::{
    policy::ManagementAction::{Delete, Observe, Update},
    queue::Wake,
    resource::PAUSED,
    testing::{
        Thing,
        lab::{Lab, fake},
    },
};

#[tokio::test(start_paused = true)]
async fn a_paused_resource_is_left_alone_and_says_so_once() {
    let mut lab = Lab::settled(&fake("a", 3)).await;
    lab.world.edit("a", |thing| thing.size = 9);
    lab.annotate("a", PAUSED, "true");
    assert_eq!(lab.pass("a").await, Wake::OnChange);
    assert_eq!(
        lab.conditions("a"),
        [
            "Ready=True/Available",
            "Synced=False/ReconcilePaused",
            "UpToDate=Unknown/ReconcilePaused"
        ]
    );
    let message =
        "reconciliation is paused by the annotation crossplane.io/paused; remove it to go on";
    assert_eq!(lab.message("a", "Synced"), message);
    assert_eq!(lab.events(), [format!("ReconciliationPaused: {message}")]);
    assert_eq!(lab.trail.take(), ["patch fakes/a/status"]);
    lab.pass("a").await;
    assert_eq!((lab.trail.take(), lab.events()), (vec![], vec![]));
    lab.annotate("a", PAUSED, "false");
    lab.pass("a").await;
    assert_eq!(lab.conditions("a"), super::ALL_GOOD);
}

#[tokio::test(start_paused = true)]
async fn the_empty_list_of_policies_pauses() {
    let lab = Lab::settled(&fake("a", 3)).await;
    lab.edit("a", |object| {
        object["spec"]["managementPolicies"] = json!([]);
    });
    lab.pass("a").await;
    assert_eq!(
        lab.message("a", "Synced"),
        "reconciliation is paused by the empty list managementPolicies; remove it to go on"
    );
}

#[tokio::test(start_paused = true)]
async fn a_paused_deletion_says_what_it_waits_for() {
    let lab = Lab::settled(&fake("a", 3)).await;
    lab.annotate("a", PAUSED, "true");
    lab.delete("a");
    lab.pass("a").await;
    assert_eq!(
        lab.message("a", "Synced"),
        "deletion waits because reconciliation is paused by the annotation crossplane.io/paused; remove it to go on"
    );
    assert_eq!(lab.world.names(), ["a"]);
}

#[tokio::test(start_paused = true)]
async fn policies_that_make_no_sense_are_refused_without_an_external_call() {
    let mut lab = Lab::new();
    let mut object = fake("a", 3);
    object.spec.management_policies = vec![Update, Delete];
    lab.server.put(&object);
    assert_eq!(lab.pass("a").await, Wake::OnChange);
    let message = "management policies [Update, Delete] are not supported; use [\"*\"] or a list that starts with Observe";
    assert_eq!(
        lab.conditions("a"),
        ["Ready=False/Creating", "Synced=False/ReconcileError"]
    );
    assert_eq!(lab.message("a", "Synced"), message);
    assert_eq!(
        lab.events(),
        [format!("CannotUseInvalidManagementPolicy: {message}")]
    );
    assert_eq!(lab.trail.take(), ["patch fakes/a/status"]);
}

#[tokio::test(start_paused = true)]
async fn what_is_only_observed_and_missing_is_said_to_be_missing_and_polled() {
    let mut lab = Lab::new();
    let mut object = fake("a", 3);
    object.spec.management_policies = vec![Observe];
    lab.server.put(&object);
    assert!(matches!(lab.pass("a").await, Wake::After(_)));
    assert_eq!(
        lab.conditions("a"),
        ["Ready=False/Unavailable", "Synced=False/ReconcileError"]
    );
    let message = "observe failed: external resource does not exist; create it, or add Create to managementPolicies";
    assert_eq!(lab.message("a", "Synced"), message);
    assert_eq!(
        lab.events(),
        [format!("CannotObserveExternalResource: {message}")]
    );
    assert!(lab.world.names().is_empty());
}

#[tokio::test(start_paused = true)]
async fn what_may_be_updated_but_not_created_is_said_to_be_missing() {
    let lab = Lab::new();
    let mut object = fake("a", 3);
    object.spec.management_policies = vec![Observe, Update];
    lab.server.put(&object);
    lab.pass("a").await;
    assert!(lab.message("a", "Synced").contains("does not exist"));
    assert!(!lab.trail.take().contains(&"external update a".to_owned()));
}

#[tokio::test(start_paused = true)]
async fn what_is_only_observed_shows_what_was_found() {
    let lab = Lab::new();
    lab.world.put(
        "a",
        Thing {
            size: 9,
            ..Thing::default()
        },
    );
    let mut object = fake("a", 3);
    object.spec.management_policies = vec![Observe];
    lab.server.put(&object);
    lab.pass("a").await;
    assert_eq!(lab.object("a").status.unwrap().at_provider.size, 9);
    assert_eq!(lab.thing("a").size, 9);
    assert_eq!(lab.message("a", "UpToDate"), "size: want 3, found 9");
}

#[tokio::test(start_paused = true)]
async fn policies_that_make_no_sense_and_do_not_delete_let_an_object_go() {
    let mut lab = Lab::settled(&fake("a", 3)).await;
    lab.edit("a", |object| {
        object["spec"]["managementPolicies"] = json!(["Update"]);
    });
    lab.delete("a");
    assert_eq!(lab.pass("a").await, Wake::Gone);
    assert!(lab.get("a").is_none());
    assert_eq!(lab.world.names(), ["a"]);
    assert!(!lab.trail.take().contains(&"external observe a".to_owned()));
    assert_eq!(lab.events(), [""; 0]);
}

#[tokio::test(start_paused = true)]
async fn what_does_not_exist_and_may_not_be_made_gets_no_secret() {
    let lab = Lab::new();
    let mut object = crate::testing::lab::fake_with_secret("a", 3);
    object.spec.management_policies = vec![Observe];
    lab.server.put(&object);
    lab.pass("a").await;
    assert_eq!(
        lab.writes(),
        ["create providerconfigusages", "patch fakes/a/status"]
    );
}
