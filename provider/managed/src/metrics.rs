//! Metrics with the names Crossplane providers expose, and ours.
//!
//! Labels are closed sets: kinds, operations, error classes. Series never grow with the number of
//! objects.

mod familiar;
mod milestones;
mod requests;

use std::time::Instant;

use prometheus_client::{
    encoding::{EncodeLabelSet, text::encode},
    metrics::{
        counter::Counter,
        family::Family,
        gauge::Gauge,
        histogram::{Histogram, exponential_buckets},
    },
    registry::Registry,
};

pub(crate) use self::familiar::Workqueue;
pub use self::requests::{Counted, Requests};
use self::{familiar::Controllers, milestones::Milestones};
use crate::{
    condition::{Claim, SYNCED, Truth},
    kind::Kind,
};

#[derive(Clone, Debug, EncodeLabelSet, Eq, Hash, PartialEq)]
struct ByKind {
    kind: &'static str,
}

#[derive(Clone, Debug, EncodeLabelSet, Eq, Hash, PartialEq)]
struct ByOperation {
    kind: &'static str,
    operation: &'static str,
}

#[derive(Clone, Debug, EncodeLabelSet, Eq, Hash, PartialEq)]
struct ByResult {
    kind: &'static str,
    result: &'static str,
}

#[derive(Clone, Debug, EncodeLabelSet, Eq, Hash, PartialEq)]
struct BySending {
    result: &'static str,
}

#[derive(Clone, Debug, EncodeLabelSet, Eq, Hash, PartialEq)]
struct ByFailure {
    gvk: String,
    step: &'static str,
    class: &'static str,
}

#[derive(Clone, Debug, EncodeLabelSet, Eq, Hash, PartialEq)]
struct ByGvk {
    gvk: String,
}

impl ByGvk {
    /// As Go prints it.
    fn of<K: Kind>() -> Self {
        Self { gvk: gvk::<K>() }
    }
}

/// `group/version, Kind=Kind`.
pub(crate) fn gvk<K: Kind>() -> String {
    format!("{}, Kind={}", K::api_version(), K::KIND)
}

/// All metrics of the process.
#[derive(Debug)]
pub struct Metrics {
    registry: Registry,
    passes: Family<ByResult, Counter>,
    calls: Family<ByOperation, Histogram, fn() -> Histogram>,
    status_writes: Family<ByKind, Counter>,
    drift_corrected: Family<ByKind, Counter>,
    errors: Family<ByFailure, Counter>,
    writes: Family<ByKind, Histogram, fn() -> Histogram>,
    change_log: Family<BySending, Counter>,
    pub(crate) controllers: Controllers,
    pub(crate) queue: Workqueue,
    requests: Requests,
    differing: Family<ByGvk, Gauge>,
    exists: Family<ByGvk, Gauge>,
    ready: Family<ByGvk, Gauge>,
    synced: Family<ByGvk, Gauge>,
    pub(crate) milestones: Milestones,
}

/// How many objects of a kind exist, are ready and are synced.
#[derive(Clone, Copy, Debug, Default)]
pub struct Counts {
    /// All.
    pub exists: i64,
    /// With Ready=True.
    pub ready: i64,
    /// With Synced=True.
    pub synced: i64,
    /// With UpToDate=False.
    pub differing: i64,
}

// From 1 ms, a local query, to about 16 s, past which a pass is close to its budget.
fn call_buckets() -> Histogram {
    Histogram::new(exponential_buckets(0.001, 2.0, 15))
}

// A steady pass writes nothing, a new resource five times at most.
fn write_buckets() -> Histogram {
    Histogram::new([0.0, 1.0, 2.0, 3.0, 4.0, 5.0, 8.0])
}

impl Default for Metrics {
    fn default() -> Self {
        let mut metrics = Self {
            registry: Registry::default(),
            passes: Family::default(),
            calls: Family::new_with_constructor(call_buckets),
            status_writes: Family::default(),
            drift_corrected: Family::default(),
            errors: Family::default(),
            writes: Family::new_with_constructor(write_buckets),
            change_log: Family::default(),
            controllers: Controllers::default(),
            queue: Workqueue::default(),
            requests: Requests::default(),
            differing: Family::default(),
            exists: Family::default(),
            ready: Family::default(),
            synced: Family::default(),
            milestones: Milestones::default(),
        };
        metrics.register();
        metrics
    }
}

impl Metrics {
    /// A layer for the client of the provider, which counts its requests.
    pub fn requests(&self) -> Requests {
        self.requests.clone()
    }

    fn register(&mut self) {
        let registry = &mut self.registry;
        self.milestones.register(registry);
        self.controllers.register(registry);
        self.queue.register(registry);
        self.requests.register(registry);
        registry.register(
            "tenancy_passes",
            "Passes by kind and result",
            self.passes.clone(),
        );
        registry.register(
            "tenancy_external_call_seconds",
            "Latency of external calls",
            self.calls.clone(),
        );
        registry.register(
            "tenancy_status_writes",
            "Status writes by kind",
            self.status_writes.clone(),
        );
        registry.register(
            "tenancy_drift_corrected",
            "Resources changed back",
            self.drift_corrected.clone(),
        );
        registry.register(
            "tenancy_pass_errors",
            "Failures by kind, step and class of error",
            self.errors.clone(),
        );
        registry.register(
            "tenancy_writes_per_pass",
            "Writes to the API server per pass, events aside",
            self.writes.clone(),
        );
        registry.register(
            "tenancy_change_log_entries",
            "Entries of the change log: sent, refused by the sidecar or dropped, and each attempt while it is unreachable",
            self.change_log.clone(),
        );
        registry.register(
            "tenancy_managed_resource_differs",
            "Managed resources that are not up to date",
            self.differing.clone(),
        );
        registry.register(
            "crossplane_managed_resource_exists",
            "Managed resources",
            self.exists.clone(),
        );
        registry.register(
            "crossplane_managed_resource_ready",
            "Ready managed resources",
            self.ready.clone(),
        );
        registry.register(
            "crossplane_managed_resource_synced",
            "Synced managed resources",
            self.synced.clone(),
        );
    }

    /// Counts a pass by what it says of Synced.
    pub(crate) fn pass(&self, kind: &'static str, conditions: &[Claim]) {
        let synced = conditions.iter().find(|claim| claim.kind == SYNCED);
        let result = match synced.map(|claim| claim.status) {
            Some(Truth::True) => "success",
            Some(Truth::False | Truth::Unknown) => "error",
            None => "none",
        };
        self.passes.get_or_create(&ByResult { kind, result }).inc();
    }

    /// Measures an external call until the guard is dropped.
    pub(crate) fn external_call(&self, kind: &'static str, operation: &'static str) -> Timer {
        let histogram = self
            .calls
            .get_or_create_owned(&ByOperation { kind, operation });
        Timer {
            histogram,
            started: Instant::now(),
        }
    }

    /// Counts a failure.
    pub(crate) fn failed<K: Kind>(&self, step: &'static str, class: &'static str) {
        let gvk = gvk::<K>();
        self.errors
            .get_or_create(&ByFailure { gvk, step, class })
            .inc();
    }

    /// Notes how many writes a pass has cost.
    pub(crate) fn wrote(&self, kind: &'static str, writes: u32) {
        self.writes
            .get_or_create(&ByKind { kind })
            .observe(f64::from(writes));
    }

    /// Counts an entry of the change log, or an attempt to send one.
    pub(crate) fn change_log_entry(&self, result: &'static str) {
        self.change_log.get_or_create(&BySending { result }).inc();
    }

    /// Counts a status write.
    pub(crate) fn status_written(&self, kind: &'static str) {
        self.status_writes.get_or_create(&ByKind { kind }).inc();
    }

    /// Counts a correction.
    pub(crate) fn drift_corrected(&self, kind: &'static str) {
        self.drift_corrected.get_or_create(&ByKind { kind }).inc();
    }

    /// Sets the gauges that are counted rather than kept.
    pub(crate) fn state(&self, waiting: usize, kinds: &[(String, Counts)]) {
        self.queue.waiting(waiting);
        for (gvk, counts) in kinds {
            let label = ByGvk { gvk: gvk.clone() };
            self.exists.get_or_create(&label).set(counts.exists);
            self.differing.get_or_create(&label).set(counts.differing);
            self.ready.get_or_create(&label).set(counts.ready);
            self.synced.get_or_create(&label).set(counts.synced);
        }
    }

    /// The exposition in `OpenMetrics` text.
    #[expect(clippy::missing_panics_doc, reason = "writing to a String cannot fail")]
    pub fn text(&self) -> String {
        let mut text = String::new();
        encode(&mut text, &self.registry).expect("writing to a String cannot fail");
        text
    }
}

/// Measures until dropped.
#[derive(Debug)]
pub(crate) struct Timer {
    histogram: Histogram,
    started: Instant,
}

impl Drop for Timer {
    fn drop(&mut self) {
        self.histogram.observe(self.started.elapsed().as_secs_f64());
    }
}
