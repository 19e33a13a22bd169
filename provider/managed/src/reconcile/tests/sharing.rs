//! Several processes that share the resources.

use std::time::Duration;

use super::{ALL_GOOD, other};
use crate::{
    queue::Wake,
    resource::{CREATE_PENDING, CREATING_SHARD},
    testing::{
        Moment,
        lab::{Lab, fake},
    },
};

/// Two shards, and the resource `a` in the first one.
fn two_shards() -> (Lab, Lab) {
    let first = Lab::new().shard(0, 2);
    let second = first.shard(1, 2);
    first.server.put(&fake("a", 1));
    first.hand_to(0, "a");
    (first, second)
}

fn creates(lab: &Lab) -> usize {
    let steps = lab.trail.steps();
    steps
        .iter()
        .filter(|step| *step == "external create a")
        .count()
}

/// Has the first shard stop right before it creates `a`.
async fn begin_to_create(first: &Lab) {
    let rehearsed = {
        let rehearsal = Lab::new().shard(0, 2);
        rehearsal.server.put(&fake("a", 1));
        rehearsal.hand_to(0, "a");
        rehearsal.trail.take();
        rehearsal.pass("a").await;
        rehearsal.trail.take()
    };
    let create = rehearsed
        .iter()
        .position(|step| step == "external create a");
    assert!(first.pass_until("a", create.unwrap(), Moment::Before).await);
}

#[tokio::test(start_paused = true)]
async fn each_shard_looks_at_its_own_resources_only() {
    let (first, second) = two_shards();
    first.server.put(&fake("b", 1));
    first.hand_to(1, "b");
    first.sync();
    second.sync();
    assert_eq!(first.queued(), ["a"]);
    assert_eq!(second.queued(), ["b"]);
    assert_eq!(second.pass("a").await, Wake::Gone);
    assert_eq!(second.writes(), [""; 0]);
    second.controller.sweep();
    assert_eq!(second.queued(), ["b"]);
}

#[tokio::test(start_paused = true)]
async fn a_resource_that_changes_hands_is_looked_at_there_and_no_longer_here() {
    let (first, second) = two_shards();
    first.settle("a").await;
    second.sync();
    first.hand_to(1, "a");
    first.writes();
    assert_eq!(first.pass("a").await, Wake::Gone);
    assert_eq!(first.writes(), [""; 0]);

    second.sync();
    assert_eq!(second.queued(), ["a"]);
    second.world.edit("a", |thing| thing.size = 9);
    second.settle("a").await;
    assert_eq!(second.conditions("a"), ALL_GOOD);
    assert_eq!((second.thing("a").size, creates(&second)), (1, 1));
}

#[tokio::test(start_paused = true)]
async fn a_create_is_signed_where_there_are_several_shards() {
    let (first, _) = two_shards();
    first.pass("a").await;
    assert_eq!(first.object("a").annotation(CREATING_SHARD), Some("0/2"));
    let alone = Lab::settled(&fake("a", 1)).await;
    assert_eq!(alone.object("a").annotation(CREATING_SHARD), None);
}

#[tokio::test(start_paused = true)]
async fn what_another_shard_has_begun_to_create_is_left_to_it_for_as_long_as_a_pass_takes() {
    let (first, second) = two_shards();
    begin_to_create(&first).await;
    first.hand_to(1, "a");
    first.trail.take();
    second.wait(Duration::from_secs(60)).await;
    second.pass("a").await;
    assert_eq!(creates(&second), 0);
    let message = second.message("a", "Synced");
    assert!(
        message.contains("shard 0/2 has begun to create it"),
        "{message}"
    );
    assert!(message.ends_with("after 90 s at the latest"), "{message}");

    second.wait(Duration::from_secs(31)).await;
    second.settle("a").await;
    assert_eq!(creates(&second), 1);
    assert_eq!(second.object("a").annotation(CREATING_SHARD), Some("1/2"));
    assert_eq!(second.conditions("a"), ALL_GOOD);
}

#[tokio::test(start_paused = true)]
async fn what_another_shard_has_begun_to_create_is_not_let_go_meanwhile() {
    let (first, second) = two_shards();
    begin_to_create(&first).await;
    first.hand_to(1, "a");
    first.delete("a");
    second.pass("a").await;
    assert!(second.get("a").is_some());
    second.wait(Duration::from_secs(91)).await;
    assert_eq!(second.pass("a").await, Wake::Gone);
    assert!(second.get("a").is_none());
}

#[tokio::test(start_paused = true)]
async fn a_shard_that_has_not_heard_of_the_change_of_hands_creates_nothing() {
    let (first, second) = two_shards();
    first.sync();
    first.hand_to(1, "a");
    first.stale_pass("a").await;
    assert_eq!(creates(&first), 0);
    second.settle("a").await;
    assert_eq!(creates(&second), 1);
}

#[tokio::test(start_paused = true)]
async fn a_create_that_failed_is_marked_again_so_that_two_shards_cannot_try_at_once() {
    let (first, second) = two_shards();
    first.world.fail_next("create", other("disk full"));
    first.pass("a").await;
    let begun = first
        .object("a")
        .annotation(CREATE_PENDING)
        .map(str::to_owned);
    first.wait(Duration::from_secs(2)).await;
    first.sync();
    first.hand_to(1, "a");
    first.trail.take();
    first.stale_pass("a").await;
    assert_eq!(creates(&first), 0);
    second.settle("a").await;
    assert_eq!(creates(&second), 1);
    assert_ne!(
        second.object("a").annotation(CREATE_PENDING),
        begun.as_deref()
    );
}

#[tokio::test(start_paused = true)]
async fn a_process_that_is_alone_waits_for_what_a_shard_has_begun_too() {
    let (first, _) = two_shards();
    begin_to_create(&first).await;
    first.trail.take();
    let alone = first.shard(0, 1);
    alone.wait(Duration::from_secs(60)).await;
    alone.pass("a").await;
    assert_eq!(creates(&alone), 0);
    alone.wait(Duration::from_secs(31)).await;
    alone.settle("a").await;
    assert_eq!(creates(&alone), 1);
}

#[tokio::test(start_paused = true)]
async fn a_label_that_names_no_shard_is_refused_with_the_shards_there_are() {
    let (mut first, mut second) = two_shards();
    first.hand_to(2, "a");
    first.pass("a").await;
    second.pass("a").await;
    let complaint = "the label tenancy.pnats.cloud/shard names shard \"2\", and there are only the shards 0 to 1; correct the label or remove it";
    assert_eq!(second.message("a", "Synced"), complaint);
    let events = [first.events(), second.events()].concat();
    assert_eq!(events, [format!("UnknownShard: {complaint}")]);
    assert_eq!(creates(&first), 0);

    first.hand_to(1, "a");
    second.settle("a").await;
    assert_eq!(second.conditions("a"), ALL_GOOD);
    first.hand_to(2, "a");
    first.delete("a");
    first.pass("a").await;
    second.pass("a").await;
    assert!(first.get("a").is_none(), "deletion needs no shard");
    assert_eq!(first.world.names(), [""; 0]);
}
