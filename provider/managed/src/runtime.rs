//! What all kinds share: the client, the queue, who reads what, events, metrics.

use std::{
    collections::HashSet,
    sync::{Arc, Mutex},
};

use futures::StreamExt;
use k8s_openapi::jiff::Timestamp;
use kube::{
    Api, Client, ResourceExt,
    api::{ApiResource, PartialObjectMeta},
    core::DynamicObject,
    runtime::watcher::Event,
};
use tokio::sync::mpsc;
use tracing::warn;

use crate::{
    change::Heard,
    changelog::ChangeLog,
    dependents::{Dependents, ObjectId, Source},
    directory::Directory,
    event::Recorder,
    input::Input,
    metrics::Metrics,
    options::Options,
    queue::{Priority, Queue},
    resolve::Reader,
    watching,
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

    /// Starts a watch for each kind that is read by field and not ours.
    pub(crate) async fn watch_foreign(&self, inputs: &[Input]) {
        for input in inputs {
            let Input::Field {
                api_version, kind, ..
            } = input
            else {
                continue;
            };
            let group = api_version.split_once('/').map_or("", |(group, _)| group);
            if self.directory.target(group, kind).is_some() {
                continue;
            }
            let key = (api_version.clone(), kind.clone());
            if self
                .foreign
                .lock()
                .expect("no panic while held")
                .contains(&key)
            {
                continue;
            }
            // An unknown kind is reported by the read that follows.
            let Ok(resource) = self.reader.resource(api_version, kind).await else {
                continue;
            };
            if self
                .foreign
                .lock()
                .expect("no panic while held")
                .insert(key)
            {
                let _ = self.watch_requests.send(resource);
            }
        }
    }

    /// Watches the metadata of a kind and wakes readers of objects that changed. Keeps nothing, so
    /// that a cluster full of Secrets costs no memory.
    pub(crate) async fn watch_metadata(self: Arc<Self>, resource: ApiResource) {
        let api: Api<PartialObjectMeta<DynamicObject>> =
            Api::all_with(self.client.clone(), &resource);
        let mut events = watching::events(api);
        while let Some(event) = events.next().await {
            match event {
                Ok(Event::Apply(object) | Event::InitApply(object)) => {
                    let version = object.resource_version().unwrap_or_default();
                    self.wake(&source(&resource, &object), &version);
                }
                Ok(Event::Delete(object)) => self.wake(&source(&resource, &object), ""),
                Ok(Event::Init | Event::InitDone) => {}
                Err(error) => {
                    warn!(%error, kind = resource.kind, "watch interrupted, trying again");
                }
            }
        }
    }
}

fn source(resource: &ApiResource, object: &PartialObjectMeta<DynamicObject>) -> Source {
    Source::Object(ObjectId {
        group: resource.group.clone(),
        kind: resource.kind.clone(),
        namespace: object.namespace().unwrap_or_default(),
        name: object.name_any(),
    })
}
