//! Two shards of the provider as pods, the second as `examples/install/optional/shards.yaml` has it.

use std::collections::BTreeSet;
use std::time::Duration;

use anyhow::{Context, ensure};
use k8s_openapi::api::core::v1::Pod;
use kube::ResourceExt;
use kube::api::DynamicObject;
use serde_json::{Value, json};
use testbed::runtime_config::{Amendment, PODS, is_ready, pods, until_pods};
use testbed::story::Stage;
use testbed::{CROSSPLANE_NAMESPACE, product};

use crate::stage_alone;

const PATIENCE: Duration = Duration::from_secs(90);
/// Labels of the pods of each shard.
const FIRST: &str = PODS;
const SECOND: &str = "tenancy.pnats.cloud/provider-shard=1";

#[tokio::test]
async fn two_shards_as_pods_share_the_resources_of_a_claim() -> anyhow::Result<()> {
    let stage = stage_alone("shards").await?;
    let apply = async |object: Value| stage.testbed.apply(&object.to_string()).await;
    for object in second_shard(&stage).await? {
        apply(object).await?;
    }
    let of_two = Amendment::make(&stage.testbed, "shards", &one_of_two())?;
    for shard in [FIRST, SECOND] {
        until_one_pod(&stage, shard, is_one_of_two).await?;
    }

    let claim = stage.claim("orders");
    let access = ["app", "reports", "jobs", "audit"];
    let access = access.map(|name| json!({"name": name, "profile": "owner"}));
    let spec = json!({"environment": "dev", "service": stage.name(), "access": access});
    claim.apply(&spec).await?;
    claim.ready().await?;
    each_resource_is_in_one_shard(&stage, &claim.managed().await?).await?;

    claim.delete_and_wait().await?;
    let path = format!("secret/infrastructure/databases/dev/{}", stage.name());
    stage.until_nothing_is_left(&[&path]).await?;
    of_two.withdraw()?;
    until_one_pod(&stage, FIRST, |pod| !is_one_of_two(pod)).await?;
    stage.finish().await
}

/// The objects of the file with the image that is installed. They go with the stage's namespace.
async fn second_shard(stage: &Stage) -> anyhow::Result<Vec<Value>> {
    let path = product::root().join("examples/install/optional/shards.yaml");
    let text = std::fs::read_to_string(&path)?;
    let package = ["get", "provider.pkg.crossplane.io", "provider-tenancy"];
    let package = [&package[..], &["-o", "jsonpath={.spec.package}"]].concat();
    let image = stage.testbed.kubectl(&package).await?;
    let uid = [
        "get",
        "namespace",
        stage.name(),
        "-o",
        "jsonpath={.metadata.uid}",
    ];
    let uid = stage.testbed.kubectl(&uid).await?;
    let objects = text.split("\n---\n").map(|document| {
        let mut object: Value = serde_saphyr::from_str(document)?;
        object["metadata"]["ownerReferences"] = json!([{
            "apiVersion": "v1", "kind": "Namespace", "name": stage.name(), "uid": uid,
        }]);
        if object["kind"] == "Deployment" {
            object["spec"]["template"]["spec"]["containers"][0]["image"] = json!(image);
        }
        Ok(object)
    });
    objects.collect()
}

fn one_of_two() -> Value {
    let container = json!({"name": "package-runtime", "args": ["--shard-count=2"]});
    let template = json!({"spec": {"containers": [container]}});
    json!({"deploymentTemplate": {"spec": {"selector": {}, "template": template}}})
}

fn is_one_of_two(pod: &Pod) -> bool {
    let containers = pod.spec.iter().flat_map(|spec| &spec.containers);
    let mut arguments = containers.flat_map(|container| container.args.iter().flatten());
    arguments.any(|argument| argument == "--shard-count=2")
}

/// Waits until there is one pod, which is so and ready.
async fn until_one_pod(
    stage: &Stage,
    shard: &str,
    is_so: impl Fn(&Pod) -> bool,
) -> anyhow::Result<()> {
    until_pods(
        &stage.testbed,
        shard,
        PATIENCE,
        |pods| matches!(pods, [pod] if is_so(pod) && is_ready(pod)),
    )
    .await
}

async fn each_resource_is_in_one_shard(
    stage: &Stage,
    managed: &[DynamicObject],
) -> anyhow::Result<()> {
    let first = logged_by(stage, FIRST).await?;
    let second = logged_by(stage, SECOND).await?;
    let told = format!("the first has {first:?}, the second {second:?}");
    ensure!(!first.is_empty() && !second.is_empty(), told);
    ensure!(first.is_disjoint(&second), told);
    let all: BTreeSet<_> = managed.iter().map(identity).collect();
    ensure!(&first | &second == all, "{all:?}: {told}");
    Ok(())
}

fn identity(object: &DynamicObject) -> String {
    let kind = object.types.as_ref().map(|types| types.kind.as_str());
    format!("{} {}", kind.unwrap_or_default(), object.name_any())
}

/// Kind and name of each resource of the stage whose conditions a shard has changed.
async fn logged_by(stage: &Stage, shard: &str) -> anyhow::Result<BTreeSet<String>> {
    let pods = pods(&stage.testbed, shard).await?;
    let pod = pods.first().context("no pod")?.name_any();
    let logs = ["logs", &pod, "-n", CROSSPLANE_NAMESPACE];
    let log = stage.testbed.kubectl(&logs).await?;
    let lines = log.lines().filter_map(|line| {
        let line: Value = serde_json::from_str(line).ok()?;
        let is_here = line["namespace"] == stage.name() && line["message"] == "condition changed";
        is_here.then(|| {
            Some(format!(
                "{} {}",
                line["kind"].as_str()?,
                line["name"].as_str()?
            ))
        })?
    });
    Ok(lines.collect())
}
