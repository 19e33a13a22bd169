//! From an object to an external resource: who writes what, and who owns what.

use std::time::Duration;

use anyhow::ensure;
use serde_json::{Value, json};
use testbed::resource::{DeleteParams, condition};

use crate::lab::{Lab, spec};

/// Paths that a field manager owns, of the object or of its status.
fn owned(object: &Value, manager: &str, subresource: &str) -> Vec<String> {
    let entries = object["metadata"]["managedFields"].as_array();
    let own = entries.into_iter().flatten().filter(|entry| {
        entry["manager"] == manager
            && entry["subresource"].as_str().unwrap_or_default() == subresource
    });
    let mut paths = Vec::new();
    for entry in own {
        descend(&entry["fieldsV1"], "", &mut paths);
    }
    paths
}

fn descend(fields: &Value, path: &str, paths: &mut Vec<String>) {
    let Some(fields) = fields.as_object() else {
        return;
    };
    for (name, below) in fields.iter().filter(|(name, _)| *name != ".") {
        let path = format!("{path}/{name}");
        if below.as_object().is_none_or(serde_json::Map::is_empty) {
            paths.push(path);
        } else {
            descend(below, &path, paths);
        }
    }
}

#[tokio::test]
async fn the_provider_owns_its_marks_and_its_status_and_nothing_of_the_spec() -> anyhow::Result<()>
{
    let lab = Lab::new().await?;
    let provider = lab.start();
    let object = lab.make("a").await?.until_settled().await?;

    let marks = owned(&object, "tenancy.pnats.cloud/managed", "");
    ensure!(!marks.is_empty());
    for path in &marks {
        let is_mark = path.contains("f:annotations/") || path.contains("f:finalizers/");
        ensure!(is_mark, "owns {path}");
    }
    let status = owned(&object, "tenancy.pnats.cloud/status", "status");
    ensure!(!status.is_empty());
    for path in &status {
        ensure!(path.starts_with("/f:status/"), "owns {path}");
    }
    lab.finish(provider).await
}

#[tokio::test]
async fn whoever_applies_the_object_again_meets_no_conflict_and_their_condition_stays()
-> anyhow::Result<()> {
    let lab = Lab::new().await?;
    let provider = lab.start();
    let resource = lab.make("a").await?;
    resource.until_settled().await?;
    let theirs = json!({
        "apiVersion": "example.org/v1alpha1",
        "kind": "Fake",
        "metadata": {"name": "a", "namespace": lab.name(), "labels": {"team": "shop"}},
        "spec": {"forProvider": {"size": 1}, "providerConfigRef": {"kind": "ProviderConfig"}},
        "status": {"conditions": [{
            "type": "Audited", "status": "True", "reason": "Seen", "message": "",
            "lastTransitionTime": "2026-01-01T00:00:00Z",
        }]},
    });
    // Without --force: a conflict is an error.
    lab.apply_as("team", &theirs, "").await?;
    lab.apply_as("auditor", &theirs, "status").await?;
    lab.world.edit("a", |thing| thing.size = 7);
    resource.until_event("DriftCorrected", &["size"]).await?;
    let object = resource.until_settled().await?;
    ensure!(object["metadata"]["labels"]["team"] == "shop", "{object}");
    ensure!(
        condition(&object, "Audited")["reason"] == "Seen",
        "{object}"
    );
    lab.finish(provider).await
}

#[tokio::test]
async fn nothing_is_written_while_nothing_changes() -> anyhow::Result<()> {
    let lab = Lab::new().await?;
    let provider = lab.start();
    let resource = lab.make("a").await?;
    resource.until_settled().await?;
    // The look at which the create is marked as a success.
    resource.look().await?;
    let version = |object: Value| object["metadata"]["resourceVersion"].clone();
    let before = version(resource.until_settled().await?);
    let looks = lab.trail.steps().len();
    tokio::time::sleep(Duration::from_secs(4)).await;
    ensure!(lab.trail.steps().len() >= looks + 2, "nobody has looked");
    ensure!(version(resource.until_settled().await?) == before);
    lab.finish(provider).await
}

#[tokio::test]
async fn the_connection_secret_belongs_to_the_resource_and_goes_with_it() -> anyhow::Result<()> {
    let lab = Lab::new().await?;
    let provider = lab.start();
    let resource = lab.make("a").await?;
    let object = resource.until_settled().await?;
    let secret: Value =
        serde_json::from_str(&lab.kubectl(&["get", "secret", "a", "-o", "json"]).await?)?;
    let owner = &secret["metadata"]["ownerReferences"][0];
    ensure!(owner["uid"] == object["metadata"]["uid"], "{owner}");
    ensure!(owner["controller"] == true, "{owner}");

    resource.delete(&DeleteParams::default()).await?;
    resource.until_gone().await?;
    lab.kubectl(&["wait", "--for=delete", "secret/a", "--timeout=30s"])
        .await?;
    ensure!(lab.world.names().is_empty());
    lab.finish(provider).await
}

#[tokio::test]
async fn a_secret_of_somebody_else_is_left_alone_and_named() -> anyhow::Result<()> {
    let lab = Lab::new().await?;
    lab.kubectl(&[
        "create",
        "secret",
        "generic",
        "a",
        "--from-literal=mine=yes",
    ])
    .await?;
    let provider = lab.start();
    let resource = lab.make("a").await?;
    resource
        .until_told("Synced", "False", &["Secret", "a"])
        .await?;
    let theirs = lab
        .kubectl(&["get", "secret", "a", "-o", "jsonpath={.data}"])
        .await?;
    ensure!(theirs == r#"{"mine":"eWVz"}"#, "{theirs}");
    ensure!(lab.creates("a") == 0);

    let mut elsewhere = spec("a");
    elsewhere["writeConnectionSecretToRef"]["name"] = json!("a-connection");
    resource.apply(&elsewhere).await?;
    resource.until_settled().await?;
    lab.finish(provider).await
}
