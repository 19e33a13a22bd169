//! Plan before touch: what would be done is told, and nothing is done.

use serde_json::json;

use super::{ALL_GOOD, other};
use crate::{
    external::ExternalError,
    policy::ManagementAction::Observe,
    queue::Wake,
    reference::NamedReference,
    resource::PLAN,
    testing::{
        Thing,
        lab::{FakeResource, Lab, fake, fake_with_secret},
    },
};

fn planned(mut object: FakeResource) -> FakeResource {
    let annotations = object.metadata.annotations.get_or_insert_default();
    annotations.insert(PLAN.into(), "true".into());
    object
}

fn plan(lab: &Lab, name: &str) -> Vec<String> {
    let status = lab.object(name).status.unwrap();
    let steps = status.plan.iter();
    steps
        .map(|step| format!("{}: {}", step.target, step.action))
        .collect()
}

#[tokio::test(start_paused = true)]
async fn what_would_be_made_is_told_and_nothing_is_written_but_the_status() {
    let mut lab = Lab::new();
    lab.server.put(&planned(fake_with_secret("a", 3)));
    assert!(matches!(lab.pass("a").await, Wake::After(_)));
    assert_eq!(
        plan(&lab, "a"),
        [
            "Secret shop/a: store endpoint, password, username",
            "fake:1: create a"
        ]
    );
    assert_eq!(
        lab.message("a", "Synced"),
        "the annotation tenancy.pnats.cloud/plan holds back 2 steps, see status.plan; remove it to go on"
    );
    assert_eq!(
        lab.conditions("a"),
        ["Ready=False/Creating", "Synced=False/ReconcilePaused"]
    );
    assert_eq!(lab.events(), ["Planned: 2 steps; see status.plan"]);
    assert_eq!(lab.world.names(), [""; 0]);
    assert_eq!(lab.stored("a", "password"), None);
    let object = lab.object("a");
    assert_eq!(object.metadata.finalizers, None);
    assert_eq!(object.metadata.annotations.unwrap().len(), 1);
}

#[tokio::test(start_paused = true)]
async fn a_plan_that_stays_the_same_is_written_and_told_once() {
    let mut lab = Lab::new();
    lab.server.put(&planned(fake_with_secret("a", 3)));
    lab.pass("a").await;
    lab.forget();
    lab.pass("a").await;
    assert_eq!((lab.writes(), lab.events()), (vec![], vec![]));
}

#[tokio::test(start_paused = true)]
async fn without_the_annotation_the_plan_is_carried_out_and_gone() {
    let lab = Lab::new();
    lab.server.put(&planned(fake_with_secret("a", 3)));
    lab.pass("a").await;
    lab.annotate("a", PLAN, "false");
    lab.settle("a").await;
    assert_eq!(lab.conditions("a"), ALL_GOOD);
    assert_eq!(plan(&lab, "a"), [""; 0]);
    assert_eq!(lab.thing("a").size, 3);
}

#[tokio::test(start_paused = true)]
async fn a_changed_spec_is_planned_field_by_field_where_nothing_better_is_known() {
    let lab = Lab::settled(&fake("a", 3)).await;
    lab.world.never_rehearse();
    lab.annotate("a", PLAN, "true");
    lab.edit("a", |object| {
        object["spec"]["forProvider"]["size"] = json!(4);
    });
    lab.pass("a").await;
    assert_eq!(plan(&lab, "a"), ["Fake a: set size to 4, found 3"]);
    assert_eq!(lab.message("a", "UpToDate"), "size: want 4, found 3");
    assert_eq!(lab.thing("a").size, 3);
    lab.annotate("a", PLAN, "false");
    lab.pass("a").await;
    let status = lab.object("a").status.unwrap();
    assert_eq!(lab.thing("a").size, 4);
    // The change was asked for; nobody else has touched the thing.
    assert_eq!(status.last_drift, None);
}

#[tokio::test(start_paused = true)]
async fn a_hand_edit_is_planned_to_be_corrected_and_stays_until_then() {
    let lab = Lab::settled(&fake("a", 3)).await;
    lab.annotate("a", PLAN, "true");
    lab.world.edit("a", |thing| thing.size = 9);
    lab.pass("a").await;
    assert_eq!(plan(&lab, "a"), ["fake:1: update a"]);
    assert_eq!(lab.thing("a").size, 9);
    assert_eq!(
        lab.conditions("a"),
        [
            "Ready=True/Available",
            "Synced=False/ReconcilePaused",
            "UpToDate=False/UpdateRestricted"
        ]
    );
}

#[tokio::test(start_paused = true)]
async fn a_deletion_is_planned_and_waits() {
    let lab = Lab::settled(&fake("a", 3)).await;
    lab.annotate("a", PLAN, "true");
    lab.delete("a");
    lab.pass("a").await;
    assert_eq!(plan(&lab, "a"), ["fake:1: delete a"]);
    assert_eq!(lab.world.names(), ["a"]);
    lab.annotate("a", PLAN, "false");
    lab.settle("a").await;
    assert!(lab.get("a").is_none() && lab.world.names().is_empty());
}

#[tokio::test(start_paused = true)]
async fn what_matches_has_nothing_to_plan_and_is_well() {
    let mut lab = Lab::settled(&fake("a", 3)).await;
    lab.annotate("a", PLAN, "true");
    lab.forget();
    lab.pass("a").await;
    assert_eq!(lab.conditions("a"), ALL_GOOD);
    assert_eq!(lab.writes(), [""; 0]);
}

#[tokio::test(start_paused = true)]
async fn what_may_only_be_observed_says_what_would_be_done_to_it() {
    let lab = Lab::new();
    let mut object = fake("a", 3);
    object.spec.management_policies = vec![Observe];
    lab.server.put(&object);
    lab.pass("a").await;
    assert_eq!(plan(&lab, "a"), ["fake:1: create a"]);
    let thing = Thing {
        size: 5,
        ..Thing::default()
    };
    lab.world.put("a", thing);
    lab.pass("a").await;
    assert_eq!(plan(&lab, "a"), ["fake:1: update a"]);
    lab.world.edit("a", |thing| thing.size = 3);
    lab.pass("a").await;
    assert_eq!(plan(&lab, "a"), [""; 0]);
}

#[tokio::test(start_paused = true)]
async fn a_step_that_would_fail_says_so_in_the_plan() {
    let lab = Lab::new();
    lab.server.put(&planned(fake("a", 3)));
    lab.world.fail_next("create", other("the disk is full"));
    lab.pass("a").await;
    assert_eq!(
        plan(&lab, "a"),
        [": this would fail: the disk is full; try it by hand"]
    );
    let blocked = ExternalError::blocked("the shelf", "there is no shelf", "put one up");
    lab.world.fail_next("create", blocked);
    lab.pass("a").await;
    assert_eq!(
        plan(&lab, "a"),
        [": not yet: there is no shelf; put one up"]
    );
}

#[tokio::test(start_paused = true)]
async fn what_is_planned_may_build_on_what_is_only_planned_too() {
    let lab = Lab::new();
    lab.server.put(&planned(fake("parent", 3)));
    let mut child = planned(fake("child", 3));
    child.spec.for_provider.parent_ref = Some(NamedReference::to("parent"));
    lab.server.put(&child);
    lab.pass("parent").await;
    lab.pass("child").await;
    assert_eq!(plan(&lab, "child"), ["fake:1: create child"]);
    lab.annotate("child", PLAN, "false");
    lab.pass("child").await;
    // Who is to be made for real waits for who is.
    assert_eq!(lab.world.names(), [""; 0]);
}
