//! Passes that somebody asks for by annotation: each is acknowledged, however it ends. And passes that
//! nobody asked for in a long time.

use std::time::Duration;

use serde_json::json;

use super::other;
use crate::{
    dependents::{ObjectId, Source},
    external::SeenSecret,
    resource::{FINALIZER, PAUSED, RECONCILE_REQUESTED},
    testing::lab::{FakeResource, Lab, NAMESPACE, fake},
};

fn handled(lab: &Lab) -> Option<String> {
    lab.object("a").status?.last_handled_reconcile_at
}

#[tokio::test(start_paused = true)]
async fn a_requested_pass_is_acknowledged_once() {
    let mut lab = Lab::settled(&fake("a", 1)).await;
    lab.annotate("a", RECONCILE_REQUESTED, "now");
    lab.sync();
    assert_eq!(lab.queued(), ["a"]);
    lab.pass("a").await;
    assert_eq!(handled(&lab).as_deref(), Some("now"));
    assert_eq!(
        lab.events(),
        ["ReconcileRequestHandled: Handling reconcile request"]
    );
    lab.pass("a").await;
    assert_eq!(lab.events(), [""; 0]);
}

#[tokio::test(start_paused = true)]
async fn a_requested_pass_is_acknowledged_even_when_it_fails_or_is_paused() {
    let lab = Lab::settled(&fake("a", 1)).await;
    lab.annotate("a", RECONCILE_REQUESTED, "one");
    lab.world.fail_next("observe", other("broken"));
    lab.pass("a").await;
    assert_eq!(handled(&lab).as_deref(), Some("one"));
    lab.annotate("a", PAUSED, "true");
    lab.annotate("a", RECONCILE_REQUESTED, "two");
    lab.pass("a").await;
    assert_eq!(handled(&lab).as_deref(), Some("two"));
}

#[tokio::test(start_paused = true)]
async fn a_pass_requested_while_one_runs_is_left_to_the_next() {
    let mut lab = Lab::settled(&fake("a", 1)).await;
    let (server, controller) = (lab.server.clone(), std::sync::Arc::clone(&lab.controller));
    lab.world.meanwhile("observe", move || {
        server.edit::<FakeResource>(NAMESPACE, "a", |object| {
            object["metadata"]["annotations"][RECONCILE_REQUESTED] = json!("late");
        });
        let edited = server.get::<FakeResource>(NAMESPACE, "a").unwrap();
        controller.applied(edited, crate::queue::Priority::Fresh);
    });
    lab.pass("a").await;
    assert_eq!(handled(&lab), None);
    lab.pass("a").await;
    assert_eq!(handled(&lab).as_deref(), Some("late"));
    assert_eq!(
        lab.events(),
        ["ReconcileRequestHandled: Handling reconcile request"]
    );
}

#[tokio::test(start_paused = true)]
async fn a_requested_pass_is_acknowledged_while_deletion_waits() {
    let lab = Lab::settled(&fake("a", 3)).await;
    lab.edit("a", |object| {
        object["metadata"]["finalizers"] = json!([FINALIZER, "example.org/backup"]);
    });
    lab.delete("a");
    lab.annotate("a", RECONCILE_REQUESTED, "now");
    lab.pass("a").await;
    assert_eq!(handled(&lab).as_deref(), Some("now"));
}

#[tokio::test(start_paused = true)]
async fn what_was_not_looked_at_for_two_polls_is_found_again() {
    let lab = Lab::settled(&fake("a", 1)).await;
    lab.server.put(&fake("b", 1));
    lab.settle("b").await;
    lab.queued();
    lab.controller.sweep();
    assert_eq!(lab.queued(), [""; 0]);
    lab.wait(Duration::from_secs(140)).await;
    lab.pass("b").await;
    lab.queued();
    lab.controller.sweep();
    assert_eq!(lab.queued(), ["a"]);
}

#[tokio::test(start_paused = true)]
async fn a_secret_that_what_was_found_depends_on_asks_for_a_look_when_it_changes() {
    let lab = Lab::settled(&fake("a", 1)).await;
    let seen = SeenSecret {
        namespace: "elsewhere".into(),
        name: "certificates".into(),
        version: "1".into(),
    };
    lab.world.edit("a", |thing| thing.made_of = Some(seen));
    lab.pass("a").await;
    lab.queued();
    let source = Source::Object(ObjectId::secret("elsewhere", "certificates"));
    lab.controller.runtime.wake(&source, "1");
    assert_eq!(lab.queued(), [""; 0]);
    lab.controller.runtime.wake(&source, "2");
    assert_eq!(lab.queued(), ["a"]);
}
