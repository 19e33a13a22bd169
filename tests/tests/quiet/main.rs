//! A look at resources that are as they should be writes nothing: not to the API server, not to
//! PostgreSQL, not to Vault.

mod audit;
mod statements;

use std::collections::BTreeMap;

use serde_json::{Value, json};
use testbed::product::Flavour;
use testbed::story::{Claim, PATIENCE, Stage};
use testbed::wait_for;

use crate::audit::Audit;
use crate::statements::Statements;

/// How often each resource is looked at while nothing may be written.
const LOOKS: usize = 3;

#[tokio::test]
async fn a_steady_poll_writes_nothing_anywhere() -> anyhow::Result<()> {
    let stage = Stage::alone(Flavour::Namespaced, "quiet").await?;
    let claim = stage.claim("orders");
    claim.apply(&spec(stage.name())).await?;
    claim.ready().await?;
    look_often(&stage, &claim).await?;
    // The annotations are news to everybody; after one look they are not.
    looked(&stage, 1).await?;

    let before = versions(&stage).await?;
    let vault = Audit::since_now(&stage)?;
    let postgres = Statements::since_now(&stage)?;
    looked(&stage, LOOKS).await?;
    assert_eq!(
        changes(&before, &versions(&stage).await?),
        Vec::<String>::new()
    );
    assert_eq!(vault.changes()?, Vec::<String>::new());
    assert_eq!(postgres.changes()?, Vec::<String>::new());
    assert!(postgres.looks()? >= LOOKS, "PostgreSQL was not even asked");

    claim.delete_and_wait().await?;
    stage.finish().await
}

/// A claim that becomes something of every kind.
fn spec(service: &str) -> Value {
    let access = json!([
        { "name": "migrations", "profile": "owner" },
        { "name": "service", "profile": "readwrite" },
        { "name": "reporting", "profile": "readonly" },
    ]);
    json!({ "environment": "dev", "service": service, "access": access })
}

async fn look_often(stage: &Stage, claim: &Claim<'_>) -> anyhow::Result<()> {
    let mut kinds = Vec::new();
    for object in claim.managed().await? {
        let types = object.types.unwrap_or_default();
        let group = types.api_version.split('/').next().unwrap_or_default();
        kinds.push(format!("{}.{group}", types.kind.to_lowercase()));
    }
    kinds.dedup();
    for kind in kinds {
        let poll = "crossplane.io/poll-interval=2s";
        stage.kubectl(&["annotate", &kind, "--all", poll]).await?;
    }
    Ok(())
}

/// Waits until every path in Vault was read so many times; the other resources are looked at as often.
async fn looked(stage: &Stage, times: usize) -> anyhow::Result<()> {
    let audit = Audit::since_now(stage)?;
    let name = stage.name();
    let what = format!("{times} looks at everything");
    wait_for(&what, PATIENCE, async || {
        let reads = audit.reads(&format!("secret/data/infrastructure/databases/dev/{name}"))?;
        Ok(reads.len() == 3 && reads.values().all(|count| *count >= times))
    })
    .await
}

/// Kind and name, and the version and who wrote it last.
type Versions = BTreeMap<String, String>;

/// The version of every object in the namespace, and of the provider configs. Events of others than
/// the provider do not count.
async fn versions(stage: &Stage) -> anyhow::Result<Versions> {
    let mut objects = stage.everything_here().await?;
    let configs =
        "clusterproviderconfigs.postgresql.pnats.cloud,clusterproviderconfigs.vault.pnats.cloud";
    let configs = stage
        .kubectl(&["get", configs, "-o", "json", "--show-managed-fields"])
        .await?;
    let configs: Value = serde_json::from_str(&configs)?;
    objects.extend(configs["items"].as_array().cloned().unwrap_or_default());
    Ok(objects
        .iter()
        .filter(|one| !is_event_of_others(one))
        .map(version)
        .collect())
}

fn is_event_of_others(object: &Value) -> bool {
    let component = object["source"]["component"].as_str().unwrap_or_default();
    object["kind"] == "Event" && !component.starts_with("managed/")
}

fn version(object: &Value) -> (String, String) {
    let metadata = &object["metadata"];
    let name = format!("{} {}", object["kind"], metadata["name"]);
    let managers = metadata["managedFields"].as_array();
    let last = managers
        .into_iter()
        .flatten()
        .max_by_key(|one| one["time"].to_string());
    let by = last
        .map(|one| one["manager"].to_string())
        .unwrap_or_default();
    (name, format!("{} by {by}", metadata["resourceVersion"]))
}

fn changes(before: &Versions, after: &Versions) -> Vec<String> {
    let names: std::collections::BTreeSet<_> = before.keys().chain(after.keys()).collect();
    let changed = names
        .into_iter()
        .filter(|name| before.get(*name) != after.get(*name));
    changed
        .map(|name| {
            format!(
                "{name}: {:?} became {:?}",
                before.get(name),
                after.get(name)
            )
        })
        .collect()
}
