//! What the change log is told: each change of an external resource, once, and nothing else.

use std::collections::BTreeMap;

use prost_types::{Struct, value::Kind as Is};
use serde_json::json;

use super::other;
use crate::{
    changelog::{Entry, Operation},
    testing::lab::{Lab, fake, fake_with_secret},
};

/// Operation and error of each entry.
fn told(entries: &[Entry]) -> Vec<(i32, Option<&str>)> {
    let entries = entries.iter();
    entries
        .map(|entry| (entry.operation, entry.error_message.as_deref()))
        .collect()
}

/// A field of a message, such as `spec.forProvider.size`.
fn field(snapshot: &Struct, path: &str) -> Option<Is> {
    let mut fields = &snapshot.fields;
    let (parents, last) = path.rsplit_once('.').unwrap_or(("", path));
    for parent in parents.split('.') {
        let Some(Is::StructValue(inner)) = &fields.get(parent)?.kind else {
            return None;
        };
        fields = &inner.fields;
    }
    fields.get(last)?.kind.clone()
}

#[tokio::test(start_paused = true)]
async fn create_update_and_delete_are_one_entry_each_and_a_look_is_none() {
    let mut lab = Lab::new();
    lab.server.put(&fake("a", 3));
    lab.settle("a").await;
    assert_eq!(told(&lab.entries()), [(Operation::Create as i32, None)]);
    lab.pass("a").await;
    lab.pass("a").await;
    assert!(lab.entries().is_empty());
    lab.edit("a", |object| {
        object["spec"]["forProvider"]["size"] = json!(5);
    });
    lab.settle("a").await;
    assert_eq!(told(&lab.entries()), [(Operation::Update as i32, None)]);
    lab.delete("a");
    lab.settle("a").await;
    assert_eq!(told(&lab.entries()), [(Operation::Delete as i32, None)]);
}

#[tokio::test(start_paused = true)]
async fn an_entry_says_who_was_changed_why_and_how_it_looked_before() {
    let mut lab = Lab::settled(&fake("a", 3)).await;
    lab.world.edit("a", |thing| thing.size = 9);
    lab.settle("a").await;
    let entry = lab.entries().remove(0);
    let whom = [
        &entry.api_version,
        &entry.kind,
        &entry.name,
        &entry.external_name,
    ];
    assert_eq!(whom, ["example.org/v1alpha1", "Fake", "a", "a"]);
    let object = lab.object("a");
    let details = [
        ("cause", "External"),
        ("diff", "size: want 3, found 9"),
        ("namespace", "shop"),
        ("uid", object.metadata.uid.as_deref().unwrap()),
    ];
    let details = details.map(|(key, value)| (key.to_owned(), value.to_owned()));
    assert_eq!(entry.additional_details, BTreeMap::from(details));
    let before = entry.snapshot.unwrap();
    let size = field(&before, "spec.forProvider.size");
    assert_eq!(size, Some(Is::NumberValue(3.0)));
    // The look that found the difference is not in it yet.
    assert_eq!(field(&before, "status.lastDrift"), None);
}

#[tokio::test(start_paused = true)]
async fn a_change_that_failed_or_whose_answer_was_lost_says_why() {
    let mut lab = Lab::new();
    lab.server.put(&fake("a", 3));
    lab.world.fail_next("create", other("no space left"));
    lab.pass("a").await;
    lab.world.lose_next("create");
    lab.pass("a").await;
    let create = Operation::Create as i32;
    assert_eq!(
        told(&lab.entries()),
        [
            (create, Some("no space left; try it by hand")),
            (
                create,
                Some("the answer was lost; nothing to do, it is retried")
            ),
        ]
    );
}

#[tokio::test(start_paused = true)]
async fn what_must_not_be_done_is_no_entry() {
    let mut lab = Lab::settled(&fake("a", 3)).await;
    lab.edit("a", |object| {
        object["spec"]["managementPolicies"] = json!(["Observe"]);
        object["spec"]["forProvider"]["size"] = json!(5);
    });
    lab.settle("a").await;
    lab.delete("a");
    lab.settle("a").await;
    assert!(lab.get("a").is_none());
    assert!(lab.entries().is_empty());
}

#[tokio::test(start_paused = true)]
async fn no_entry_holds_a_password() {
    let mut lab = Lab::new();
    lab.server.put(&fake_with_secret("a", 3));
    lab.settle("a").await;
    let first = lab.thing("a").password.unwrap();
    lab.world
        .edit("a", |thing| thing.password = Some("by hand".into()));
    lab.settle("a").await;
    lab.delete("a");
    lab.settle("a").await;
    let entries = lab.entries();
    assert_eq!(entries.len(), 3);
    let shown = format!("{entries:?}");
    assert!(
        shown.contains("password: want (sensitive), found (sensitive)"),
        "{shown}"
    );
    for secret in [first.as_str(), "by hand", "root"] {
        assert!(!shown.contains(secret), "{secret}: {shown}");
    }
}
