//! What all kinds share: the client, the queue, who reads what, events, metrics.

mod sources;

use std::{
    collections::HashSet,
    sync::{Arc, Mutex},
};

use k8s_openapi::jiff::Timestamp;
use kube::{Client, api::ApiResource};
use tokio::sync::mpsc;

use crate::{
    change::Heard,
    changelog::ChangeLog,
    dependents::{Dependents, Source},
    directory::Directory,
    event::Recorder,
    metrics::Metrics,
    options::Options,
    queue::{Priority, Queue},
    resolve::Reader,
};

/// Tells the time. Tests set it.
pub(crate) type Clock = Box<dyn Fn() -> Timestamp + Send + Sync>;

#[expect(clippy::disallowed_methods, reason = "this is the clock")]
fn system_clock() -> Timestamp {
    Timestamp::now()
}

/// Shared by every controller of the process.
pub(crate) struct Runtime {
    pub(crate) client: Client,
    pub(crate) options: Options,
    pub(crate) queue: Queue,
    pub(crate) dependents: Dependents,
    pub(crate) directory: Directory,
    pub(crate) reader: Reader,
    pub(crate) recorder: Recorder,
    pub(crate) change_log: ChangeLog,
    pub(crate) metrics: Arc<Metrics>,
    pub(crate) clock: Clock,
    foreign: Mutex<HashSet<(String, String)>>,
    watch_requests: mpsc::UnboundedSender<ApiResource>,
}

impl Runtime {
    /// The shared part, and the requests for watches that somebody has to run.
    pub(crate) fn new(
        client: Client,
        options: Options,
        recorder: Recorder,
        metrics: Arc<Metrics>,
    ) -> (Self, mpsc::UnboundedReceiver<ApiResource>) {
        let (watch_requests, requested) = mpsc::unbounded_channel();
        let runtime = Self {
            queue: Queue::new(options.max_reconcile_rate, metrics.queue.clone()),
            reader: Reader::new(client.clone()),
            dependents: Dependents::default(),
            directory: Directory::default(),
            foreign: Mutex::default(),
            client,
            options,
            recorder,
            change_log: ChangeLog::default(),
            metrics,
            clock: Box::new(system_clock),
            watch_requests,
        };
        (runtime, requested)
    }

    /// The one place where a pass reads the clock.
    pub(crate) fn now(&self) -> Timestamp {
        (self.clock)()
    }

    /// Wakes everyone who reads `source` and has not seen `version`.
    pub(crate) fn wake(&self, source: &Source, version: &str) {
        for reader in self.dependents.behind(source, version) {
            self.queue.add(reader, Priority::Normal);
        }
    }

    /// Wakes everyone who reads `source`.
    pub(crate) fn wake_all(&self, source: &Source) {
        for reader in self.dependents.of(source) {
            self.queue.add(reader, Priority::Normal);
        }
    }

    /// Has everything that a change is about looked at.
    pub(crate) fn heard(self: &Arc<Self>) -> Heard {
        let runtime = Arc::clone(self);
        Arc::new(move |changed| {
            for key in runtime.directory.subjects(&changed) {
                runtime.queue.add(key, Priority::Normal);
            }
        })
    }
}
