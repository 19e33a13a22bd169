//! A provider process: kinds and connectors in, controllers out.
//!
//! All tasks belong to one set. When the process is told to stop, no new pass starts and those under
//! way get a grace period; when it loses the lease, it ends at once.

mod tending;
#[cfg(test)]
mod tests;

use std::{
    collections::{HashMap, HashSet},
    panic::AssertUnwindSafe,
    sync::Arc,
    time::Duration,
};

use futures::FutureExt;
use kube::{Client, api::ApiResource};
use tokio::{
    sync::{Semaphore, mpsc, watch},
    task::JoinSet,
};
use tracing::{error, info, warn};

use self::tending::{Tended, metadata_watches, state_metrics, sweep, tend_kinds};

use crate::{
    changelog::{ChangeLog, Forwarder},
    condition::{self, READY, SYNCED, UP_TO_DATE},
    config::{
        ClusterProviderConfig, Config, ProviderConfig, ProviderConfigUsage, ProviderSettings,
        control::ConfigControl, session::Configs, users,
    },
    controller::{Controller, Reconciler},
    event::{Recorder, Writer},
    external::{Connector, ExternalClient},
    http::Health,
    kind::Kind,
    metrics::{Counts, Metrics, gvk},
    options::Options,
    queue::{Key, Wake},
    runtime::Runtime,
};

/// How long telling what happened may take once the last pass is over. The lease is held until then,
/// so a successor waits for it.
const LAST_WORDS: Duration = Duration::from_secs(3);

type Reconcilers = HashMap<(&'static str, &'static str), Arc<dyn Reconciler>>;
type Sweep = Box<dyn Fn() + Send + Sync>;
type Count = Box<dyn Fn() -> (String, Counts) + Send + Sync>;

/// A provider under construction.
pub struct Provider {
    runtime: Arc<Runtime>,
    writer: Writer,
    forwarder: Option<Forwarder>,
    requested: mpsc::UnboundedReceiver<ApiResource>,
    reconcilers: Reconcilers,
    tended: Vec<Tended>,
    counts: Vec<Count>,
    sweeps: Vec<Sweep>,
    health: Arc<Health>,
}

/// The provider configs of one API group, for the kinds that use them.
pub struct Group<C: Connector>(Arc<Configs<C>>);

impl Provider {
    /// A provider without kinds.
    pub fn new(
        client: Client,
        options: Options,
        metrics: Arc<Metrics>,
        health: Arc<Health>,
    ) -> Self {
        let (recorder, writer) = Recorder::new(client.clone());
        let logs = options.change_logs.clone();
        let (change_log, forwarder) = logs
            .map(|logs| ChangeLog::open(logs, Arc::clone(&metrics)))
            .unzip();
        let (mut runtime, requested) = Runtime::new(client, options, recorder, metrics);
        runtime.change_log = change_log.unwrap_or_default();
        Self {
            runtime: Arc::new(runtime),
            writer,
            forwarder,
            requested,
            reconcilers: HashMap::new(),
            tended: Vec::new(),
            counts: Vec::new(),
            sweeps: Vec::new(),
            health,
        }
    }

    /// Adds an API group whose servers are reached through `connector`.
    pub fn group<C: Connector>(&mut self, connector: C) -> Group<C> {
        let client = self.runtime.client.clone();
        let configs = Arc::new(Configs::new(client, connector, self.runtime.heard()));
        self.config::<ProviderConfig<C::Settings>, C>(&configs, |configs| &configs.namespaced);
        self.config::<ClusterProviderConfig<C::Settings>, C>(&configs, |configs| &configs.cluster);
        let (runtime, usages) = (Arc::clone(&self.runtime), Arc::clone(&configs));
        let (forgetful, forgotten) = (Arc::clone(&runtime), Arc::clone(&usages));
        self.tended.push(Tended {
            crd: crd_name::<ProviderConfigUsage<C::Settings>>(),
            watch: Box::new(move |synced| {
                let watched =
                    users::watch_usages(Arc::clone(&runtime), Arc::clone(&usages), move || {
                        synced.send_replace(true);
                    });
                Box::pin(watched)
            }),
            forget: Box::new(move || users::prune(&forgetful, &forgotten, &HashSet::new())),
        });
        Group(configs)
    }

    /// Adds a kind of a group.
    pub fn kind<K, C>(&mut self, group: &Group<C>)
    where
        K: Kind,
        C: Connector,
        C::Session: ExternalClient<K>,
    {
        let controller = Arc::new(Controller::<K, C>::new(
            Arc::clone(&self.runtime),
            Arc::clone(&group.0),
        ));
        self.reconcilers.insert(
            (K::GROUP, K::PLURAL),
            Arc::clone(&controller) as Arc<dyn Reconciler>,
        );
        let swept = Arc::clone(&controller);
        self.sweeps.push(Box::new(move || swept.sweep()));
        let counted = Arc::clone(&controller);
        self.counts.push(Box::new(move || {
            let mut counts = Counts::default();
            let all = counted.cache.all().into_iter();
            for object in all.filter(|object| counted.manages(object)) {
                let holds = |kind| i64::from(condition::holds(object.conditions(), kind));
                counts.exists += 1;
                counts.ready += holds(READY);
                counts.synced += holds(SYNCED);
                let differs = condition::find(object.conditions(), UP_TO_DATE)
                    .is_some_and(|condition| condition.status == "False");
                counts.differing += i64::from(differs);
            }
            (gvk::<K>(), counts)
        }));
        let forgetful = Arc::clone(&controller);
        self.tended.push(Tended {
            crd: K::crd_name(),
            watch: Box::new(move |synced| {
                let controller = Arc::clone(&controller);
                Box::pin(controller.watch(move || {
                    synced.send_replace(true);
                }))
            }),
            forget: Box::new(move || forgetful.prune(&HashSet::new())),
        });
    }

    fn config<T, C>(
        &mut self,
        configs: &Arc<Configs<C>>,
        cache: fn(&Configs<C>) -> &crate::cache::Cache<T>,
    ) where
        T: Config<Settings = C::Settings>,
        C: Connector,
    {
        let control = Arc::new(ConfigControl::new(
            Arc::clone(&self.runtime),
            Arc::clone(configs),
            cache,
        ));
        self.reconcilers.insert(
            (C::Settings::GROUP, T::KIND.plural()),
            Arc::clone(&control) as Arc<dyn Reconciler>,
        );
        let forgetful = Arc::clone(&control);
        self.tended.push(Tended {
            crd: crd_name::<T>(),
            watch: Box::new(move |synced| {
                let control = Arc::clone(&control);
                Box::pin(control.watch(move || {
                    synced.send_replace(true);
                }))
            }),
            forget: Box::new(move || forgetful.prune(&HashSet::new())),
        });
    }

    /// Runs until `stop` is true. Passes under way get the grace period.
    pub async fn run(self, mut stop: watch::Receiver<bool>) {
        let Self {
            runtime,
            writer,
            forwarder,
            requested,
            reconcilers,
            tended,
            counts,
            sweeps,
            health,
        } = self;
        let (over, is_over) = watch::channel(false);
        let mut telling = JoinSet::new();
        if let Some(forwarder) = forwarder {
            telling.spawn(forwarder.run(is_over.clone()));
        }
        telling.spawn(writer.run(is_over));
        let mut tasks = JoinSet::new();
        tasks.spawn(state_metrics(Arc::clone(&runtime), counts));
        tasks.spawn(sweep(runtime.options.sync, sweeps));
        tokio::select! {
            () = tend_kinds(&mut tasks, &runtime, tended, &health) => {}
            // Asked to stop while the first lists were awaited; then no pass starts.
            _ = stop.wait_for(|stop| *stop) => {}
        }
        // Not earlier: every Secret of the cluster would hold up the lists that the first pass waits for.
        tasks.spawn(metadata_watches(Arc::clone(&runtime), requested));
        work(&runtime, &Arc::new(reconcilers), &mut stop).await;
        over.send_replace(true);
        let told = async { while telling.join_next().await.is_some() {} };
        if tokio::time::timeout(LAST_WORDS, told).await.is_err() {
            warn!("not everything that happened was told before the end");
        }
    }
}

fn crd_name<T: kube::Resource<DynamicType = ()>>() -> String {
    format!("{}.{}", T::plural(&()), T::group(&()))
}

/// Hands objects to their controllers, each pass in a task of its own, so that a panic ends the
/// pass and not the process.
async fn work(
    runtime: &Arc<Runtime>,
    reconcilers: &Arc<Reconcilers>,
    stop: &mut watch::Receiver<bool>,
) {
    let limit = Arc::new(Semaphore::new(
        runtime.options.max_reconcile_rate.max(1) as usize
    ));
    let mut passes: JoinSet<()> = JoinSet::new();
    loop {
        while passes.try_join_next().is_some() {}
        let permit = tokio::select! {
            biased;
            _ = stop.wait_for(|stop| *stop) => break,
            permit = Arc::clone(&limit).acquire_owned() => permit,
        };
        let key = tokio::select! {
            biased;
            _ = stop.wait_for(|stop| *stop) => break,
            key = runtime.queue.next() => key,
        };
        let (runtime, reconcilers) = (Arc::clone(runtime), Arc::clone(reconcilers));
        passes.spawn(async move {
            let _permit = permit;
            pass(&runtime, &reconcilers, key).await;
        });
    }
    info!(under_way = passes.len(), "stopping");
    let _ = tokio::time::timeout(runtime.options.grace, async {
        while passes.join_next().await.is_some() {}
    })
    .await;
}

async fn pass(runtime: &Arc<Runtime>, reconcilers: &Arc<Reconcilers>, key: Arc<Key>) {
    let Some(reconciler) = reconcilers.get(&(key.group, key.plural)).cloned() else {
        runtime.queue.finish(&key, Wake::Gone);
        return;
    };
    // In this task, so that whoever drops it ends the pass too. What a pass shares is consistent
    // between any two awaits.
    let pass = AssertUnwindSafe(reconciler.reconcile(&key)).catch_unwind();
    let wake = pass.await.unwrap_or_else(|_| {
        error!(
            plural = key.plural,
            namespace = key.namespace,
            name = key.name,
            "a pass panicked"
        );
        Wake::Backoff
    });
    runtime.queue.finish(&key, wake);
}

impl std::fmt::Debug for Provider {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Provider")
            .field("kinds", &self.reconcilers.len())
            .finish_non_exhaustive()
    }
}
