//! The API server refuses, is too busy, or answers too late, at every write of a pass. Nothing is lost,
//! and the next passes finish the work.

use rstest::rstest;

use super::work::{ALL, Work, assert_done, ready_for};
use crate::{
    queue::Wake,
    testing::{
        Fault,
        lab::{Lab, NAMESPACE, fake, fake_with_secret},
    },
};

/// The writes of one pass over this work, in order.
async fn writes(work: Work) -> Vec<String> {
    let lab = ready_for(work).await;
    lab.server.take_writes();
    lab.pass("a").await;
    lab.writes()
}

#[rstest]
#[case::another_writer_was_faster(Fault::Refuse(409, "Conflict"))]
#[case::too_many_requests(Fault::Refuse(429, "TooManyRequests"))]
#[case::a_broken_server(Fault::Refuse(500, "InternalError"))]
#[case::a_server_that_goes(Fault::Refuse(503, "ServiceUnavailable"))]
#[case::a_right_that_is_missing_for_a_moment(Fault::Refuse(403, "Forbidden"))]
#[case::an_answer_that_is_lost(Fault::LoseAnswer)]
#[tokio::test(start_paused = true)]
async fn whatever_happens_to_one_write_the_work_is_finished(#[case] fault: Fault) {
    for work in ALL {
        let mut writes = writes(work).await;
        writes.dedup();
        for write in writes {
            let lab = ready_for(work).await;
            let story = format!("{work:?} {write} {fault:?}");
            lab.server.fail_next(write, fault);
            lab.settle("a").await;
            assert_eq!(lab.server.outstanding_faults(), 0, "{story}");
            assert_done(&lab, work, &story).await;
        }
    }
}

#[tokio::test(start_paused = true)]
async fn a_terminating_namespace_refuses_what_is_new_and_the_reason_is_told() {
    let lab = Lab::new();
    lab.server.put(&fake_with_secret("a", 1));
    let refusal = Fault::Refuse(403, "NamespaceTerminating");
    lab.server.fail_next("create secrets", refusal);
    assert_eq!(lab.pass("a").await, Wake::Backoff);
    assert!(lab.message("a", "Synced").contains("NamespaceTerminating"));
    assert!(lab.world.names().is_empty(), "made without its credentials");
}

#[tokio::test(start_paused = true)]
async fn an_object_made_anew_under_the_same_name_is_not_given_the_status_of_the_old_one() {
    let lab = Lab::settled(&fake("a", 1)).await;
    let server = lab.server.clone();
    lab.world.edit("a", |thing| thing.size = 9);
    lab.world.meanwhile("update", move || {
        server.edit::<crate::testing::lab::FakeResource>(NAMESPACE, "a", |object| {
            object["metadata"]["finalizers"] = serde_json::json!([]);
        });
        server.delete::<crate::testing::lab::FakeResource>(NAMESPACE, "a");
        server.put(&fake("a", 1));
    });
    lab.pass("a").await;
    assert!(lab.conditions("a").is_empty(), "{:?}", lab.conditions("a"));
    lab.settle("a").await;
    assert_eq!(lab.conditions("a"), super::ALL_GOOD);
}
