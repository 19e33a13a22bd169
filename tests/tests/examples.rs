//! The examples of the PostgreSQL and Vault kinds as they stand, through the steps that Crossplane's
//! uptest takes a provider's examples through: apply, update, import, delete.

use anyhow::{Context, ensure};
use serde_json::{Value, json};
use testbed::product::Flavour;
use testbed::resource::{condition, is_settled};
use testbed::story::Stage;
use testbed::{CROSSPLANE_NAMESPACE, wait_for_value};

const EXAMPLES: [&str; 8] = [
    include_str!("../../examples/postgresql/role.yaml"),
    include_str!("../../examples/postgresql/database.yaml"),
    include_str!("../../examples/postgresql/grant.yaml"),
    include_str!("../../examples/postgresql/defaultprivileges.yaml"),
    include_str!("../../examples/vault/mount.yaml"),
    include_str!("../../examples/vault/policy.yaml"),
    include_str!("../../examples/vault/authmount.yaml"),
    include_str!("../../examples/vault/kvsecret.yaml"),
];

/// The engine that the example of Mount leaves behind, as it says.
const LEFT_MOUNT: &str = "sys/mounts/team/shop";

#[tokio::test]
async fn every_example_passes_apply_update_import_and_delete() -> anyhow::Result<()> {
    let stage = Stage::alone(Flavour::Namespaced, "examples").await?;
    let manifests = EXAMPLES.join("\n---\n");
    let manifests = manifests.replace("namespace: shop", &format!("namespace: {}", stage.name()));
    let count = manifests.matches("\nkind: ").count();

    // A run that failed may have left it, too.
    stage.vault.delete(LEFT_MOUNT).await?;
    stage.testbed.apply(&manifests).await?;
    let applied = until_all(&stage, count, is_settled).await?;

    let patch = json!({"spec": {"forProvider": {"connectionLimit": 21}}}).to_string();
    let role = "role.postgresql.pnats.cloud/orders-app";
    stage
        .kubectl(&["patch", role, "--type=merge", "-p", &patch])
        .await?;
    let is_changed = |object: &Value| {
        let limit = &object["status"]["atProvider"]["connectionLimit"];
        is_settled(object) && (name_of(object) != "orders-app" || *limit == json!(21))
    };
    let updated = until_all(&stage, count, is_changed).await?;
    ensure!(identities(&updated) == identities(&applied));

    import(&stage, count).await?;
    let imported = until_all(&stage, count, is_settled).await?;
    ensure!(
        observed(&imported) == observed(&updated),
        "a new process found something else: {:#?} instead of {:#?}",
        observed(&imported),
        observed(&updated),
    );

    stage
        .kubectl(&["delete", "managed", "--all", "--timeout=60s"])
        .await?;
    stage.vault.delete(LEFT_MOUNT).await?;
    let left = stage
        .remains(&["infrastructure/databases/dev/orders"])
        .await?;
    ensure!(left.is_empty(), "{left:?}");
    stage.finish().await
}

/// Every resource is paused, the provider is replaced, what was known of the resources is taken away, and
/// they go on.
async fn import(stage: &Stage, count: usize) -> anyhow::Result<()> {
    let pause = ["annotate", "managed", "--all", "crossplane.io/paused=true"];
    stage.kubectl(&pause).await?;
    let is_paused = |object: &Value| condition(object, "Synced")["reason"] == "ReconcilePaused";
    until_all(stage, count, is_paused).await?;
    replace_provider(stage).await?;
    let forget = json!({"status": {"conditions": []}}).to_string();
    for object in managed(stage).await? {
        let kind = object["kind"].as_str().unwrap_or_default().to_lowercase();
        let version = object["apiVersion"].as_str().unwrap_or_default();
        let group = version.split('/').next().unwrap_or_default();
        let name = format!("{kind}.{group}/{}", name_of(&object));
        let patch = ["patch", &name, "--subresource=status", "--type=merge", "-p"];
        stage.kubectl(&[&patch[..], &[&forget]].concat()).await?;
    }
    let go_on = ["annotate", "managed", "--all", "crossplane.io/paused-"];
    stage.kubectl(&go_on).await.map(drop)
}

async fn replace_provider(stage: &Stage) -> anyhow::Result<()> {
    let its_pods = "pkg.crossplane.io/provider=provider-tenancy";
    let place = ["-n", CROSSPLANE_NAMESPACE, "-l", its_pods];
    let delete = ["delete", "pod", "--wait=false"];
    stage
        .testbed
        .kubectl(&[&delete[..], &place].concat())
        .await?;
    Ok(())
}

async fn until_all(
    stage: &Stage,
    count: usize,
    is_so: impl Fn(&Value) -> bool,
) -> anyhow::Result<Vec<Value>> {
    let found = wait_for_value("every example", testbed::story::PATIENCE, async || {
        let all = managed(stage).await?;
        Ok((all.len() == count && all.iter().all(&is_so)).then_some(all))
    });
    match found.await {
        Ok(all) => Ok(all),
        Err(error) => Err(error.context(stage.kubectl(&["get", "managed"]).await?)),
    }
}

async fn managed(stage: &Stage) -> anyhow::Result<Vec<Value>> {
    let text = stage.kubectl(&["get", "managed", "-o", "json"]).await?;
    let mut list: Value = serde_json::from_str(&text)?;
    serde_json::from_value(list["items"].take()).context("kubectl lists no items")
}

fn name_of(object: &Value) -> &str {
    object["metadata"]["name"].as_str().unwrap_or_default()
}

/// What tells a thing from one that was dropped and made again.
fn identities(objects: &[Value]) -> Vec<Value> {
    let identity = |object: &Value| {
        let seen = &object["status"]["atProvider"];
        json!([name_of(object), seen["oid"], seen["accessor"], seen["uuid"]])
    };
    objects.iter().map(identity).collect()
}

fn observed(objects: &[Value]) -> Vec<Value> {
    let observed = |object: &Value| json!([name_of(object), object["status"]["atProvider"]]);
    objects.iter().map(observed).collect()
}
