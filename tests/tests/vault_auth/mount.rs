//! Secrets engines: made, tuned, told apart by path, and never destroyed by accident.

use std::collections::BTreeMap;

use provider_tenancy::vault::Mount;
use provider_tenancy::vault::adoption::Adopt;
use provider_tenancy::vault::duration::Ttl;
use provider_tenancy::vault::mount::{
    ListingVisibility, MountDeletionPolicy, MountParameters, Tune,
};
use serde_json::{Value, json};

use crate::fixture::{Fixture, owned, refusal};
use crate::pass::{apply, drift, remove, repairs, status};

fn kv(fixture: &Fixture) -> MountParameters {
    MountParameters {
        description: Some("for (all) teams".into()),
        tune: Tune {
            default_lease_ttl: Some(Ttl::new("1h30m")),
            max_lease_ttl: Some(Ttl::new("2h")),
            listing_visibility: Some(ListingVisibility::Hidden),
            audit_non_hmac_request_keys: Some(vec!["b".into(), "a".into()]),
            ..Tune::default()
        },
        ..MountParameters::kv_v2(fixture.name("kv"))
    }
}

#[tokio::test]
async fn a_mount_is_made_as_it_is_written_and_costs_one_read_a_look() {
    let fixture = Fixture::new().await;
    let mut mount = owned::<Mount>("u1", kv(&fixture));
    apply(&fixture.session, &mut mount).await;
    let entry = fixture.entry("sys/mounts", &fixture.name("kv")).await;
    assert_eq!(entry["options"], json!({"version": "2"}));
    assert_eq!(entry["config"]["default_lease_ttl"], 5400);
    let description = entry["description"].as_str().unwrap();
    assert!(
        description.starts_with("for (all) teams ("),
        "{description}"
    );
    let shown = status(&fixture.session, &mount).await;
    assert_eq!(shown.accessor, entry["accessor"]);
    assert_eq!(shown.uuid, entry["uuid"]);
    let api = format!("sys/mounts/{}", fixture.name("kv"));
    let written = fixture.audited(&api, "update");
    apply(&fixture.session, &mut mount).await;
    assert_eq!(fixture.audited(&api, "update"), written);
}

#[tokio::test]
async fn a_hand_edit_is_repaired_field_by_field_and_what_is_not_set_is_left_alone() {
    let fixture = Fixture::new().await;
    let mut mount = owned::<Mount>("u1", kv(&fixture));
    apply(&fixture.session, &mut mount).await;
    let tune = format!("sys/mounts/{}/tune", fixture.name("kv"));
    let edits = [
        (json!({"max_lease_ttl": "9h"}), "tune.maxLeaseTtl"),
        (
            json!({"listing_visibility": "unauth"}),
            "tune.listingVisibility",
        ),
        (
            json!({"audit_non_hmac_request_keys": ["a", "c"]}),
            "tune.auditNonHmacRequestKeys",
        ),
    ];
    for (edit, field) in edits {
        fixture.root.write(&tune, &edit).await.unwrap();
        repairs(&fixture.session, &mut mount, &edit.to_string(), &[field]).await;
    }
    fixture
        .root
        .write(&tune, &json!({"description": "mine now"}))
        .await
        .unwrap();
    repairs(
        &fixture.session,
        &mut mount,
        "description",
        &["description", "owner"],
    )
    .await;
    fixture
        .root
        .write(&tune, &json!({"allowed_response_headers": ["X"]}))
        .await
        .unwrap();
    assert_eq!(drift(&fixture.session, &mount).await, Vec::<String>::new());
    mount.parameters.tune.max_lease_ttl = Some(Ttl::new("0"));
    mount.parameters.tune.default_lease_ttl = Some(Ttl::new("0"));
    mount.parameters.description = None;
    apply(&fixture.session, &mut mount).await;
}

#[tokio::test]
async fn kv_is_upgraded_in_place_and_never_back() {
    let fixture = Fixture::new().await;
    let mut mount = owned::<Mount>("u1", kv(&fixture));
    let version = |version: &str| BTreeMap::from([("version".to_owned(), version.to_owned())]);
    mount.parameters.options = version("1");
    apply(&fixture.session, &mut mount).await;
    mount.parameters.options = version("2");
    apply(&fixture.session, &mut mount).await;
    mount.parameters.options = version("1");
    let (_, words) = refusal(&fixture.session, &mut mount).await;
    assert!(words.contains("cannot downgrade"), "{words}");
}

#[tokio::test]
async fn a_mount_whose_path_is_a_prefix_is_not_taken_for_the_one_below() {
    let fixture = Fixture::new().await;
    let above = fixture.name("kv");
    fixture
        .root
        .write(&format!("sys/mounts/{above}"), &json!({"type": "kv"}))
        .await
        .unwrap();
    let mut below = owned::<Mount>("u1", MountParameters::new(format!("{above}/below"), "kv"));
    assert_eq!(drift(&fixture.session, &below).await, ["absent"]);
    let (_, words) = refusal(&fixture.session, &mut below).await;
    assert!(words.contains("path is already in use"), "{words}");
}

#[tokio::test]
async fn another_type_at_the_path_is_not_turned_into_this_one() {
    let fixture = Fixture::new().await;
    let path = format!("sys/mounts/{}", fixture.name("kv"));
    fixture
        .root
        .write(&path, &json!({"type": "transit"}))
        .await
        .unwrap();
    let mut mount = owned::<Mount>("u1", kv(&fixture));
    mount.parameters.adopt = Adopt::IfUnowned;
    let (class, words) = refusal(&fixture.session, &mut mount).await;
    assert_eq!(class, "invalid");
    assert!(words.contains("is of type transit, not kv"), "{words}");
}

#[tokio::test]
async fn deleting_the_resource_leaves_the_data_unless_it_is_asked_for() {
    let fixture = Fixture::new().await;
    let path = fixture.name("kv");
    let mut mount = owned::<Mount>("u1", kv(&fixture));
    apply(&fixture.session, &mut mount).await;
    remove(&fixture.session, &mut mount).await;
    let left = fixture.entry("sys/mounts", &path).await;
    assert_eq!(
        left["description"], "for (all) teams",
        "only the mark is gone"
    );

    let mut again = owned::<Mount>("u2", kv(&fixture));
    let (class, _) = refusal(&fixture.session, &mut again).await;
    assert_eq!(class, "blocked");
    again.ledger.clear();
    again.parameters.adopt = Adopt::IfUnowned;
    apply(&fixture.session, &mut again).await;
    let mut other = owned::<Mount>("u3", kv(&fixture));
    other.parameters.deletion_policy = MountDeletionPolicy::Delete;
    remove(&fixture.session, &mut other).await;
    assert_ne!(
        fixture.entry("sys/mounts", &path).await,
        Value::Null,
        "it was not its own"
    );
    again.parameters.deletion_policy = MountDeletionPolicy::Delete;
    remove(&fixture.session, &mut again).await;
    assert_eq!(fixture.entry("sys/mounts", &path).await, Value::Null);
}
