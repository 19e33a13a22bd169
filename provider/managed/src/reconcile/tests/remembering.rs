//! What is kept in the cluster on behalf of a resource: the ledger and the connection Secret.

use std::collections::BTreeSet;

use k8s_openapi::api::core::v1::Secret;
use serde_json::json;

use super::ALL_GOOD;
use crate::{
    connection::SECRET_TYPE,
    queue::Wake,
    resource::LEDGER,
    testing::{
        Fault,
        lab::{FakeResource, Lab, NAMESPACE, fake, fake_with_secret, secret},
    },
};

fn shared(with: &[&str]) -> FakeResource {
    let mut object = fake("a", 1);
    object.spec.for_provider.shares = names(with);
    object
}

fn names(names: &[&str]) -> BTreeSet<String> {
    names.iter().map(|name| (*name).to_owned()).collect()
}

/// A Secret that says it belongs to another object.
fn owned_by(lab: &Lab, name: &str, kind: &str, owner: &str) {
    let mut foreign = secret(NAMESPACE, name, &[("password", "old")]);
    foreign.type_ = Some(SECRET_TYPE.into());
    lab.server.put(&foreign);
    lab.server.edit::<Secret>(NAMESPACE, name, |secret| {
        secret["metadata"]["ownerReferences"] = json!([
            { "apiVersion": "example.org/v1alpha1", "kind": kind, "name": owner, "uid": "dead", "controller": true }
        ]);
    });
}

#[tokio::test(start_paused = true)]
async fn the_ledger_holds_old_and_new_before_the_change_and_only_the_new_after_it() {
    let lab = Lab::settled(&shared(&["x", "y"])).await;
    lab.world
        .edit("a", |thing| thing.shares.extend(["by-hand".to_owned()]));
    lab.edit("a", |object| {
        object["spec"]["forProvider"]["shares"] = json!(["y", "z"]);
    });
    lab.pass("a").await;
    let steps = lab.trail.take();
    assert_eq!(
        steps,
        [
            "external observe a",
            "patch fakes/a",
            "external update a",
            "external observe a",
            "patch fakes/a",
            "patch fakes/a/status"
        ]
    );
    let ledgers: Vec<_> = lab
        .server
        .take_writes()
        .iter()
        .filter_map(|write| {
            write.body["metadata"]["annotations"][LEDGER]
                .as_str()
                .map(str::to_owned)
        })
        .collect();
    assert_eq!(ledgers, [r#"["x","y","z"]"#, r#"["y","z"]"#]);
    assert_eq!(lab.thing("a").shares, names(&["by-hand", "y", "z"]));
}

#[tokio::test(start_paused = true)]
async fn what_left_the_spec_while_nobody_ran_is_taken_back() {
    let mut lab = Lab::settled(&shared(&["x"])).await;
    lab.edit("a", |object| {
        object["spec"]["forProvider"]["shares"] = json!([]);
    });
    lab.restart();
    lab.settle("a").await;
    assert_eq!(lab.thing("a").shares, names(&[]));
}

#[tokio::test(start_paused = true)]
async fn a_secret_of_somebody_else_is_refused_before_anything_is_made() {
    let lab = Lab::new();
    lab.server
        .put(&secret(NAMESPACE, "a", &[("password", "precious")]));
    lab.server.put(&fake_with_secret("a", 1));
    assert!(matches!(lab.pass("a").await, Wake::After(_)));
    assert_eq!(
        lab.message("a", "Synced"),
        "cannot read connection details: Secret a is not a connection Secret (its type is not connection.crossplane.io/v1alpha1); name another Secret in writeConnectionSecretToRef"
    );
    assert_eq!(lab.stored("a", "password").as_deref(), Some("precious"));
    assert!(lab.world.names().is_empty());
}

#[tokio::test(start_paused = true)]
async fn a_connection_secret_of_another_resource_is_refused() {
    let lab = Lab::new();
    owned_by(&lab, "a", "Fake", "b");
    lab.server.put(&fake_with_secret("a", 1));
    lab.pass("a").await;
    assert!(
        lab.message("a", "Synced")
            .contains("Secret a belongs to Fake b; name another Secret")
    );
    assert_eq!(lab.stored("a", "password").as_deref(), Some("old"));
}

#[tokio::test(start_paused = true)]
async fn a_connection_secret_from_before_a_restore_is_taken_over_with_what_it_holds() {
    let lab = Lab::new();
    owned_by(&lab, "a", "Fake", "a");
    lab.server.put(&fake_with_secret("a", 1));
    lab.settle("a").await;
    assert_eq!(lab.thing("a").password.as_deref(), Some("old"));
    let secret: Secret = lab.server.get(NAMESPACE, "a").unwrap();
    assert_eq!(
        Some(&secret.metadata.owner_references.unwrap()[0].uid),
        lab.object("a").metadata.uid.as_ref()
    );
}

#[tokio::test(start_paused = true)]
async fn a_connection_secret_that_was_deleted_is_written_again_and_works() {
    let lab = Lab::settled(&fake_with_secret("a", 1)).await;
    lab.server.delete::<Secret>(NAMESPACE, "a");
    lab.settle("a").await;
    assert_eq!(lab.conditions("a"), ALL_GOOD);
    assert!(lab.thing("a").password.is_some());
    assert_eq!(lab.stored("a", "password"), lab.thing("a").password);
}

#[tokio::test(start_paused = true)]
async fn a_key_that_was_removed_or_spoilt_is_repaired_and_others_keys_stay() {
    let lab = Lab::settled(&fake_with_secret("a", 1)).await;
    lab.server.edit::<Secret>(NAMESPACE, "a", |secret| {
        secret["data"] = json!({ "endpoint": "d3Jvbmc=", "password": secret["data"]["password"], "mine": "bWluZQ==" });
    });
    lab.settle("a").await;
    assert_eq!(
        lab.stored("a", "endpoint").as_deref(),
        Some("fake.example.org")
    );
    assert_eq!(lab.stored("a", "username").as_deref(), Some("a"));
    assert_eq!(lab.stored("a", "mine").as_deref(), Some("mine"));
    assert_eq!(lab.stored("a", "password"), lab.thing("a").password);
}

#[tokio::test(start_paused = true)]
async fn no_secret_is_written_when_none_is_named() {
    let lab = Lab::settled(&fake("a", 1)).await;
    assert!(lab.server.get::<Secret>(NAMESPACE, "a").is_none());
}

#[tokio::test(start_paused = true)]
async fn a_secret_that_cannot_be_written_keeps_create_from_being_called() {
    let lab = Lab::new();
    lab.server.put(&fake_with_secret("a", 1));
    lab.server
        .fail_next("create secrets", Fault::Refuse(403, "Forbidden"));
    assert_eq!(lab.pass("a").await, Wake::Backoff);
    let message = lab.message("a", "Synced");
    assert!(
        message
            .starts_with("cannot publish connection details: cannot create connection Secret a: "),
        "{message}"
    );
    assert!(
        message.ends_with("; allow the provider to write Secrets here"),
        "{message}"
    );
    assert!(lab.world.names().is_empty());
    lab.settle("a").await;
    assert_eq!(lab.conditions("a"), ALL_GOOD);
}

fn dressed(lab: &Lab, name: &str) -> (Option<String>, Option<String>) {
    let secret: Secret = lab.server.get(NAMESPACE, name).unwrap();
    let value = |map: Option<std::collections::BTreeMap<String, String>>| map?.remove("team");
    (
        value(secret.metadata.labels),
        value(secret.metadata.annotations),
    )
}

#[tokio::test(start_paused = true)]
async fn labels_and_annotations_of_the_reference_are_on_the_secret_from_its_first_moment() {
    let lab = Lab::new();
    let mut object = fake_with_secret("a", 1);
    let reference = object.spec.write_connection_secret_to_ref.as_mut().unwrap();
    reference.labels = [("team".to_owned(), "blue".to_owned())].into();
    reference.annotations = [("team".to_owned(), "a".to_owned())].into();
    lab.server.put(&object);
    lab.pass("a").await;
    assert_eq!(lab.writes().len(), 4);
    assert_eq!(dressed(&lab, "a"), (Some("blue".into()), Some("a".into())));
    lab.edit("a", |object| {
        object["spec"]["writeConnectionSecretToRef"]["labels"] = json!({ "team": "red" });
    });
    lab.settle("a").await;
    assert_eq!(dressed(&lab, "a"), (Some("red".into()), Some("a".into())));
    assert_eq!(lab.stored("a", "password"), lab.thing("a").password);
    lab.settle("a").await;
    lab.server.take_writes();
    lab.pass("a").await;
    assert_eq!(lab.writes(), [""; 0]);
}

#[tokio::test(start_paused = true)]
async fn what_the_secret_holds_follows_a_renamed_reference() {
    let lab = Lab::settled(&fake_with_secret("a", 1)).await;
    let password = lab.thing("a").password;
    lab.server.edit::<Secret>(NAMESPACE, "a", |secret| {
        secret["data"]["mine"] = json!("bWluZQ==");
    });
    lab.edit("a", |object| {
        object["spec"]["writeConnectionSecretToRef"]["name"] = json!("b");
    });
    lab.settle("a").await;
    assert!(lab.server.get::<Secret>(NAMESPACE, "a").is_none());
    assert_eq!(lab.stored("b", "password"), password);
    assert_eq!(lab.stored("b", "mine").as_deref(), Some("mine"));
    assert_eq!(lab.thing("a").password, password);
}

#[tokio::test(start_paused = true)]
async fn a_renamed_reference_to_a_secret_of_somebody_else_moves_nothing() {
    let lab = Lab::settled(&fake_with_secret("a", 1)).await;
    lab.server
        .put(&secret(NAMESPACE, "b", &[("password", "precious")]));
    lab.edit("a", |object| {
        object["spec"]["writeConnectionSecretToRef"]["name"] = json!("b");
    });
    lab.pass("a").await;
    assert_eq!(lab.stored("b", "password").as_deref(), Some("precious"));
    assert_eq!(lab.stored("a", "password"), lab.thing("a").password);
    assert!(lab.message("a", "Synced").contains("name another Secret"));
}
