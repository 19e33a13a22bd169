//! Processes start before their CRDs, end in the middle of their work, and start again.

use std::time::Duration;

use anyhow::ensure;
use serde_json::Value;

use crate::lab::Lab;

#[tokio::test]
async fn a_kind_starts_when_its_crd_comes_and_again_after_it_was_gone() -> anyhow::Result<()> {
    let lab = Lab::bare().await?;
    let provider = lab.start();
    tokio::time::sleep(Duration::from_secs(2)).await;
    for name in ["a", "b"] {
        lab.install().await?;
        lab.configure().await?;
        lab.make(name).await?.until_settled().await?;
        // A CRD takes its objects along, and those wait for the provider.
        lab.uninstall().await?;
        ensure!(lab.world.names().is_empty(), "{:?}", lab.world.names());
    }
    lab.finish(provider).await
}

#[tokio::test]
async fn a_process_that_dies_while_it_creates_leaves_nothing_double_and_nothing_undone()
-> anyhow::Result<()> {
    let lab = Lab::new().await?;
    let names: Vec<_> = (0..12).map(|number| format!("r{number}")).collect();
    lab.world.slow_down("create", Duration::from_millis(200));
    let mut provider = lab.start();
    for name in &names {
        lab.make(name).await?;
        provider.kill().await;
        provider = lab.start();
        tokio::time::sleep(Duration::from_millis(150)).await;
    }
    for name in &names {
        let resource = lab.resource(name);
        resource.until_settled().await?;
        let shown = ["get", "secret", name, "-o", "jsonpath={.data.password}"];
        let stored = lab.kubectl(&shown).await?;
        let password = lab.world.thing(name).and_then(|thing| thing.password);
        let password = password.unwrap_or_default();
        ensure!(stored == base64(&password), "{name} has another password");
    }
    ensure!(lab.world.names().len() == names.len());
    lab.finish(provider).await
}

fn base64(text: &str) -> String {
    use base64::Engine;
    base64::engine::general_purpose::STANDARD.encode(text)
}

#[tokio::test]
async fn a_restart_finds_everything_as_it_was_and_writes_nothing() -> anyhow::Result<()> {
    let lab = Lab::new().await?;
    let provider = lab.start();
    let resource = lab.make("a").await?;
    resource.until_settled().await?;
    resource.look().await?;
    let version = |object: Value| object["metadata"]["resourceVersion"].clone();
    let before = version(resource.until_settled().await?);
    provider.stop().await?;
    let looks = lab.trail.steps().len();
    let provider = lab.start();
    let has_looked = async || Ok(lab.trail.steps().len() >= looks + 2);
    testbed::wait_for("two looks", Duration::from_secs(20), has_looked).await?;
    ensure!(version(resource.until_settled().await?) == before);
    ensure!(lab.creates("a") == 1);
    lab.finish(provider).await
}
