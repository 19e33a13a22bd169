//! Values found instead of given, and values for the first moment only.

use serde_json::json;

use super::ALL_GOOD;
use crate::{
    initial::InitialParameters,
    policy::ManagementAction::{Create, Delete, Observe, Update},
    queue::Wake,
    testing::{
        Thing,
        lab::{FakeResource, Lab, fake},
    },
};

fn natural(size: i64) -> Thing {
    Thing {
        size,
        natural_color: Some("grey".into()),
        ..Thing::default()
    }
}

fn color(lab: &Lab) -> Option<String> {
    lab.object("a").spec.for_provider.color
}

#[tokio::test(start_paused = true)]
async fn what_was_found_fills_what_the_spec_leaves_open_once() {
    let lab = Lab::new();
    lab.world.put("a", natural(3));
    lab.server.put(&fake("a", 3));
    lab.pass("a").await;
    assert_eq!(color(&lab).as_deref(), Some("grey"));
    assert_eq!(lab.conditions("a"), ALL_GOOD);
    let object = lab.object("a");
    assert_eq!(
        object.status.unwrap().observed_generation,
        object.metadata.generation
    );
    lab.settle("a").await;
    lab.server.take_writes();
    lab.pass("a").await;
    assert_eq!(lab.writes(), [""; 0]);
}

#[tokio::test(start_paused = true)]
async fn what_was_found_never_replaces_what_the_spec_says() {
    let lab = Lab::new();
    lab.world.put("a", natural(9));
    let mut object = fake("a", 3);
    object.spec.for_provider.color = Some("blue".into());
    lab.server.put(&object);
    lab.settle("a").await;
    let spec = lab.object("a").spec.for_provider;
    assert_eq!((spec.size, spec.color.as_deref()), (3, Some("blue")));
    assert_eq!(lab.thing("a").size, 3);
}

#[tokio::test(start_paused = true)]
async fn what_was_found_stays_out_of_the_spec_without_late_initialize_whatever_else_is_written() {
    let lab = Lab::new();
    lab.world.put("a", natural(9));
    let mut object = fake("a", 3);
    object.spec.management_policies = vec![Observe, Create, Update, Delete];
    object.spec.for_provider.shares = ["x".to_owned()].into();
    lab.server.put(&object);
    lab.settle("a").await;
    // The finalizer, the name and the ledger were written meanwhile.
    assert!(lab.object("a").has_finalizer());
    assert_eq!(lab.thing("a").size, 3);
    assert_eq!(color(&lab), None);
    assert_eq!(lab.object("a").metadata.generation, Some(1));
}

fn initially(value: &serde_json::Value) -> FakeResource {
    let mut object = fake("a", 3);
    let fields = value.as_object().unwrap().clone();
    object.spec.init_provider = Some(InitialParameters::new(fields));
    object
}

#[tokio::test(start_paused = true)]
async fn initial_values_are_used_to_create_and_never_again() {
    let lab = Lab::new();
    let initial = json!({ "color": "red", "size": 7, "shares": ["x"] });
    lab.server.put(&initially(&initial));
    lab.settle("a").await;
    let thing = lab.thing("a");
    // What forProvider says wins.
    assert_eq!((thing.size, thing.color.as_deref()), (3, Some("red")));
    assert!(thing.shares.contains("x"));
    assert_eq!(color(&lab), None);
    lab.world
        .edit("a", |thing| thing.color = Some("green".into()));
    lab.settle("a").await;
    lab.trail.take();
    lab.pass("a").await;
    assert_eq!(lab.trail.take(), ["external observe a"]);
    assert_eq!(lab.thing("a").color.as_deref(), Some("green"));
    assert_eq!(lab.conditions("a"), ALL_GOOD);
}

#[tokio::test(start_paused = true)]
async fn a_change_of_the_initial_values_alone_changes_nothing_outside() {
    let lab = Lab::settled(&initially(&json!({ "color": "red" }))).await;
    lab.edit("a", |object| {
        object["spec"]["initProvider"]["color"] = json!("blue");
    });
    lab.settle("a").await;
    assert!(!lab.trail.take().contains(&"external update a".to_owned()));
    assert_eq!(lab.thing("a").color.as_deref(), Some("red"));
}

#[tokio::test(start_paused = true)]
async fn initial_values_that_do_not_fit_are_named_before_anything_is_made() {
    let lab = Lab::new();
    lab.server.put(&initially(&json!({ "color": 7 })));
    assert!(matches!(lab.pass("a").await, Wake::After(_)));
    let message = lab.message("a", "Synced");
    assert!(
        message.starts_with("create failed: spec.initProvider does not fit: ")
            && message.ends_with("; correct spec.initProvider"),
        "{message}"
    );
    assert!(lab.world.names().is_empty());
}
