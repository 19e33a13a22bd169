//! Whatever users, other administrators and fate do, in any order: it ends as the spec says.

use proptest::prelude::*;
use serde_json::json;

use super::{ALL_GOOD, other};
use crate::{
    external::{ExternalError, Failure},
    testing::{
        Moment,
        lab::{Lab, NAMESPACE, fake_with_secret},
    },
};

/// Something that happens to a resource.
#[derive(Clone, Debug)]
enum Event {
    Resize(i64),
    Share(Vec<String>),
    EditByHand(i64),
    ChangePasswordByHand,
    RemoveByHand,
    DeleteSecret,
    Fail(&'static str, bool),
    Lose(&'static str),
    Pass,
    Die(usize, bool),
}

fn operation() -> impl Strategy<Value = &'static str> {
    prop_oneof![Just("observe"), Just("create"), Just("update")]
}

fn event() -> impl Strategy<Value = Event> {
    let share = prop_oneof![
        Just("x".to_owned()),
        Just("y".to_owned()),
        Just("z".to_owned())
    ];
    prop_oneof![
        (1..5_i64).prop_map(Event::Resize),
        prop::collection::vec(share, 0..3).prop_map(Event::Share),
        (1..5_i64).prop_map(Event::EditByHand),
        Just(Event::ChangePasswordByHand),
        Just(Event::RemoveByHand),
        Just(Event::DeleteSecret),
        (operation(), any::<bool>()).prop_map(|(operation, denied)| Event::Fail(operation, denied)),
        operation().prop_map(Event::Lose),
        Just(Event::Pass),
        (0..8_usize, any::<bool>()).prop_map(|(step, after)| Event::Die(step, after)),
    ]
}

async fn happens(lab: &mut Lab, event: Event) {
    let exists = lab.world.thing("a").is_some();
    match event {
        Event::Resize(size) => lab.edit("a", |object| {
            object["spec"]["forProvider"]["size"] = json!(size);
        }),
        Event::Share(with) => lab.edit("a", |object| {
            let with: std::collections::BTreeSet<_> = with.into_iter().collect();
            object["spec"]["forProvider"]["shares"] = json!(with);
        }),
        Event::EditByHand(size) if exists => lab.world.edit("a", |thing| thing.size = size),
        Event::ChangePasswordByHand if exists => lab
            .world
            .edit("a", |thing| thing.password = Some("mine".into())),
        Event::RemoveByHand => lab.world.remove("a"),
        Event::DeleteSecret if lab.stored("a", "password").is_some() => {
            lab.server
                .delete::<k8s_openapi::api::core::v1::Secret>(NAMESPACE, "a");
        }
        Event::EditByHand(_) | Event::ChangePasswordByHand | Event::DeleteSecret => {}
        Event::Fail(operation, true) => {
            let failure = Failure::new("not allowed", "grant it");
            lab.world
                .fail_next(operation, ExternalError::Denied(failure));
        }
        Event::Fail(operation, false) => lab.world.fail_next(operation, other("broken")),
        Event::Lose(operation) => lab.world.lose_next(operation),
        Event::Pass => drop(lab.pass("a").await),
        Event::Die(step, after) => {
            let moment = if after { Moment::After } else { Moment::Before };
            if lab.pass_until("a", step, moment).await {
                lab.restart();
            }
        }
    }
}

async fn ends_as_the_spec_says(events: Vec<Event>) {
    let mut lab = Lab::new();
    lab.server.put(&fake_with_secret("a", 1));
    for event in events {
        happens(&mut lab, event).await;
    }
    lab.settle("a").await;
    // What was still to fail or get lost has had its turn by now, or never will.
    let (object, thing) = (lab.object("a"), lab.thing("a"));
    assert_eq!(lab.conditions("a"), ALL_GOOD);
    assert_eq!(thing.size, object.spec.for_provider.size);
    assert_eq!(thing.shares, object.spec.for_provider.shares);
    assert!(thing.password.is_some());
    assert_eq!(lab.stored("a", "password"), thing.password);
    assert_eq!(
        object.status.unwrap().observed_generation,
        object.metadata.generation
    );
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn any_story_ends_as_the_spec_says(events in prop::collection::vec(event(), 0..12)) {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().start_paused(true).build().unwrap();
        runtime.block_on(ends_as_the_spec_says(events));
    }
}
