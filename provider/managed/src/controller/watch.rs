//! The watch of one kind: what comes in goes to the cache, to the queue if it asks for a pass, and to
//! those who refer to it.

use std::{
    collections::{BTreeMap, HashSet},
    sync::Arc,
};

use futures::StreamExt;
use kube::{ResourceExt, runtime::watcher::Event};

use super::Controller;
use crate::{
    cache::{Name, name_of},
    dependents::{ANY, ObjectId, Source},
    directory::referent,
    external::{Connector, ExternalClient},
    kind::Kind,
    lifecycle::foreign_finalizers,
    queue::{Key, Priority},
    resource::{
        CONNECTION_SECRET, CREATE_FAILED, CREATE_PENDING, CREATE_SUCCEEDED, CREATING_SHARD, LEDGER,
        ManagedResource,
    },
    watching,
};

impl<K: Kind, C: Connector> Controller<K, C>
where
    C::Session: ExternalClient<K>,
{
    /// Watches the kind until the watch breaks for good. Calls `synced` when the first list is in.
    pub(crate) async fn watch(self: Arc<Self>, synced: impl Fn()) {
        let mut events = watching::all::<ManagedResource<K>>(self.runtime.client.clone());
        let mut listed = HashSet::new();
        while let Some(event) = events.next().await {
            match event {
                Event::Init => listed.clear(),
                Event::InitApply(object) => {
                    listed.insert(self.applied(object, Priority::Background));
                }
                Event::InitDone => {
                    self.prune(&listed);
                    synced();
                }
                Event::Apply(object) => drop(self.applied(object, Priority::Fresh)),
                Event::Delete(object) => self.forget(&object),
            }
        }
    }

    /// Takes over what a watch has brought. Returns its name.
    pub(crate) fn applied(&self, object: ManagedResource<K>, priority: Priority) -> Name {
        let name = name_of(&object);
        let (wanted, is_ours) = (Wanted::of(&object), self.manages(&object));
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
            return name;
        }
        self.tell_dependents(&name, &version, &stamp);
        if is_ours && before.is_none_or(|before| Wanted::of(before.as_ref()) != wanted) {
            let priority = if is_new { Priority::Fresh } else { priority };
            self.runtime.queue.add(key::<K>(&name), priority);
        }
        name
    }

    pub(crate) fn prune(&self, listed: &HashSet<Name>) {
        for object in self.cache.all() {
            if !listed.contains(&name_of(object.as_ref())) {
                self.forget(&object);
            }
        }
    }

    fn forget(&self, object: &ManagedResource<K>) {
        let name = name_of(object);
        self.cache.remove(&name.0, &name.1);
        self.know_no_more(object);
        self.tell_dependents(&name, "", "");
        self.tell_referents(object);
        self.runtime.queue.add(key::<K>(&name), Priority::Normal);
    }

    /// A role is deleted after the database it owns: what an object referred to may wait for its end.
    fn tell_referents(&self, object: &ManagedResource<K>) {
        let (namespace, _) = name_of(object);
        let mut parameters = object.spec.for_provider.clone();
        for reference in K::references(&mut parameters) {
            let Some(external_name) = reference.value else {
                continue;
            };
            let directory = &self.runtime.directory;
            for name in directory.leaving(reference.target, &namespace, external_name) {
                let key = Key {
                    group: reference.target.group,
                    plural: reference.target.plural,
                    namespace: namespace.clone(),
                    name,
                };
                self.runtime.queue.add(key, Priority::Normal);
            }
        }
    }

    pub(super) fn tell_dependents(&self, name: &Name, version: &str, stamp: &str) {
        let id = ObjectId {
            group: K::GROUP.into(),
            kind: K::KIND.into(),
            namespace: name.0.clone(),
            name: name.1.clone(),
        };
        self.runtime.wake(&Source::Object(id.clone()), version);
        let any = ObjectId {
            name: ANY.into(),
            ..id.clone()
        };
        self.runtime.wake(&Source::Reference(id), stamp);
        self.runtime.wake(&Source::Reference(any), stamp);
    }
}

/// The part of an object whose change asks for a pass. Our own marks and the status are not in it.
#[derive(Debug, PartialEq)]
pub(super) struct Wanted {
    uid: Option<String>,
    generation: Option<i64>,
    deleting: bool,
    labels: BTreeMap<String, String>,
    annotations: BTreeMap<String, String>,
    foreign_finalizers: Vec<String>,
}

impl Wanted {
    pub(super) fn of<K: Kind>(object: &ManagedResource<K>) -> Self {
        let own = [
            CREATE_PENDING,
            CREATE_SUCCEEDED,
            CREATE_FAILED,
            CREATING_SHARD,
            LEDGER,
            CONNECTION_SECRET,
        ];
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

pub(super) fn key<K: Kind>(name: &Name) -> Key {
    Key {
        group: K::GROUP,
        plural: K::PLURAL,
        namespace: name.0.clone(),
        name: name.1.clone(),
    }
}
