//! One kind under control: its watch, its cache, and what happens around a pass.

use std::{
    collections::{BTreeMap, HashSet},
    sync::Arc,
};

use futures::{StreamExt, future::BoxFuture};
use k8s_openapi::{api::core::v1::ObjectReference, jiff::Timestamp};
use kube::{
    Api, ResourceExt,
    core::DeserializeGuard,
    runtime::{
        WatchStreamExt,
        watcher::{self, Event, watcher},
    },
};
use tracing::{debug, info, warn};

use crate::{
    cache::{Cache, Name, name_of},
    condition::{self, READY, SYNCED},
    config::session::Configs,
    connection::store::SecretStore,
    dependents::{ObjectId, Source},
    directory::referent,
    event::{Occurrence, Report},
    external::{Connector, ExternalClient, ExternalError},
    kind::Kind,
    lifecycle::foreign_finalizers,
    memory::Memory,
    outcome::{Outcome, Stage, next_status},
    persist,
    queue::{Key, Priority, Wake},
    reconcile::Pass,
    resource::{
        CREATE_FAILED, CREATE_PENDING, CREATE_SUCCEEDED, LEDGER, ManagedResource,
        RECONCILE_REQUESTED,
    },
    runtime::Runtime,
};

/// Something whose objects the queue hands out.
pub(crate) trait Reconciler: Send + Sync {
    /// One pass over the object.
    fn reconcile<'a>(&'a self, key: &'a Key) -> BoxFuture<'a, Wake>;
}

/// One kind under control.
pub(crate) struct Controller<K: Kind, C: Connector> {
    pub(crate) runtime: Arc<Runtime>,
    pub(crate) configs: Arc<Configs<C>>,
    pub(crate) cache: Arc<Cache<ManagedResource<K>>>,
    pub(crate) memory: Memory,
    pub(crate) store: SecretStore,
}

impl<K: Kind, C: Connector> Controller<K, C>
where
    C::Session: ExternalClient<K>,
{
    pub(crate) fn new(runtime: Arc<Runtime>, configs: Arc<Configs<C>>) -> Self {
        let cache = Arc::new(Cache::default());
        runtime.directory.add::<K>(Arc::clone(&cache));
        let store = SecretStore(runtime.client.clone());
        Self {
            runtime,
            configs,
            cache,
            memory: Memory::default(),
            store,
        }
    }

    pub(crate) fn api(&self, namespace: &str) -> Api<ManagedResource<K>> {
        Api::namespaced(self.runtime.client.clone(), namespace)
    }

    /// Takes over the answer to a write that was conditional on what we had read.
    pub(crate) fn adopt_own(&self, object: ManagedResource<K>) -> Arc<ManagedResource<K>> {
        let (namespace, name) = name_of(&object);
        self.cache.insert(stripped(object));
        self.cache.get(&namespace, &name).expect("just inserted")
    }

    /// Takes over the answer to an unconditional write. It may carry an edit of somebody else, whose
    /// own event would then look like old news.
    pub(crate) fn adopt(&self, key: &Key, object: ManagedResource<K>) -> Arc<ManagedResource<K>> {
        let before = self.cache.get(&key.namespace, &key.name);
        if before.is_some_and(|before| Wanted::of(before.as_ref()) != Wanted::of(&object)) {
            self.runtime.queue.add(key.clone(), Priority::Fresh);
        }
        self.adopt_own(object)
    }

    /// Reads the object again, past the watch.
    pub(crate) async fn refresh(&self, key: &Key) {
        match self.api(&key.namespace).get_opt(&key.name).await {
            Ok(Some(object)) => drop(self.cache.insert(stripped(object))),
            Ok(None) => drop(self.cache.remove(&key.namespace, &key.name)),
            Err(error) => debug!(%error, name = key.name, "cannot read the object again"),
        }
    }

    /// Has the provider config looked at when its server seems to be the cause.
    pub(crate) fn suspect(&self, object: &ManagedResource<K>, error: &ExternalError) {
        if matches!(
            error,
            ExternalError::Unreachable(_) | ExternalError::Denied(_)
        ) {
            let namespace = object.namespace().unwrap_or_default();
            let id = Configs::<C>::id(&namespace, &object.spec.provider_config_ref);
            self.runtime
                .queue
                .add(crate::config::control::key(&id), Priority::Normal);
        }
    }

    // === watch ===

    /// Watches the kind until the watch breaks for good. Calls `synced` when the first list is in.
    pub(crate) async fn watch(self: Arc<Self>, synced: impl Fn()) {
        let api: Api<DeserializeGuard<ManagedResource<K>>> = Api::all(self.runtime.client.clone());
        let mut events = watcher(api, watcher::Config::default())
            .default_backoff()
            .boxed();
        let mut listed = HashSet::new();
        while let Some(event) = events.next().await {
            match event {
                Ok(Event::Init) => listed.clear(),
                Ok(Event::InitApply(object)) => drop(
                    self.applied(object, Priority::Background)
                        .map(|name| listed.insert(name)),
                ),
                Ok(Event::InitDone) => {
                    self.prune(&listed);
                    synced();
                }
                Ok(Event::Apply(object)) => drop(self.applied(object, Priority::Fresh)),
                Ok(Event::Delete(object)) => self.deleted(object),
                Err(error) => warn!(%error, kind = K::KIND, "watch interrupted, trying again"),
            }
        }
    }

    fn applied(
        &self,
        object: DeserializeGuard<ManagedResource<K>>,
        priority: Priority,
    ) -> Option<Name> {
        let object = match object.0 {
            Ok(object) => stripped(object),
            Err(error) => {
                warn!(%error, kind = K::KIND, "an object cannot be read and is left alone; correct it");
                return None;
            }
        };
        let name = name_of(&object);
        let wanted = Wanted::of(&object);
        let (version, stamp) = (
            object.resource_version().unwrap_or_default(),
            referent(&object).stamp,
        );
        let is_new = object
            .status
            .as_ref()
            .and_then(|status| status.observed_generation)
            .is_none();
        let (before, fresher) = self.cache.insert(object);
        if !fresher {
            return Some(name);
        }
        self.tell_dependents(&name, &version, &stamp);
        if before.is_none_or(|before| Wanted::of(before.as_ref()) != wanted) {
            let priority = if is_new { Priority::Fresh } else { priority };
            self.runtime.queue.add(key::<K>(&name), priority);
        }
        Some(name)
    }

    fn deleted(&self, object: DeserializeGuard<ManagedResource<K>>) {
        let Ok(object) = object.0 else { return };
        self.forget(&name_of(&object), &object.uid().unwrap_or_default());
    }

    fn prune(&self, listed: &HashSet<Name>) {
        for object in self.cache.all() {
            let name = name_of(object.as_ref());
            if !listed.contains(&name) {
                self.forget(&name, &object.uid().unwrap_or_default());
            }
        }
    }

    fn forget(&self, name: &Name, uid: &str) {
        self.cache.remove(&name.0, &name.1);
        self.memory.forget(uid);
        self.tell_dependents(name, "", "");
        self.runtime.queue.add(key::<K>(name), Priority::Normal);
    }

    fn tell_dependents(&self, name: &Name, version: &str, stamp: &str) {
        let id = ObjectId {
            group: K::GROUP.into(),
            kind: K::KIND.into(),
            namespace: name.0.clone(),
            name: name.1.clone(),
        };
        self.runtime.wake(&Source::Object(id.clone()), version);
        self.runtime.wake(&Source::Reference(id), stamp);
    }

    // === around the pass ===

    async fn pass(&self, key: &Key) -> Wake {
        let Some(object) = self.cache.get(&key.namespace, &key.name) else {
            self.runtime.dependents.remove(key);
            return Wake::Gone;
        };
        let now = self.runtime.now();
        let pass = Pass::new(self, key, Arc::clone(&object), now);
        let timeout = self.runtime.options.timeout;
        let outcome = tokio::time::timeout(timeout, pass.run())
            .await
            .unwrap_or_else(|_| {
                let cause = format!("no answer within {} s", timeout.as_secs());
                let error = ExternalError::Unreachable(crate::external::Failure::new(
                    cause,
                    "check the server and the network",
                ));
                self.suspect(&object, &error);
                Outcome::failed(Stage::Observe, &error, self.runtime.options.poll)
            });
        self.conclude(key, &object, outcome, now).await
    }

    /// Status if it differs, events, the next wake-up.
    async fn conclude(
        &self,
        key: &Key,
        before: &ManagedResource<K>,
        outcome: Outcome<K>,
        now: Timestamp,
    ) -> Wake {
        self.runtime.metrics.pass(K::KIND, &outcome.conditions);
        self.report(before, &outcome.occurrences, now);
        if outcome.wake == Wake::Gone {
            self.runtime.dependents.remove(key);
            return Wake::Gone;
        }
        let Some(object) = self.cache.get(&key.namespace, &key.name) else {
            return Wake::Gone;
        };
        let status = next_status(object.as_ref(), &outcome, now);
        if object.status.as_ref() == Some(&status) {
            return outcome.wake;
        }
        log_transition(before, &status.conditions);
        match persist::apply_status(&self.api(&key.namespace), object.as_ref(), &status).await {
            Ok(written) => {
                self.runtime.metrics.status_written(K::KIND);
                let written = self.adopt(key, written);
                let stamp = referent(written.as_ref()).stamp;
                let version = written.resource_version().unwrap_or_default();
                self.tell_dependents(&name_of(written.as_ref()), &version, &stamp);
                outcome.wake
            }
            Err(error) if persist::is_status(&error, 404) || persist::is_status(&error, 409) => {
                self.refresh(key).await;
                Wake::Backoff
            }
            Err(error) => {
                warn!(%error, kind = K::KIND, namespace = key.namespace, name = key.name, "cannot write the status");
                Wake::Backoff
            }
        }
    }

    fn report(&self, object: &ManagedResource<K>, occurrences: &[Occurrence], now: Timestamp) {
        let requested = object
            .annotation(RECONCILE_REQUESTED)
            .filter(|token| !token.is_empty());
        let handled = object
            .status
            .as_ref()
            .and_then(|status| status.last_handled_reconcile_at.as_deref());
        let acknowledged = (requested.is_some() && requested != handled)
            .then(|| Occurrence::normal("ReconcileRequestHandled", "Handling reconcile request"));
        for occurrence in acknowledged.iter().chain(occurrences) {
            self.runtime.recorder.report(Report {
                regarding: regarding(object),
                external_name: Some(object.external_name().to_owned()),
                occurrence: occurrence.clone(),
                at: now,
            });
        }
    }
}

impl<K: Kind, C: Connector> Reconciler for Controller<K, C>
where
    C::Session: ExternalClient<K>,
{
    fn reconcile<'a>(&'a self, key: &'a Key) -> BoxFuture<'a, Wake> {
        Box::pin(self.pass(key))
    }
}

/// The part of an object whose change asks for a pass. Our own marks and the status are not in it.
#[derive(Debug, PartialEq)]
struct Wanted {
    uid: Option<String>,
    generation: Option<i64>,
    deleting: bool,
    labels: BTreeMap<String, String>,
    annotations: BTreeMap<String, String>,
    foreign_finalizers: Vec<String>,
}

impl Wanted {
    fn of<K: Kind>(object: &ManagedResource<K>) -> Self {
        let own = [CREATE_PENDING, CREATE_SUCCEEDED, CREATE_FAILED, LEDGER];
        let annotations = object
            .annotations()
            .iter()
            .filter(|(key, _)| !own.contains(&key.as_str()));
        Self {
            uid: object.uid(),
            generation: object.metadata.generation,
            deleting: object.is_deleting(),
            labels: object.labels().clone(),
            annotations: annotations
                .map(|(key, value)| (key.clone(), value.clone()))
                .collect(),
            foreign_finalizers: foreign_finalizers(object),
        }
    }
}

/// Without what takes most of the memory and is never read.
fn stripped<K: Kind>(mut object: ManagedResource<K>) -> ManagedResource<K> {
    object.metadata.managed_fields = None;
    object
}

fn key<K: Kind>(name: &Name) -> Key {
    Key {
        group: K::GROUP,
        plural: K::PLURAL,
        namespace: name.0.clone(),
        name: name.1.clone(),
    }
}

fn regarding<K: Kind>(object: &ManagedResource<K>) -> ObjectReference {
    ObjectReference {
        api_version: Some(K::api_version()),
        kind: Some(K::KIND.into()),
        name: object.metadata.name.clone(),
        namespace: object.metadata.namespace.clone(),
        uid: object.metadata.uid.clone(),
        resource_version: object.metadata.resource_version.clone(),
        field_path: None,
    }
}

/// One line when Ready or Synced changes, at warn when it is for the worse.
fn log_transition<K: Kind>(before: &ManagedResource<K>, after: &[condition::Condition]) {
    let known = before
        .status
        .as_ref()
        .map(|status| status.conditions.as_slice())
        .unwrap_or_default();
    for kind in [SYNCED, READY] {
        let (old, new) = (condition::find(known, kind), condition::find(after, kind));
        let Some(new) = new.filter(|new| {
            old.is_none_or(|old| (&old.status, &old.message) != (&new.status, &new.message))
        }) else {
            continue;
        };
        let (namespace, name) = name_of(before);
        let (status, reason, message) = (&new.status, &new.reason, &new.message);
        if new.reason == "ReconcileError" {
            warn!(
                kind = K::KIND,
                namespace,
                name,
                condition = kind,
                status,
                reason,
                message,
                "condition changed"
            );
        } else {
            info!(
                kind = K::KIND,
                namespace,
                name,
                condition = kind,
                status,
                reason,
                message,
                "condition changed"
            );
        }
    }
}
