//! References and inputs: found, persisted, waited for.

use std::time::Duration;

use k8s_openapi::api::core::v1::Secret;
use rstest::rstest;
use serde_json::json;

use super::ALL_GOOD;
use crate::{
    dependents::{ObjectId, Source},
    input::SecretKeyRef,
    queue::Wake,
    reference::{NamedReference, ReferencePolicy, Resolution, Resolve, Selector},
    testing::lab::{FakeResource, Lab, NAMESPACE, fake, fake_with_secret, key, secret},
};

/// Long after what is made together is new.
const LONG: Duration = Duration::from_secs(40);

fn child(name: &str, parent: NamedReference) -> FakeResource {
    let mut object = fake(name, 1);
    object.spec.for_provider.parent_ref = Some(parent);
    object
}

fn selecting(selector: Selector) -> FakeResource {
    let mut object = fake("child", 1);
    object.spec.for_provider.parent_selector = Some(selector);
    object
}

fn labelled(name: &str, label: &str) -> FakeResource {
    let mut object = fake(name, 1);
    object.metadata.labels = Some([("tier".to_owned(), label.to_owned())].into());
    object
}

fn tier(label: &str) -> Selector {
    Selector {
        match_labels: Some([("tier".to_owned(), label.to_owned())].into()),
        ..Selector::default()
    }
}

#[tokio::test(start_paused = true)]
async fn a_reference_is_resolved_and_persisted_in_the_patch_that_is_written_anyway() {
    let lab = Lab::settled(&fake("parent", 1)).await;
    lab.server
        .put(&child("child", NamedReference::to("parent")));
    lab.pass("child").await;
    let writes = lab.server.take_writes();
    assert_eq!(
        writes[1].body["spec"],
        json!({ "forProvider": { "parent": "parent" } })
    );
    assert_eq!(writes.len(), 3);
    assert_eq!(lab.conditions("child"), ALL_GOOD);
    assert_eq!(
        lab.object("child").status.unwrap().observed_generation,
        Some(2)
    );
}

#[tokio::test(start_paused = true)]
async fn two_references_added_one_after_the_other_both_stay() {
    let lab = Lab::settled(&fake("parent", 1)).await;
    lab.server
        .put(&child("child", NamedReference::to("parent")));
    lab.settle("child").await;
    lab.edit("child", |object| {
        object["spec"]["forProvider"]["peerRef"] = json!({ "name": "parent" });
    });
    lab.settle("child").await;
    lab.server.take_writes();
    for _ in 0..3 {
        lab.pass("child").await;
    }
    let spec = lab.object("child").spec.for_provider;
    assert_eq!(
        (spec.parent.as_deref(), spec.peer.as_deref()),
        (Some("parent"), Some("parent"))
    );
    assert_eq!(lab.writes(), [""; 0]);
}

#[tokio::test(start_paused = true)]
async fn a_missing_reference_is_named_and_its_coming_wakes_who_waits_for_it() {
    let mut lab = Lab::new();
    lab.server
        .put(&child("child", NamedReference::to("parent")));
    lab.wait(LONG).await;
    assert_eq!(lab.pass("child").await, Wake::Backoff);
    let message = "cannot resolve references: Fake parent named in parentRef does not exist; create it in this namespace, or correct the name";
    assert_eq!(lab.message("child", "Synced"), message);
    assert_eq!(
        lab.events(),
        [format!("CannotResolveResourceReferences: {message}")]
    );
    lab.queued();
    lab.server.put(&fake("parent", 1));
    lab.sync();
    let mut queued = lab.queued();
    queued.sort();
    assert_eq!(queued, ["child", "parent"]);
    lab.settle("parent").await;
    assert_eq!(lab.queued(), ["child"]);
    lab.settle("child").await;
    assert_eq!(lab.conditions("child"), ALL_GOOD);
}

#[tokio::test(start_paused = true)]
async fn what_is_made_together_waits_for_each_other_without_a_write_at_first() {
    let mut lab = Lab::new();
    lab.server
        .put(&child("child", NamedReference::to("parent")));
    assert_eq!(lab.pass("child").await, Wake::Backoff);
    assert_eq!((lab.writes(), lab.events()), (vec![], vec![]));
    lab.wait(Duration::from_secs(5)).await;
    lab.pass("child").await;
    assert_eq!((lab.writes().len(), lab.events()), (1, vec![]));
}

#[tokio::test(start_paused = true)]
async fn a_reference_waits_until_what_it_points_to_exists_outside() {
    let lab = Lab::new();
    lab.server.put(&fake("parent", 1));
    lab.server
        .put(&child("child", NamedReference::to("parent")));
    lab.wait(LONG).await;
    lab.pass("child").await;
    assert_eq!(
        lab.message("child", "Synced"),
        "cannot resolve references: Fake parent is not there yet; wait for it, or see what it waits for"
    );
    assert_eq!(lab.world.names(), [""; 0]);
}

#[tokio::test(start_paused = true)]
async fn an_optional_reference_that_is_missing_is_left_out() {
    let lab = Lab::new();
    let policy = ReferencePolicy {
        resolution: Resolution::Optional,
        ..ReferencePolicy::default()
    };
    let parent = NamedReference {
        name: "parent".into(),
        policy: Some(policy),
    };
    lab.server.put(&child("child", parent));
    lab.pass("child").await;
    assert_eq!(lab.conditions("child"), ALL_GOOD);
    assert_eq!(lab.object("child").spec.for_provider.parent, None);
}

#[tokio::test(start_paused = true)]
async fn of_several_matches_the_oldest_is_selected() {
    let lab = Lab::new();
    for name in ["z", "a"] {
        lab.server.put(&labelled(name, "gold"));
        lab.settle(name).await;
        lab.wait(Duration::from_secs(10)).await;
    }
    lab.server.put(&selecting(tier("gold")));
    lab.settle("child").await;
    assert_eq!(
        lab.object("child").spec.for_provider.parent.as_deref(),
        Some("z")
    );
}

#[tokio::test(start_paused = true)]
async fn a_selector_without_a_match_is_named_and_the_first_match_wakes_it() {
    let lab = Lab::new();
    lab.server.put(&selecting(tier("gold")));
    lab.wait(LONG).await;
    assert_eq!(lab.pass("child").await, Wake::Backoff);
    assert_eq!(
        lab.message("child", "Synced"),
        "cannot resolve references: no Fake matches parentSelector; create one in this namespace, or correct the selector"
    );
    lab.server.put(&labelled("gold", "gold"));
    lab.settle("gold").await;
    assert!(lab.queued().contains(&"child".to_owned()));
    lab.settle("child").await;
    assert_eq!(lab.conditions("child"), ALL_GOOD);
    lab.server.put(&labelled("more", "gold"));
    lab.queued();
    lab.settle("more").await;
    assert_eq!(lab.queued(), ["more"]);
}

#[tokio::test(start_paused = true)]
async fn match_controller_ref_selects_only_siblings() {
    let owner = |uid: &str| json!([{ "apiVersion": "v1", "kind": "X", "name": "x", "uid": uid, "controller": true }]);
    let lab = Lab::new();
    for (name, uid) in [("a", "other"), ("b", "ours")] {
        lab.server.put(&fake(name, 1));
        lab.edit(name, |object| {
            object["metadata"]["ownerReferences"] = owner(uid);
        });
        lab.settle(name).await;
    }
    let selector = Selector {
        match_controller_ref: Some(true),
        ..Selector::default()
    };
    lab.server.put(&selecting(selector));
    lab.edit("child", |object| {
        object["metadata"]["ownerReferences"] = owner("ours");
    });
    lab.settle("child").await;
    assert_eq!(
        lab.object("child").spec.for_provider.parent.as_deref(),
        Some("b")
    );
}

#[rstest]
#[case::no_secret(
    None,
    "cannot resolve references: Secret shop/source does not exist; create it"
)]
#[case::no_key(
    Some("user"),
    "cannot resolve references: Secret shop/source has no key \"password\", it holds user; add the key \"password\", or correct the reference"
)]
#[tokio::test(start_paused = true)]
async fn a_missing_input_is_named(#[case] key_there: Option<&str>, #[case] message: &str) {
    let lab = Lab::new();
    if let Some(key) = key_there {
        lab.server.put(&secret(NAMESPACE, "source", &[(key, "x")]));
    }
    let mut object = fake("a", 1);
    let reference = SecretKeyRef {
        name: "source".into(),
        key: "password".into(),
    };
    object.spec.for_provider.password_secret_ref = Some(reference);
    lab.server.put(&object);
    lab.wait(LONG).await;
    assert_eq!(lab.pass("a").await, Wake::Backoff);
    assert_eq!(lab.message("a", "Synced"), message);
    assert!(lab.world.names().is_empty());
}

#[tokio::test(start_paused = true)]
async fn a_changed_input_wakes_its_reader_and_an_unchanged_one_does_not() {
    let lab = Lab::new();
    let stored = lab
        .server
        .put(&secret(NAMESPACE, "source", &[("password", "one")]));
    let mut object = fake("a", 1);
    let reference = SecretKeyRef {
        name: "source".into(),
        key: "password".into(),
    };
    object.spec.for_provider.password_secret_ref = Some(reference);
    lab.server.put(&object);
    lab.settle("a").await;
    let source = Source::Object(ObjectId::secret(NAMESPACE, "source"));
    let dependents = &lab.controller.runtime.dependents;
    let seen = stored.metadata.resource_version.unwrap();
    assert!(dependents.behind(&source, &seen).is_empty());
    lab.server.edit::<Secret>(NAMESPACE, "source", |secret| {
        secret["data"]["password"] = json!("dHdv");
    });
    let changed: Secret = lab.server.get(NAMESPACE, "source").unwrap();
    let version = changed.metadata.resource_version.unwrap();
    assert_eq!(dependents.behind(&source, &version), [key("a").into()]);
}

#[tokio::test(start_paused = true)]
async fn a_reference_that_is_always_resolved_follows_what_it_points_to() {
    for (resolve, expected) in [
        (Resolve::Always, "renamed"),
        (Resolve::IfNotPresent, "parent"),
    ] {
        let lab = Lab::settled(&fake("parent", 1)).await;
        let policy = ReferencePolicy {
            resolve,
            ..ReferencePolicy::default()
        };
        let parent = NamedReference {
            name: "parent".into(),
            policy: Some(policy),
        };
        lab.server.put(&child("child", parent));
        lab.settle("child").await;
        lab.annotate("parent", crate::resource::EXTERNAL_NAME, "renamed");
        lab.settle("parent").await;
        lab.settle("child").await;
        let spec = lab.object("child").spec.for_provider;
        assert_eq!(spec.parent.as_deref(), Some(expected));
    }
}

#[tokio::test(start_paused = true)]
async fn whoever_waits_for_the_secret_of_another_resource_says_which_and_not_before_long() {
    let lab = Lab::new();
    lab.world.set_down(true);
    let writer = fake_with_secret("writer", 1);
    lab.server.put(&writer);
    let mut reader = fake("reader", 1);
    let reference = writer.spec.write_connection_secret_to_ref.as_ref().unwrap();
    reader.spec.for_provider.password_secret_ref = Some(SecretKeyRef {
        name: reference.name.clone(),
        key: "password".into(),
    });
    lab.server.put(&reader);
    // Not a back-off: what fails once the Secret is there is a first failure.
    let soon = Wake::After(Duration::from_secs(5));
    assert_eq!(lab.pass("reader").await, soon);
    lab.wait(Duration::from_secs(110)).await;
    assert_eq!(lab.pass("reader").await, soon);
    assert_eq!(lab.conditions("reader"), Vec::<String>::new());
    lab.wait(Duration::from_secs(20)).await;
    lab.pass("reader").await;
    let said = "cannot resolve references: Fake writer has not written Secret shop/writer yet; \
                wait for it, or see what it waits for";
    assert_eq!(lab.message("reader", "Synced"), said);
}

#[tokio::test(start_paused = true)]
async fn nobody_waits_for_a_secret_that_it_should_write_itself() {
    let lab = Lab::new();
    let mut object = fake_with_secret("a", 1);
    let own = object.spec.write_connection_secret_to_ref.as_ref().unwrap();
    object.spec.for_provider.password_secret_ref = Some(SecretKeyRef {
        name: own.name.clone(),
        key: "password".into(),
    });
    lab.server.put(&object);
    lab.wait(LONG).await;
    lab.pass("a").await;
    let said = lab.message("a", "Synced");
    assert!(said.ends_with("does not exist; create it"), "{said}");
}

#[tokio::test(start_paused = true)]
async fn an_optional_reference_that_is_missing_discards_no_other() {
    let lab = Lab::settled(&fake("parent", 1)).await;
    let policy = ReferencePolicy {
        resolution: Resolution::Optional,
        ..ReferencePolicy::default()
    };
    let mut object = child(
        "child",
        NamedReference {
            name: "missing".into(),
            policy: Some(policy),
        },
    );
    object.spec.for_provider.peer_ref = Some(NamedReference::to("parent"));
    lab.server.put(&object);
    lab.settle("child").await;
    let spec = lab.object("child").spec.for_provider;
    assert_eq!((spec.parent, spec.peer.as_deref()), (None, Some("parent")));
}
