//! Shards over the real API server.

use std::time::Duration;

use anyhow::ensure;
use managed::options::Options;
use managed::shards::{SHARD, Shards};
use serde_json::json;

use crate::lab::{Lab, Running, options};

fn shard(lab: &Lab, own: u32, count: u32) -> anyhow::Result<Running> {
    let shards = Shards::new(own, count).map_err(anyhow::Error::msg)?;
    Ok(lab.start_with(Options {
        shards,
        ..options()
    }))
}

#[tokio::test]
async fn resources_that_change_hands_while_they_are_made_are_made_once() -> anyhow::Result<()> {
    let lab = Lab::new().await?;
    lab.world.slow_down("create", Duration::from_secs(2));
    let (first, second) = (shard(&lab, 0, 2)?, shard(&lab, 1, 2)?);
    let names: Vec<_> = (0..8).map(|number| format!("r{number}")).collect();
    for name in &names {
        lab.make(name).await?;
    }
    for round in 0..6_usize {
        for (number, name) in names.iter().enumerate() {
            let shard = ((number + round) % 2).to_string();
            let labels = json!({"metadata": {"labels": {SHARD: shard}}});
            lab.resource(name).merge(&labels).await?;
        }
        tokio::time::sleep(Duration::from_millis(700)).await;
    }
    for name in &names {
        lab.resource(name).until_settled().await?;
        ensure!(lab.creates(name) == 1, "{name}: {}", lab.creates(name));
    }
    // What is left goes while the first one runs; it needs no other.
    for name in &names {
        let labels = json!({"metadata": {"labels": {SHARD: "0"}}});
        lab.resource(name).merge(&labels).await?;
    }
    second.stop().await?;
    lab.finish(first).await
}
