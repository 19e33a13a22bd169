//! What runs beside the passes: the watches, the sweep, the gauges.

use std::{sync::Arc, time::Duration};

use futures::future::BoxFuture;
use kube::api::ApiResource;
use tokio::{
    sync::{mpsc, watch},
    task::JoinSet,
};
use tracing::{info, warn};

use super::{Count, Sweep};
use crate::{gate::Gate, http::Health, runtime::Runtime};

/// How often gauges are counted.
const STATE_METRICS: Duration = Duration::from_secs(5);

/// How long the first lists may hold up the first pass. References are looked up in what was listed, so
/// a pass that starts too early waits in vain for a moment; a kind that cannot be listed must not hold
/// up the others for ever.
const FIRST_LISTS: Duration = Duration::from_secs(30);

/// A kind that is watched while its CRD is there.
pub(super) struct Tended {
    /// Name of the CRD.
    pub(super) crd: String,
    /// Watches, and says when the first list is in.
    pub(super) watch: Box<dyn Fn(watch::Sender<bool>) -> BoxFuture<'static, ()> + Send + Sync>,
    /// Forgets all objects. A watch that was interrupted does not hear of those that go with their CRD.
    pub(super) forget: Box<dyn Fn() + Send + Sync>,
}

/// Starts a watch for every kind that is there, and waits for the first lists.
pub(super) async fn tend_kinds(
    tasks: &mut JoinSet<()>,
    runtime: &Runtime,
    kinds: Vec<Tended>,
    health: &Arc<Health>,
) {
    let gate = Gate::new();
    tasks.spawn(gate.clone().run(runtime.client.clone()));
    let mut first_lists = Vec::new();
    for kind in kinds {
        let (synced, is_synced) = watch::channel(false);
        first_lists.push((kind.crd.clone(), is_synced));
        tasks.spawn(gated(gate.clone(), kind, synced));
    }
    let mut listed = JoinSet::new();
    for (crd, is_synced) in first_lists {
        listed.spawn(first_list(gate.clone(), crd, is_synced, Arc::clone(health)));
    }
    let all_listed = async { while listed.join_next().await.is_some() {} };
    if tokio::time::timeout(FIRST_LISTS, all_listed).await.is_ok() {
        info!("every kind that is served is watched");
    } else {
        let problem = health.problem();
        warn!(problem, "not every kind is watched; the others start");
        tasks.spawn(async move { while listed.join_next().await.is_some() {} });
    }
    health.set_ready();
}

/// Waits until the objects of a CRD that is there are known.
async fn first_list(
    gate: Gate,
    crd: String,
    mut is_synced: watch::Receiver<bool>,
    health: Arc<Health>,
) {
    if gate.is_there(&crd).await {
        health.lacks(&crd);
        let _ = is_synced.wait_for(|synced| *synced).await;
        health.knows(&crd);
    }
}

/// Runs a watch for as long as the CRD is there.
async fn gated(gate: Gate, kind: Tended, synced: watch::Sender<bool>) {
    let Tended { crd, watch, forget } = kind;
    loop {
        gate.appears(&crd).await;
        info!(crd, "kind starts");
        tokio::select! {
            () = watch(synced.clone()) => {}
            () = gate.vanishes(&crd) => {
                info!(crd, "kind stops because its CRD is gone");
                forget();
            }
        }
    }
}

/// Watches Secrets and `ConfigMap`s, and every foreign kind that is asked for.
pub(super) async fn metadata_watches(
    runtime: Arc<Runtime>,
    mut requested: mpsc::UnboundedReceiver<ApiResource>,
) {
    use k8s_openapi::api::core::v1::{ConfigMap, Secret};
    let mut watches = JoinSet::new();
    for resource in [
        ApiResource::erase::<Secret>(&()),
        ApiResource::erase::<ConfigMap>(&()),
    ] {
        watches.spawn(Arc::clone(&runtime).watch_metadata(resource));
    }
    while let Some(resource) = requested.recv().await {
        info!(
            kind = resource.kind,
            group = resource.group,
            "watching a kind that is read by field"
        );
        watches.spawn(Arc::clone(&runtime).watch_metadata(resource));
    }
}

/// Looks for objects that fell out of the queue.
pub(super) async fn sweep(interval: Duration, sweeps: Vec<Sweep>) {
    loop {
        tokio::time::sleep(interval).await;
        for sweep in &sweeps {
            sweep();
        }
    }
}

/// Counts what gauges show.
pub(super) async fn state_metrics(runtime: Arc<Runtime>, counts: Vec<Count>) {
    loop {
        let kinds: Vec<_> = counts.iter().map(|count| count()).collect();
        runtime.metrics.state(runtime.queue.waiting(), &kinds);
        tokio::time::sleep(STATE_METRICS).await;
    }
}
