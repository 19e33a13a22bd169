//! Change logs: one entry for each create, update and delete of an external resource, for the sidecar
//! that Crossplane calls `changelogs-sidecar`.
//!
//! An entry goes over gRPC to a Unix socket that the pod's containers share. Handing one over never
//! waits and never fails a pass: up to 1,024 entries queue, what comes on top of that is dropped,
//! counted, and warned of once. While the sidecar is away the queue waits for it, with back-off. An
//! entry whose answer was lost is sent again, so that it may be logged twice; one that the sidecar
//! refuses is dropped. A graceful stop sends what still waits; a kill loses it.
//!
//! What an entry shows is the managed resource, which refers to secrets and holds none, and errors and
//! drift, which hold none either.

mod entry;
mod forwarder;
#[cfg(test)]
pub(crate) mod sidecar;
#[cfg(test)]
mod tests;

use std::{
    collections::BTreeMap,
    path::PathBuf,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
};

use k8s_openapi::jiff::Timestamp;
use kube::ResourceExt;
use tokio::sync::mpsc;
use tracing::warn;

use self::entry::snapshot;
pub(crate) use self::{
    entry::{Entry, Operation},
    forwarder::Forwarder,
};
use crate::{
    drift::{Cause, Drift},
    kind::Kind,
    metrics::Metrics,
    outcome::Stage,
    resource::ManagedResource,
};

/// How many entries wait to be sent at most.
const BUFFER: usize = 1024;

/// Where change logs go, and who writes them. Needs no right in Kubernetes.
#[derive(Clone, Debug)]
pub struct ChangeLogs {
    /// The Unix socket on which the sidecar serves `changelogs.proto.v1alpha1.ChangeLogService`. It
    /// need not be there yet.
    pub socket: PathBuf,
    /// Name and version of the provider, such as `provider-queue:v1.2.0`.
    pub provider: String,
}

impl Operation {
    /// The step of a pass that does it.
    pub(crate) const fn stage(self) -> Stage {
        match self {
            Self::Create => Stage::Create,
            Self::Update => Stage::Update,
            Self::Delete => Stage::Delete,
        }
    }
}

/// What was changed outside, and how it went.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Change<'a> {
    pub operation: Operation,
    /// Why, and in which fields; for an update.
    pub drift: Option<(Cause, &'a [Drift])>,
    pub external_name: &'a str,
    /// Why it failed, if it did.
    pub error: Option<&'a str>,
    pub at: Timestamp,
}

/// Takes changes and hands them to the [`Forwarder`]. By default there is none, and nothing is logged.
#[derive(Debug, Default)]
pub(crate) struct ChangeLog(Option<Open>);

#[derive(Debug)]
struct Open {
    provider: String,
    entries: mpsc::Sender<Entry>,
    losses: Losses,
}

impl ChangeLog {
    /// A change log, and the forwarder that must be run for its entries to arrive.
    pub(crate) fn open(settings: ChangeLogs, metrics: Arc<Metrics>) -> (Self, Forwarder) {
        let (sender, entries) = mpsc::channel(BUFFER);
        let losses = Losses::new(metrics);
        let open = Open {
            provider: settings.provider,
            entries: sender,
            losses: losses.clone(),
        };
        let forwarder = Forwarder::new(&settings.socket, entries, losses);
        (Self(Some(open)), forwarder)
    }

    /// A change log and what it was handed, unsent.
    #[cfg(test)]
    pub(crate) fn pair(metrics: Arc<Metrics>) -> (Self, mpsc::Receiver<Entry>) {
        let (sender, entries) = mpsc::channel(BUFFER);
        let open = Open {
            provider: "provider-fake:v1".into(),
            entries: sender,
            losses: Losses::new(metrics),
        };
        (Self(Some(open)), entries)
    }

    /// Hands over a change of the external resource of `before`, which is what was known when it began.
    /// Never waits.
    pub(crate) fn record<K: Kind>(&self, before: &ManagedResource<K>, change: Change<'_>) {
        let Some(open) = &self.0 else {
            return;
        };
        let entry = Entry {
            timestamp: Some(prost_types::Timestamp {
                seconds: change.at.as_second(),
                nanos: change.at.subsec_nanosecond(),
            }),
            provider: open.provider.clone(),
            api_version: K::api_version(),
            kind: K::KIND.into(),
            name: before.name_any(),
            external_name: change.external_name.into(),
            operation: change.operation as i32,
            snapshot: snapshot(before),
            error_message: change.error.map(Into::into),
            additional_details: details(before, change),
        };
        if open.entries.try_send(entry).is_err() {
            open.losses.dropped();
        }
    }
}

/// Crossplane has one name for a resource and no namespace, so that it goes here, as does the diff.
fn details<K: Kind>(before: &ManagedResource<K>, change: Change<'_>) -> BTreeMap<String, String> {
    let mut details = BTreeMap::from([
        ("namespace".into(), before.namespace().unwrap_or_default()),
        ("uid".into(), before.uid().unwrap_or_default()),
    ]);
    if let Some((cause, drift)) = change.drift {
        let diff: Vec<_> = drift.iter().map(ToString::to_string).collect();
        details.insert("cause".into(), format!("{cause:?}"));
        details.insert("diff".into(), diff.join("; "));
    }
    details
}

/// Counts entries that nobody will read.
#[derive(Clone, Debug)]
struct Losses {
    metrics: Arc<Metrics>,
    since_caught_up: Arc<AtomicU64>,
}

impl Losses {
    fn new(metrics: Arc<Metrics>) -> Self {
        Self {
            metrics,
            since_caught_up: Arc::default(),
        }
    }

    fn dropped(&self) {
        self.metrics.change_log_entry("dropped");
        if self.is_news() {
            warn!(
                waiting = BUFFER,
                "change log entries are dropped; see that the sidecar runs and keeps up"
            );
        }
    }

    /// Counts one, and says whether it is the first since the queue was last empty.
    fn is_news(&self) -> bool {
        self.since_caught_up.fetch_add(1, Ordering::Relaxed) == 0
    }

    /// The queue is empty: the next loss is news. Returns how many there were.
    fn caught_up(&self) -> u64 {
        self.since_caught_up.swap(0, Ordering::Relaxed)
    }
}
