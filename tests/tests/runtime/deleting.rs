//! Deletion always ends, and takes along what was made.

use std::time::Duration;

use anyhow::ensure;
use serde_json::{Value, json};
use testbed::resource::DeleteParams;

use crate::lab::{Lab, spec};

#[tokio::test]
async fn a_namespace_takes_its_resources_configs_and_secrets_along_and_nothing_stays_outside()
-> anyhow::Result<()> {
    let lab = Lab::new().await?;
    let provider = lab.start();
    let names = ["a", "b", "c", "d", "e"];
    for name in names {
        lab.make(name).await?;
    }
    for name in names {
        lab.resource(name).until_settled().await?;
    }
    ensure!(lab.world.names() == names);
    let world = lab.world.clone();
    // Everything in the namespace is deleted at once, the config and its Secret too.
    lab.finish(provider).await?;
    ensure!(world.names().is_empty(), "{:?}", world.names());
    Ok(())
}

#[tokio::test]
async fn a_finalizer_of_somebody_else_holds_the_external_resource() -> anyhow::Result<()> {
    let lab = Lab::new().await?;
    let provider = lab.start();
    let resource = lab.make("a").await?;
    let object = resource.until_settled().await?;
    let ours = object["metadata"]["finalizers"].clone();
    let both = json!([ours[0], "example.com/backup"]);
    resource
        .merge(&json!({"metadata": {"finalizers": both}}))
        .await?;
    resource.delete(&DeleteParams::default()).await?;
    resource
        .until_told("Ready", "False", &["example.com/backup"])
        .await?;
    ensure!(lab.world.names() == ["a"]);

    resource
        .merge(&json!({"metadata": {"finalizers": ours}}))
        .await?;
    resource.until_gone().await?;
    ensure!(lab.world.names().is_empty());
    lab.finish(provider).await
}

/// What makes the config map `owner` with this UID the owner of a resource.
fn owned_by(uid: &str) -> Value {
    let owner = json!({
        "apiVersion": "v1", "kind": "ConfigMap", "name": "owner", "uid": uid,
        "controller": true, "blockOwnerDeletion": true,
    });
    json!({"metadata": {"ownerReferences": [owner]}})
}

/// Waits until the garbage collector has taken a resource whose owner is not there.
///
/// It learns of a kind that is new, or new again, within half a minute, and hears of its objects: when
/// this one is gone, it knows those that were made before. Until then an owner's deletion waits for
/// nobody. Nothing is done for this resource: by its Secret the collector would know it earlier.
async fn until_garbage_is_collected(lab: &Lab) -> anyhow::Result<()> {
    let orphan = lab.resource("orphan");
    let mut left_alone = spec("orphan");
    left_alone["managementPolicies"] = json!([]);
    orphan.apply(&left_alone).await?;
    let nobody = "00000000-0000-4000-8000-000000000000";
    orphan.merge(&owned_by(nobody)).await?;
    orphan.until_gone().await
}

#[tokio::test]
async fn an_owner_that_is_deleted_in_the_foreground_waits_for_the_external_resource()
-> anyhow::Result<()> {
    let lab = Lab::new().await?;
    let provider = lab.start();
    lab.kubectl(&["create", "configmap", "owner"]).await?;
    let uid = [
        "get",
        "configmap",
        "owner",
        "-o",
        "jsonpath={.metadata.uid}",
    ];
    let uid = lab.kubectl(&uid).await?;
    let resource = lab.make("a").await?;
    resource.merge(&owned_by(&uid)).await?;
    resource.until_settled().await?;
    until_garbage_is_collected(&lab).await?;
    let delete = [
        "delete",
        "configmap",
        "owner",
        "--cascade=foreground",
        "--timeout=60s",
    ];
    lab.kubectl(&delete).await?;
    let left = resource.find().await?;
    ensure!(left.is_none(), "{}", json!(left));
    ensure!(lab.world.names().is_empty());
    lab.finish(provider).await
}

#[tokio::test]
async fn a_deletion_waits_for_an_external_system_that_is_away_and_ends_when_it_is_back()
-> anyhow::Result<()> {
    let lab = Lab::new().await?;
    let provider = lab.start();
    let resource = lab.make("a").await?;
    resource.until_settled().await?;
    lab.world.set_down(true);
    resource.delete(&DeleteParams::default()).await?;
    resource
        .until_told("Synced", "False", &["nobody answers at fake:1"])
        .await?;
    tokio::time::sleep(Duration::from_secs(3)).await;
    ensure!(resource.find().await?.is_some());
    lab.world.set_down(false);
    resource.until_gone().await?;
    ensure!(lab.world.names().is_empty());
    lab.finish(provider).await
}

#[tokio::test]
async fn a_deletion_that_is_stuck_ends_when_the_policies_let_the_external_resource_stay()
-> anyhow::Result<()> {
    let lab = Lab::new().await?;
    let provider = lab.start();
    let resource = lab.make("a").await?;
    resource.until_settled().await?;
    lab.world.set_down(true);
    resource.delete(&DeleteParams::default()).await?;
    resource.until_told("Synced", "False", &["fake:1"]).await?;
    let keep = ["Observe", "Create", "Update", "LateInitialize"];
    resource
        .merge(&json!({"spec": {"managementPolicies": keep}}))
        .await?;
    resource.until_gone().await?;
    ensure!(lab.world.names() == ["a"]);
    lab.finish(provider).await
}
