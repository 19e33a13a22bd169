//! The pod of a cluster's control plane, and what can be done to it behind everybody's back.

use std::time::Duration;

use anyhow::Context;
use serde_json::Value;
use testbed::story::Stage;
use testbed::{PodProcess, wait_for_value};

const PATIENCE: Duration = Duration::from_secs(60);

pub(crate) struct ControlPlane<'a> {
    stage: &'a Stage,
    namespace: String,
}

impl<'a> ControlPlane<'a> {
    /// The one of the claim with this status.
    pub(crate) fn of(stage: &'a Stage, status: &Value) -> anyhow::Result<Self> {
        let namespace = status["hostNamespace"]
            .as_str()
            .context("no hostNamespace")?;
        Ok(Self {
            stage,
            namespace: namespace.to_owned(),
        })
    }

    /// Runs its own program in its pod.
    pub(crate) async fn run(&self, arguments: &[&str]) -> anyhow::Result<String> {
        let pod = self.pod().await?;
        let name = pod["metadata"]["name"].as_str().context("no pod")?;
        let exec = ["exec", "-n", &self.namespace, name, "-c", "syncer", "--"];
        let exec = [&exec[..], &["/vcluster"], arguments].concat();
        self.stage.testbed.kubectl(&exec).await
    }

    /// The process that everybody's requests go through.
    pub(crate) async fn process(&self) -> anyhow::Result<PodProcess> {
        let pod = self.pod().await?;
        let uid = pod["metadata"]["uid"].as_str().context("no pod")?;
        self.stage.testbed.pod_process(uid, "vcluster")
    }

    /// Kills it and waits until the kubelet has started it anew. What it has stored stays.
    pub(crate) async fn restart(&self) -> anyhow::Result<()> {
        let before = restarts(&self.pod().await?);
        self.process().await?.kill()?;
        wait_for_value("the control plane to start anew", PATIENCE, async || {
            let now = restarts(&self.pod().await?);
            Ok((now > before).then_some(()))
        })
        .await
    }

    async fn pod(&self) -> anyhow::Result<Value> {
        let mut pods = self
            .json(&["get", "pods", "-l", "app=vcluster", "-o", "json"])
            .await?;
        Ok(pods["items"][0].take())
    }

    async fn json(&self, arguments: &[&str]) -> anyhow::Result<Value> {
        let namespaced = [arguments, &["-n", &self.namespace]].concat();
        let text = self.stage.testbed.kubectl(&namespaced).await?;
        Ok(serde_json::from_str(&text)?)
    }
}

fn restarts(pod: &Value) -> Option<i64> {
    pod["status"]["containerStatuses"][0]["restartCount"].as_i64()
}
