//! From an object on its way out to nothing left.

use std::time::Duration;

use k8s_openapi::api::core::v1::Secret;
use serde_json::json;

use super::{default_config, other};
use crate::{
    config::{ClusterProviderConfig, ProviderConfigUsage},
    external::ExternalError,
    input::SecretKeyRef,
    policy::ManagementAction::{Create, Observe, Update},
    queue::Wake,
    reference::NamedReference,
    resource::FINALIZER,
    testing::{
        FakeSettings, Fault,
        lab::{FakeResource, Lab, NAMESPACE, fake, fake_with_secret, secret},
    },
};

fn orphaned() -> FakeResource {
    let mut object = fake_with_secret("a", 3);
    object.spec.management_policies = vec![Observe, Create, Update];
    object
}

fn usages(lab: &Lab) -> usize {
    lab.server.list::<ProviderConfigUsage<FakeSettings>>().len()
}

#[tokio::test(start_paused = true)]
async fn what_is_deleted_is_seen_gone_before_the_object_and_then_its_usage_go() {
    let mut lab = Lab::settled(&fake_with_secret("a", 3)).await;
    let usage = format!(
        "patch providerconfigusages/{}",
        lab.object("a").metadata.uid.unwrap()
    );
    lab.delete("a");
    assert_eq!(lab.pass("a").await, Wake::Gone);
    assert_eq!(
        lab.trail.take(),
        [
            "external observe a",
            "external delete a",
            "external observe a",
            "patch fakes/a",
            usage.as_str()
        ]
    );
    assert!(lab.get("a").is_none() && lab.world.names().is_empty());
    assert_eq!((usages(&lab), lab.stored("a", "password")), (0, None));
    assert_eq!(
        lab.events(),
        ["DeletedExternalResource: Successfully requested deletion of external resource"]
    );
}

#[tokio::test(start_paused = true)]
async fn a_deletion_that_takes_time_keeps_the_object_until_it_is_done() {
    let lab = Lab::settled(&fake("a", 3)).await;
    let (world, thing) = (lab.world.clone(), lab.thing("a"));
    lab.world.meanwhile("observe", || {});
    lab.world
        .meanwhile("observe", move || world.put("a", thing));
    lab.delete("a");
    assert_eq!(lab.pass("a").await, Wake::Backoff);
    assert_eq!(
        lab.conditions("a"),
        [
            "Ready=False/Deleting",
            "Synced=True/ReconcileSuccess",
            "UpToDate=True/ObserveMatched"
        ]
    );
    lab.settle("a").await;
    assert!(lab.get("a").is_none());
}

#[tokio::test(start_paused = true)]
async fn a_failed_deletion_is_named_and_tried_again() {
    let lab = Lab::settled(&fake("a", 3)).await;
    lab.delete("a");
    lab.world.fail_next("delete", other("in use by b"));
    assert_eq!(lab.pass("a").await, Wake::Backoff);
    assert_eq!(
        lab.message("a", "Synced"),
        "delete failed: in use by b; try it by hand"
    );
    assert!(
        lab.conditions("a")
            .contains(&"Ready=False/Deleting".to_owned())
    );
    lab.settle("a").await;
    assert!(lab.get("a").is_none());
}

#[tokio::test(start_paused = true)]
async fn deletion_waits_for_the_finalizers_of_others_and_names_them() {
    let lab = Lab::settled(&fake("a", 3)).await;
    lab.edit("a", |object| {
        object["metadata"]["finalizers"] = json!([FINALIZER, "example.org/backup"]);
    });
    lab.delete("a");
    assert_eq!(lab.pass("a").await, Wake::OnChange);
    assert_eq!(
        lab.message("a", "Ready"),
        "deletion waits for the finalizers example.org/backup"
    );
    assert_eq!(lab.world.names(), ["a"]);
    lab.queued();
    lab.edit("a", |object| {
        object["metadata"]["finalizers"] = json!([FINALIZER]);
    });
    lab.sync();
    assert_eq!(lab.queued(), ["a"]);
    lab.pass("a").await;
    assert!(lab.get("a").is_none() && lab.world.names().is_empty());
}

#[tokio::test(start_paused = true)]
async fn foreground_deletion_does_not_delay_the_external_deletion() {
    let lab = Lab::settled(&fake("a", 3)).await;
    lab.edit("a", |object| {
        object["metadata"]["finalizers"] = json!([FINALIZER, "foregroundDeletion"]);
    });
    lab.delete("a");
    assert_eq!(lab.pass("a").await, Wake::Gone);
    assert!(lab.world.names().is_empty());
    let finalizers = lab.object("a").metadata.finalizers;
    assert_eq!(finalizers, Some(vec!["foregroundDeletion".to_owned()]));
    lab.trail.take();
    assert_eq!(lab.pass("a").await, Wake::Gone);
    assert!(lab.trail.take().is_empty());
}

#[tokio::test(start_paused = true)]
async fn all_copies_of_the_finalizer_go() {
    let lab = Lab::settled(&fake("a", 3)).await;
    lab.edit("a", |object| {
        object["metadata"]["finalizers"] = json!([FINALIZER, FINALIZER]);
    });
    lab.delete("a");
    lab.pass("a").await;
    assert!(lab.get("a").is_none());
}

#[tokio::test(start_paused = true)]
async fn an_orphaned_resource_stays_with_its_secret_even_when_nothing_answers() {
    let lab = Lab::settled(&orphaned()).await;
    lab.world.set_down(true);
    lab.server
        .delete::<ClusterProviderConfig<FakeSettings>>("", "default");
    lab.delete("a");
    assert_eq!(lab.pass("a").await, Wake::Gone);
    assert!(lab.get("a").is_none());
    assert_eq!(lab.world.names(), ["a"]);
    assert_eq!(lab.stored("a", "password"), lab.thing("a").password);
    let secret: Secret = lab.server.get(NAMESPACE, "a").unwrap();
    assert_eq!(secret.metadata.owner_references.unwrap_or_default(), []);
    assert_eq!(usages(&lab), 0);
}

#[tokio::test(start_paused = true)]
async fn a_stuck_deletion_is_freed_by_policies_without_delete() {
    let lab = Lab::settled(&fake("a", 3)).await;
    lab.world.set_down(true);
    lab.delete("a");
    assert_eq!(lab.pass("a").await, Wake::Backoff);
    assert!(
        lab.message("a", "Synced")
            .contains("nobody answers at fake:1")
    );
    lab.edit("a", |object| {
        object["spec"]["managementPolicies"] = json!(["Observe"]);
    });
    assert_eq!(lab.pass("a").await, Wake::Gone);
    assert!(lab.get("a").is_none());
}

#[tokio::test(start_paused = true)]
async fn nothing_that_vanished_first_holds_a_deletion_up() {
    let mut object = fake("b", 3);
    let reference = SecretKeyRef {
        name: "source".into(),
        key: "password".into(),
    };
    object.spec.for_provider.password_secret_ref = Some(reference);
    object.spec.for_provider.parent_ref = Some(NamedReference::to("a"));
    let lab = Lab::settled(&fake("a", 1)).await;
    lab.server
        .put(&secret(NAMESPACE, "source", &[("password", "one")]));
    lab.server.put(&object);
    lab.settle("b").await;
    lab.delete("a");
    lab.settle("a").await;
    lab.server.delete::<Secret>(NAMESPACE, "source");
    lab.server.delete::<Secret>("system", "admin");
    lab.delete("b");
    lab.controller.configs.suspect(&default_config());
    assert_eq!(lab.pass("b").await, Wake::Gone);
    assert!(lab.get("b").is_none() && lab.world.names().is_empty());
}

#[tokio::test(start_paused = true)]
async fn the_last_good_session_serves_a_deletion_right_after_somebody_else_failed() {
    let lab = Lab::settled(&fake("a", 3)).await;
    lab.server.put(&fake("b", 3));
    lab.settle("b").await;
    lab.server.delete::<Secret>("system", "admin");
    lab.controller.configs.suspect(&default_config());
    assert_eq!(lab.pass("b").await, Wake::Backoff);
    lab.delete("a");
    assert_eq!(lab.pass("a").await, Wake::Gone);
}

#[tokio::test(start_paused = true)]
async fn a_deletion_without_credentials_names_the_secret_it_needs() {
    let mut lab = Lab::settled(&fake("a", 3)).await;
    lab.server.delete::<Secret>("system", "admin");
    lab.restart();
    lab.delete("a");
    assert_eq!(lab.pass("a").await, Wake::Backoff);
    assert_eq!(
        lab.message("a", "Synced"),
        "connect failed: Secret system/admin does not exist; create it"
    );
    lab.server
        .put(&secret("system", "admin", &[("password", "root")]));
    lab.settle("a").await;
    assert!(lab.get("a").is_none());
}

#[tokio::test(start_paused = true)]
async fn a_deletion_creates_nothing_so_a_terminating_namespace_cannot_refuse_it() {
    let mut lab = Lab::settled(&fake_with_secret("a", 3)).await;
    lab.restart();
    lab.server
        .fail_next("create", Fault::Refuse(403, "Forbidden"));
    lab.delete("a");
    assert_eq!(lab.pass("a").await, Wake::Gone);
    assert!(lab.get("a").is_none());
}

#[tokio::test(start_paused = true)]
async fn another_writer_does_not_stop_the_finalizer_from_going() {
    let lab = Lab::settled(&fake("a", 3)).await;
    lab.delete("a");
    lab.server
        .fail_next("patch fakes/a", Fault::Overtake("somebody"));
    assert_eq!(lab.pass("a").await, Wake::Gone);
    assert!(lab.get("a").is_none());
}

#[tokio::test(start_paused = true)]
async fn a_deletion_that_was_refused_is_tried_again_when_what_refers_to_it_is_gone() {
    let lab = Lab::settled(&fake("parent", 3)).await;
    let mut child = fake("child", 1);
    child.spec.for_provider.parent_ref = Some(NamedReference::to("parent"));
    lab.server.put(&child);
    lab.settle("child").await;
    lab.delete("parent");
    let in_use = ExternalError::blocked("child", "child needs it", "delete child first");
    lab.world.fail_next("delete", in_use);
    assert_eq!(lab.pass("parent").await, Wake::Backoff);
    lab.delete("child");
    lab.pass("child").await;
    lab.queued();
    lab.sync();
    assert!(lab.queued().contains(&"parent".to_owned()));
}

#[tokio::test(start_paused = true)]
async fn what_others_need_for_their_own_deletion_goes_after_them_within_a_minute() {
    let lab = Lab::settled(&fake_with_secret("a", 3)).await;
    let mut reader = fake("reader", 1);
    reader.spec.for_provider.password_secret_ref = Some(SecretKeyRef {
        name: "a".into(),
        key: "password".into(),
    });
    reader.metadata.finalizers = Some(vec!["example.org/slow".into()]);
    lab.server.put(&reader);
    lab.settle("reader").await;
    lab.delete("a");
    lab.delete("reader");
    lab.sync();
    assert!(matches!(lab.pass("a").await, Wake::Throttled(_)));
    assert_eq!(lab.message("a", "Ready"), "deletion waits for Fake reader");
    assert!(lab.world.thing("a").is_some());
    lab.wait(Duration::from_secs(60)).await;
    assert_eq!(lab.pass("a").await, Wake::Gone);
    assert!(lab.world.thing("a").is_none());
}

#[tokio::test(start_paused = true)]
async fn an_object_that_is_gone_already_is_forgotten() {
    let lab = Lab::settled(&fake("a", 3)).await;
    lab.delete("a");
    lab.pass("a").await;
    lab.wait(Duration::from_secs(1)).await;
    lab.trail.take();
    assert_eq!(lab.stale_pass("a").await, Wake::Gone);
    assert_eq!(lab.pass("a").await, Wake::Gone);
    assert!(!lab.trail.take().contains(&"external delete a".to_owned()));
}
