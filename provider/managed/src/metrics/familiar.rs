//! The series of controller-runtime and of its work queue that dashboards of Crossplane already read,
//! under their names.

use std::time::Duration;

use prometheus_client::{
    encoding::EncodeLabelSet,
    metrics::{
        counter::Counter,
        family::Family,
        gauge::Gauge,
        histogram::{Histogram, exponential_buckets},
    },
    registry::Registry,
};
use tokio::time::Instant;

use crate::{kind::Kind, queue::Wake};

#[derive(Clone, Debug, EncodeLabelSet, Eq, Hash, PartialEq)]
struct ByController {
    controller: String,
}

impl ByController {
    fn of<K: Kind>() -> Self {
        let controller = format!("managed/{}.{}", K::KIND.to_lowercase(), K::GROUP);
        Self { controller }
    }
}

#[derive(Clone, Debug, EncodeLabelSet, Eq, Hash, PartialEq)]
struct ByResult {
    controller: String,
    result: &'static str,
}

/// One queue serves all kinds; this is its name.
#[derive(Clone, Debug, EncodeLabelSet, Eq, Hash, PartialEq)]
struct ByQueue {
    name: &'static str,
}

const QUEUE: ByQueue = ByQueue { name: "managed" };

type Times<L> = Family<L, Histogram, fn() -> Histogram>;

// From 1 ms to about 65 s, past which no pass goes.
fn times() -> Histogram {
    Histogram::new(exponential_buckets(0.001, 2.0, 17))
}

/// The series of the controllers.
#[derive(Debug)]
pub(crate) struct Controllers {
    reconciles: Family<ByResult, Counter>,
    errors: Family<ByController, Counter>,
    times: Times<ByController>,
    active: Family<ByController, Gauge>,
}

impl Default for Controllers {
    fn default() -> Self {
        Self {
            reconciles: Family::default(),
            errors: Family::default(),
            times: Times::new_with_constructor(times),
            active: Family::default(),
        }
    }
}

impl Controllers {
    pub(super) fn register(&self, registry: &mut Registry) {
        let registry = registry.sub_registry_with_prefix("controller_runtime");
        registry.register("reconcile", "Passes by result", self.reconciles.clone());
        registry.register(
            "reconcile_errors",
            "Passes that failed",
            self.errors.clone(),
        );
        registry.register(
            "reconcile_time_seconds",
            "Length of passes",
            self.times.clone(),
        );
        registry.register("active_workers", "Passes under way", self.active.clone());
    }

    /// A pass is under way until the guard is dropped.
    pub(crate) fn pass<K: Kind>(&self) -> UnderWay {
        let label = ByController::of::<K>();
        let active = self.active.get_or_create_owned(&label);
        active.inc();
        UnderWay {
            active,
            time: self.times.get_or_create_owned(&label),
            started: Instant::now(),
        }
    }

    /// Counts a pass by how it ended. Unlike in Go, a pass that failed outside counts as an error.
    pub(crate) fn ended<K: Kind>(&self, failed: bool, wake: Wake) {
        let label = ByController::of::<K>();
        let result = match wake {
            _ if failed => "error",
            Wake::After(_) => "requeue_after",
            Wake::Backoff | Wake::Throttled(_) => "requeue",
            Wake::OnChange | Wake::Gone => "success",
        };
        if failed {
            self.errors.get_or_create(&label).inc();
        }
        let controller = label.controller;
        self.reconciles
            .get_or_create(&ByResult { controller, result })
            .inc();
    }
}

/// A pass under way.
#[derive(Debug)]
pub(crate) struct UnderWay {
    active: Gauge,
    time: Histogram,
    started: Instant,
}

impl Drop for UnderWay {
    fn drop(&mut self) {
        self.active.dec();
        self.time.observe(self.started.elapsed().as_secs_f64());
    }
}

/// The series of the queue.
#[derive(Clone, Debug)]
pub(crate) struct Workqueue {
    depth: Family<ByQueue, Gauge>,
    adds: Family<ByQueue, Counter>,
    retries: Family<ByQueue, Counter>,
    waits: Times<ByQueue>,
}

impl Default for Workqueue {
    fn default() -> Self {
        Self {
            depth: Family::default(),
            adds: Family::default(),
            retries: Family::default(),
            waits: Times::new_with_constructor(times),
        }
    }
}

impl Workqueue {
    pub(super) fn register(&self, registry: &mut Registry) {
        let registry = registry.sub_registry_with_prefix("workqueue");
        registry.register("depth", "Objects waiting for a pass", self.depth.clone());
        registry.register("adds", "Objects that came to wait", self.adds.clone());
        registry.register(
            "retries",
            "Passes put off after a failure",
            self.retries.clone(),
        );
        registry.register(
            "queue_duration_seconds",
            "Time objects waited",
            self.waits.clone(),
        );
    }

    /// So many objects came to wait.
    pub(crate) fn added(&self, count: u64) {
        self.adds.get_or_create(&QUEUE).inc_by(count);
    }

    /// An object is tried again later.
    pub(crate) fn retried(&self) {
        self.retries.get_or_create(&QUEUE).inc();
    }

    /// An object was taken after it had waited this long.
    pub(crate) fn taken(&self, waited: Duration) {
        self.waits
            .get_or_create(&QUEUE)
            .observe(waited.as_secs_f64());
    }

    /// So many wait now.
    pub(crate) fn waiting(&self, count: usize) {
        let count = i64::try_from(count).unwrap_or(i64::MAX);
        self.depth.get_or_create(&QUEUE).set(count);
    }
}
