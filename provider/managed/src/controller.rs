//! One kind under control: its watch, its cache, and what happens around a pass.

mod conclude;
mod watch;

use std::{sync::Arc, time::Duration};

use futures::future::BoxFuture;
use kube::Api;
use tracing::debug;

use self::watch::Wanted;
use crate::{
    cache::{Cache, name_of},
    config::session::Configs,
    connection::store::SecretStore,
    external::{Connector, ExternalClient, ExternalError},
    kind::Kind,
    memory::Memory,
    queue::{Key, Priority, Wake},
    resource::ManagedResource,
    runtime::Runtime,
};

/// How long reading one object again may take; the watch brings it too.
const FOR_A_READ: Duration = Duration::from_secs(5);

/// Something whose objects the queue hands out.
pub(crate) trait Reconciler: Send + Sync {
    /// One pass over the object.
    fn reconcile<'a>(&'a self, key: &'a Arc<Key>) -> BoxFuture<'a, Wake>;
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

    /// True when another shard does not.
    pub(crate) fn manages(&self, object: &ManagedResource<K>) -> bool {
        self.runtime.options.shards.manages(object)
    }

    /// Forgets what is known of an object beside the object itself.
    pub(crate) fn know_no_more(&self, object: &ManagedResource<K>) {
        let uid = object.metadata.uid.as_deref().unwrap_or_default();
        self.memory.forget(uid);
        self.runtime.metrics.milestones.forget(uid);
    }

    /// Takes over the answer to a write that was conditional on what we had read.
    pub(crate) fn adopt_own(&self, object: ManagedResource<K>) -> Arc<ManagedResource<K>> {
        let (namespace, name) = name_of(&object);
        self.cache.insert(object);
        self.cache.get(&namespace, &name).expect("just inserted")
    }

    /// Takes over the answer to an unconditional write. It may carry an edit of somebody else, whose
    /// own event would then look like old news.
    pub(crate) fn adopt(
        &self,
        key: &Arc<Key>,
        object: ManagedResource<K>,
    ) -> Arc<ManagedResource<K>> {
        let before = self.cache.get(&key.namespace, &key.name);
        if before.is_some_and(|before| Wanted::of(before.as_ref()) != Wanted::of(&object)) {
            self.runtime.queue.add(Arc::clone(key), Priority::Fresh);
        }
        self.adopt_own(object)
    }

    /// Reads the object again, past the watch.
    pub(crate) async fn refresh(&self, key: &Key) {
        let api = self.api(&key.namespace);
        match tokio::time::timeout(FOR_A_READ, api.get_opt(&key.name)).await {
            Ok(Ok(Some(object))) => drop(self.cache.insert(object)),
            Ok(Ok(None)) => drop(self.cache.remove(&key.namespace, &key.name)),
            Ok(Err(error)) => debug!(%error, name = key.name, "cannot read the object again"),
            Err(_) => debug!(name = key.name, "the object was not read again in time"),
        }
    }

    /// Has every object looked at whose last pass is longer ago than two polls. Whatever made the
    /// queue lose it, this finds it again.
    pub(crate) fn sweep(&self) {
        let all = self.cache.all().into_iter();
        for object in all.filter(|object| self.manages(object)) {
            let poll = self.runtime.options.poll_of(object.as_ref());
            if self.memory.is_overdue(object.as_ref(), poll * 2) {
                let name = name_of(object.as_ref());
                self.runtime
                    .queue
                    .add(watch::key::<K>(&name), Priority::Background);
            }
        }
    }

    /// Has the provider config looked at when its server seems to be the cause.
    pub(crate) fn suspect(&self, object: &ManagedResource<K>, error: &ExternalError) {
        if matches!(
            error,
            ExternalError::Unreachable(_)
                | ExternalError::UnknownOutcome(_)
                | ExternalError::Denied(_)
        ) {
            let (namespace, _) = name_of(object);
            let id = Configs::<C>::id(&namespace, &object.spec.provider_config_ref);
            self.runtime
                .queue
                .add(crate::config::control::key(&id), Priority::Normal);
        }
    }
}

impl<K: Kind, C: Connector> Reconciler for Controller<K, C>
where
    C::Session: ExternalClient<K>,
{
    fn reconcile<'a>(&'a self, key: &'a Arc<Key>) -> BoxFuture<'a, Wake> {
        Box::pin(self.pass(key))
    }
}
