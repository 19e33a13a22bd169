//! What is left after a deletion, policy by policy.

use provider_tenancy::vault::kv_secret::{DeletionPolicy, Strategy, ValueSource};
use serde_json::{Value, json};

use crate::fixture::{CANARY, Did, Fixture, Resource};

/// Whether versions 1 and 2 are readable, deleted, destroyed or gone after a deletion.
async fn left(fixture: &Fixture, path: &str) -> [&'static str; 2] {
    let metadata = fixture.metadata(path).await;
    ["1", "2"].map(|number| match &metadata["versions"][number] {
        Value::Null => "gone",
        version if version["destroyed"] == true => "destroyed",
        version if version["deletion_time"] != "" => "deleted",
        _ => "readable",
    })
}

async fn two_versions(fixture: &Fixture, path: &str, policy: DeletionPolicy) -> Resource {
    let mut resource = fixture.resource(path, &[]);
    resource.0.parameters.deletion_policy = policy;
    resource.set_password("old");
    resource.settle(&fixture.session).await;
    resource.set_password(CANARY);
    resource.settle(&fixture.session).await;
    resource
}

async fn delete(fixture: &Fixture, resource: &Resource) {
    let mut leaving = resource.deleting();
    assert_eq!(leaving.pass(&fixture.session).await.unwrap(), Did::Deleted);
    assert_eq!(
        leaving.pass(&fixture.session).await.unwrap(),
        Did::Finalized
    );
}

#[tokio::test]
async fn each_policy_leaves_what_it_says() {
    let fixture = Fixture::new().await;
    let table = [
        (DeletionPolicy::SoftDelete, ["readable", "deleted"]),
        (DeletionPolicy::DeleteAllVersions, ["deleted", "deleted"]),
        (DeletionPolicy::Destroy, ["destroyed", "destroyed"]),
        (DeletionPolicy::Purge, ["gone", "gone"]),
        (DeletionPolicy::Orphan, ["readable", "readable"]),
    ];
    for (policy, expected) in table {
        let path = format!("{policy:?}");
        let resource = two_versions(&fixture, &path, policy).await;
        delete(&fixture, &resource).await;
        assert_eq!(left(&fixture, &path).await, expected, "{policy:?}");
        let marks = fixture.metadata(&path).await["custom_metadata"].clone();
        assert_eq!(marks, Value::Null, "{policy:?}: nobody owns it any more");
    }
}

#[tokio::test]
async fn a_path_that_was_soft_deleted_can_be_made_again_and_the_deletion_undone() {
    let fixture = Fixture::new().await;
    let resource = two_versions(&fixture, "a", DeletionPolicy::SoftDelete).await;
    delete(&fixture, &resource).await;
    let versions = json!({"versions": [2]});
    fixture
        .root
        .write(&format!("{}/undelete/a", fixture.mount), &versions)
        .await
        .unwrap();
    assert_eq!(fixture.data("a").await, json!({"password": CANARY}));
    fixture
        .root
        .write(&format!("{}/delete/a", fixture.mount), &versions)
        .await
        .unwrap();

    let mut again = fixture.resource("a", &[]).owned_by("uid-2", "app");
    assert_eq!(again.pass(&fixture.session).await.unwrap(), Did::Created);
    assert_eq!(again.0.last.version, Some(3));
}

#[tokio::test]
async fn merge_takes_its_own_keys_along_and_leaves_the_rest() {
    let fixture = Fixture::new().await;
    for policy in [DeletionPolicy::SoftDelete, DeletionPolicy::Purge] {
        fixture.put("a", &json!({"theirs": 1})).await;
        let mut resource = fixture.resource("a", &[("host", ValueSource::literal("db"))]);
        resource.0.parameters.strategy = Strategy::Merge;
        resource.0.parameters.deletion_policy = policy;
        resource.settle(&fixture.session).await;
        delete(&fixture, &resource).await;
        assert_eq!(fixture.data("a").await, json!({"theirs": 1}), "{policy:?}");
    }
}

#[tokio::test]
async fn the_last_who_merges_clears_the_path_by_its_policy() {
    let fixture = Fixture::new().await;
    let merging = |uid: &str, key: &str| {
        let mut resource = fixture
            .resource("a", &[(key, ValueSource::literal("1"))])
            .owned_by(uid, uid);
        resource.0.parameters.data.remove("password");
        resource.0.parameters.strategy = Strategy::Merge;
        resource.0.parameters.deletion_policy = DeletionPolicy::Purge;
        resource
    };
    let (mut first, mut second) = (merging("uid-1", "one"), merging("uid-2", "two"));
    first.settle(&fixture.session).await;
    second.settle(&fixture.session).await;
    delete(&fixture, &first).await;
    assert_eq!(fixture.data("a").await, json!({"two": "1"}));
    delete(&fixture, &second).await;
    assert_eq!(fixture.metadata("a").await, Value::Null);
}

#[tokio::test]
async fn what_belongs_to_somebody_else_by_now_is_not_deleted() {
    let fixture = Fixture::new().await;
    let resource = two_versions(&fixture, "a", DeletionPolicy::Purge).await;
    let theirs = json!({"custom_metadata": {"tenancy.pnats.cloud/owner.other": "prod/x/y/z"}});
    fixture
        .root
        .write(&format!("{}/metadata/a", fixture.mount), &theirs)
        .await
        .unwrap();
    assert_eq!(
        resource.deleting().pass(&fixture.session).await.unwrap(),
        Did::Finalized
    );
    assert_eq!(fixture.data("a").await, json!({"password": CANARY}));
}

#[tokio::test]
async fn a_path_or_a_mount_that_is_gone_is_deleted_already() {
    let fixture = Fixture::new().await;
    let resource = two_versions(&fixture, "a", DeletionPolicy::SoftDelete).await;
    fixture
        .root
        .delete(&format!("{}/metadata/a", fixture.mount))
        .await
        .unwrap();
    assert_eq!(
        resource.deleting().pass(&fixture.session).await.unwrap(),
        Did::Finalized
    );
    fixture
        .root
        .delete(&format!("sys/mounts/{}", fixture.mount))
        .await
        .unwrap();
    assert_eq!(
        resource.deleting().pass(&fixture.session).await.unwrap(),
        Did::Finalized
    );
}

#[tokio::test]
async fn a_deletion_that_was_interrupted_anywhere_is_completed() {
    let fixture = Fixture::new().await;
    let resource = two_versions(&fixture, "a", DeletionPolicy::SoftDelete).await;
    let versions = json!({"versions": [2]});
    fixture
        .root
        .write(&format!("{}/delete/a", fixture.mount), &versions)
        .await
        .unwrap();
    delete(&fixture, &resource).await;
    assert_eq!(left(&fixture, "a").await, ["readable", "deleted"]);
}
