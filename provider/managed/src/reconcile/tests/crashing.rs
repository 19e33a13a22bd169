//! The process dies at every step of a pass, and the next one finishes the work.

use k8s_openapi::api::core::v1::Secret;
use serde_json::json;

use super::ALL_GOOD;
use crate::{
    config::ProviderConfigUsage,
    persist,
    testing::{
        FakeSettings, Moment,
        lab::{FakeResource, Lab, fake_with_secret},
    },
};

const MOMENTS: [Moment; 2] = [Moment::Before, Moment::After];

/// No pass has more steps than this.
const STEPS: usize = 20;

#[derive(Clone, Copy, Debug)]
enum Work {
    Create,
    Update,
    Delete,
}

fn resource() -> FakeResource {
    let mut object = fake_with_secret("a", 3);
    object.spec.for_provider.shares = ["x".to_owned()].into();
    object
}

async fn ready_for(work: Work) -> Lab {
    match work {
        Work::Create => {
            let lab = Lab::new();
            lab.server.put(&resource());
            lab
        }
        Work::Update => {
            let lab = Lab::settled(&resource()).await;
            lab.edit("a", |object| {
                object["spec"]["forProvider"]["size"] = json!(4);
                object["spec"]["forProvider"]["shares"] = json!(["y"]);
            });
            lab
        }
        Work::Delete => {
            let lab = Lab::settled(&resource()).await;
            lab.delete("a");
            lab
        }
    }
}

async fn assert_done(lab: &mut Lab, work: Work, story: &str) {
    lab.restart();
    lab.settle("a").await;
    let usages = lab.server.list::<ProviderConfigUsage<FakeSettings>>().len();
    if let Work::Delete = work {
        assert!(lab.get("a").is_none(), "{story}");
        assert!(lab.world.names().is_empty(), "{story}");
        // A usage that outlived its owner by a crash is let go by the reaper.
        assert!(
            lab.server
                .list::<Secret>()
                .iter()
                .all(|secret| secret.metadata.name.as_deref() == Some("admin"))
        );
        return;
    }
    let (size, share) = if let Work::Create = work {
        (3, "x")
    } else {
        (4, "y")
    };
    let thing = lab.thing("a");
    assert_eq!(lab.world.names(), ["a"], "{story}");
    assert_eq!(
        (thing.size, thing.shares),
        (size, [share.to_owned()].into()),
        "{story}"
    );
    assert_eq!(Some(thing.maker), lab.object("a").metadata.uid, "{story}");
    assert!(thing.password.is_some(), "{story}");
    assert_eq!(lab.stored("a", "password"), thing.password, "{story}");
    assert_eq!(lab.conditions("a"), ALL_GOOD, "{story}");
    assert_eq!(
        persist::ledger(&lab.object("a")),
        [share.to_owned()].into(),
        "{story}"
    );
    assert_eq!(lab.object("a").status.unwrap().last_drift, None, "{story}");
    assert_eq!(
        (usages, lab.server.list::<Secret>().len()),
        (1, 2),
        "{story}"
    );
    lab.pass("a").await;
    lab.server.take_writes();
    lab.pass("a").await;
    assert_eq!(lab.writes(), [""; 0], "{story}");
}

async fn dies_everywhere(work: Work, least: usize) {
    let mut deaths = 0;
    for moment in MOMENTS {
        for step in 0..STEPS {
            let mut lab = ready_for(work).await;
            if !lab.pass_until("a", step, moment).await {
                break;
            }
            deaths += 1;
            let story = format!("{work:?} {moment:?} {:?}", lab.trail.steps().last());
            assert_done(&mut lab, work, &story).await;
        }
    }
    assert!(deaths >= 2 * least, "only {deaths} deaths");
}

#[tokio::test(start_paused = true)]
async fn a_create_that_dies_at_any_step_is_finished_by_the_next_process() {
    dies_everywhere(Work::Create, 7).await;
}

#[tokio::test(start_paused = true)]
async fn an_update_that_dies_at_any_step_is_finished_by_the_next_process() {
    dies_everywhere(Work::Update, 6).await;
}

#[tokio::test(start_paused = true)]
async fn a_deletion_that_dies_at_any_step_is_finished_by_the_next_process() {
    dies_everywhere(Work::Delete, 5).await;
}

#[tokio::test(start_paused = true)]
async fn two_deaths_in_a_row_lose_nothing_either() {
    for work in [Work::Create, Work::Update, Work::Delete] {
        for (first, second) in
            (0..STEPS).flat_map(|first| (0..STEPS).map(move |second| (first, second)))
        {
            let mut lab = ready_for(work).await;
            if !lab.pass_until("a", first, Moment::After).await {
                break;
            }
            lab.restart();
            if lab.pass_until("a", second, Moment::After).await {
                assert_done(&mut lab, work, &format!("{work:?} {first} {second}")).await;
            }
        }
    }
}
