//! An external system that does not do what it is asked.

use std::time::Duration;

use anyhow::ensure;
use managed::options::Options;
use serde_json::json;

use crate::lab::{Lab, options};

#[tokio::test]
async fn a_create_that_hangs_ends_with_the_time_limit_and_is_tried_again() -> anyhow::Result<()> {
    let lab = Lab::new().await?;
    lab.world.slow_down("create", Duration::from_secs(3_600));
    let provider = lab.start_with(Options {
        timeout: Duration::from_secs(2),
        ..options()
    });
    let resource = lab.make("a").await?;
    resource
        .until_told("Synced", "False", &["no answer within 2 s"])
        .await?;
    lab.world.slow_down("create", Duration::ZERO);
    resource.until_settled().await?;
    lab.finish(provider).await
}

#[tokio::test]
async fn a_create_whose_answer_is_lost_is_found_and_not_made_again() -> anyhow::Result<()> {
    let lab = Lab::new().await?;
    lab.world.lose_next("create");
    let provider = lab.start();
    let resource = lab.make("a").await?;
    resource.until_settled().await?;
    ensure!(lab.creates("a") == 1);
    lab.finish(provider).await
}

#[tokio::test]
async fn what_somebody_changes_outside_is_changed_back_and_named_field_by_field()
-> anyhow::Result<()> {
    let lab = Lab::new().await?;
    let provider = lab.start();
    let resource = lab.make("a").await?;
    resource.until_settled().await?;
    lab.world.edit("a", |thing| thing.size = 7);
    resource
        .until_event("DriftDetected", &["size", "7"])
        .await?;
    resource.until_event("DriftCorrected", &["size"]).await?;
    ensure!(lab.world.thing("a").is_some_and(|thing| thing.size == 1));
    let is_told = |object: &serde_json::Value| object["status"]["lastDrift"]["corrected"] == true;
    resource.until("to tell of the correction", is_told).await?;

    lab.world.remove("a");
    resource.until_event("CreatedExternalResource", &[]).await?;
    let is_there = async || Ok(lab.world.thing("a").is_some());
    testbed::wait_for(
        "the thing to be there again",
        Duration::from_secs(20),
        is_there,
    )
    .await?;
    lab.finish(provider).await
}

#[tokio::test]
async fn edits_by_somebody_else_in_the_middle_of_everything_are_all_kept() -> anyhow::Result<()> {
    let lab = Lab::new().await?;
    lab.world.slow_down("create", Duration::from_millis(300));
    let provider = lab.start();
    let resource = lab.make("a").await?;
    for number in 0..40 {
        let label = format!("n{number}");
        let labels = json!({label: "x"});
        let edit =
            json!({"metadata": {"labels": labels}, "spec": {"forProvider": {"size": number}}});
        resource.merge(&edit).await?;
        tokio::time::sleep(Duration::from_millis(40)).await;
    }
    let object = resource.until_settled().await?;
    let labels = object["metadata"]["labels"].as_object();
    ensure!(labels.is_some_and(|labels| labels.len() == 40), "{object}");
    ensure!(object["status"]["atProvider"]["size"] == 39, "{object}");
    ensure!(lab.world.thing("a").is_some_and(|thing| thing.size == 39));
    lab.finish(provider).await
}
