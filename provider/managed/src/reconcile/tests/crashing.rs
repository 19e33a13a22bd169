//! The process dies at every step of a pass, and the next one finishes the work.
//!
//! A step is a write to the API server or a call of the external system, and death comes before it
//! takes effect or after it, when nobody learns of it any more.

use super::work::{ALL, Work, assert_done, ready_for};
use crate::{
    policy::ManagementAction::{Create, Observe},
    testing::{
        Moment,
        lab::{Lab, fake_with_secret},
    },
};

const MOMENTS: [Moment; 2] = [Moment::Before, Moment::After];

/// No pass has more steps than this.
const STEPS: usize = 20;

/// The next process finishes what the one that died had begun.
async fn assert_finished(lab: &mut Lab, work: Work, story: &str) {
    lab.restart();
    lab.settle("a").await;
    assert_done(lab, work, story).await;
}

/// Dies at every step, before it and after it. Returns at how many.
async fn dies_everywhere(work: Work) -> usize {
    let mut deaths = 0;
    for moment in MOMENTS {
        for step in 0..STEPS {
            let mut lab = ready_for(work).await;
            if !lab.pass_until("a", step, moment).await {
                break;
            }
            deaths += 1;
            let story = format!("{work:?} {moment:?} {:?}", lab.trail.steps().last());
            assert_finished(&mut lab, work, &story).await;
        }
    }
    tell(&format!("{work:?}: {deaths} deaths"));
    deaths
}

fn tell(size: &str) {
    println!("crash matrix: {size}");
}

#[tokio::test(start_paused = true)]
async fn a_create_that_dies_at_any_step_is_finished_by_the_next_process() {
    assert!(dies_everywhere(Work::Create).await >= 14);
}

#[tokio::test(start_paused = true)]
async fn an_update_that_dies_at_any_step_is_finished_by_the_next_process() {
    assert!(dies_everywhere(Work::Update).await >= 12);
}

#[tokio::test(start_paused = true)]
async fn a_deletion_that_dies_at_any_step_is_finished_by_the_next_process() {
    assert!(dies_everywhere(Work::Delete).await >= 10);
}

#[tokio::test(start_paused = true)]
async fn a_repair_of_a_secret_that_dies_at_any_step_leaves_credentials_that_work() {
    assert!(dies_everywhere(Work::RepairSecret).await >= 10);
}

#[tokio::test(start_paused = true)]
async fn a_rotation_that_dies_at_any_step_leaves_credentials_that_work() {
    assert!(dies_everywhere(Work::Rotate).await >= 8);
}

/// The second process dies too, at any step of what is left.
#[tokio::test(start_paused = true)]
async fn two_deaths_in_a_row_lose_nothing_either() {
    let mut deaths = 0;
    for work in ALL {
        for first in 0..STEPS {
            for second in 0..STEPS {
                let mut lab = ready_for(work).await;
                let story = format!("{work:?} {first} {second}");
                if !lab.pass_until("a", first, Moment::After).await {
                    break;
                }
                lab.restart();
                if !lab.pass_until("a", second, Moment::After).await {
                    break;
                }
                deaths += 2;
                assert_finished(&mut lab, work, &story).await;
            }
        }
    }
    tell(&format!("two in a row: {deaths} deaths"));
    assert!(deaths >= 100, "only {deaths}");
}

#[tokio::test(start_paused = true)]
async fn an_interrupted_create_holds_no_deletion_up() {
    let mut orphan = fake_with_secret("a", 3);
    orphan.spec.management_policies = vec![Observe, Create];
    for (object, left) in [(fake_with_secret("a", 3), 0), (orphan, 1)] {
        let mut lab = Lab::new();
        lab.server.put(&object);
        // The answer to create never comes back.
        assert!(lab.pass_until("a", 4, Moment::After).await);
        assert_eq!(lab.trail.steps().last().unwrap(), "external create a");
        lab.restart();
        lab.delete("a");
        lab.settle("a").await;
        assert!(lab.get("a").is_none());
        assert_eq!(lab.world.names().len(), left);
    }
}

#[tokio::test(start_paused = true)]
async fn a_secret_that_is_renamed_while_the_process_dies_is_nowhere_lost_and_nowhere_left() {
    assert!(dies_everywhere(Work::Rename).await >= 8);
}
