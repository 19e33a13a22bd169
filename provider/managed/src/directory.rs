//! The managed resources this provider knows, by kind and name: what references point to.

use std::{
    collections::{BTreeMap, HashMap},
    sync::{Arc, RwLock},
};

use k8s_openapi::jiff::Timestamp;
use kube::ResourceExt;

use crate::{
    cache::{Cache, Name, name_of},
    change::{Changed, Subject},
    condition::{self, READY},
    input::Input,
    kind::Kind,
    queue::Key,
    reference::Target,
    resource::ManagedResource,
};

/// What a reference sees of the resource it points to.
#[derive(Clone, Debug)]
pub(crate) struct Referent {
    /// Name of the object.
    pub name: String,
    /// Identity in the external system.
    pub external_name: String,
    /// Labels.
    pub labels: BTreeMap<String, String>,
    /// UID of the controlling owner.
    pub controller: Option<String>,
    /// When it was made.
    pub created: Option<Timestamp>,
    /// It was carried out once, so there is an external resource.
    pub(crate) exists: bool,
    /// Changes with everything a reference depends on.
    pub stamp: String,
}

/// Objects of one kind.
trait Lookup: Send + Sync {
    fn find(&self, namespace: &str, name: &str) -> Option<Referent>;
    fn all(&self, namespace: &str) -> Vec<Referent>;
    fn leaving(&self, namespace: &str, external_name: &str) -> Vec<String>;
    fn standing_for(&self, external_name: &str) -> Vec<Name>;
    fn leaving_readers(&self, namespace: &str, secret: &str) -> Vec<String>;
    fn writer(&self, namespace: &str, secret: &str) -> Option<String>;
}

impl<K: Kind> Lookup for Cache<ManagedResource<K>> {
    fn find(&self, namespace: &str, name: &str) -> Option<Referent> {
        self.get(namespace, name)
            .map(|object| referent(object.as_ref()))
    }

    fn all(&self, namespace: &str) -> Vec<Referent> {
        let objects = Self::all(self).into_iter();
        objects
            .filter(|object| object.metadata.namespace.as_deref() == Some(namespace))
            .map(|object| referent(object.as_ref()))
            .collect()
    }

    fn leaving(&self, namespace: &str, external_name: &str) -> Vec<String> {
        let objects = Self::all(self).into_iter();
        objects
            .filter(|object| object.is_deleting())
            .filter(|object| object.metadata.namespace.as_deref() == Some(namespace))
            .filter(|object| object.external_name() == external_name)
            .map(|object| object.name_any())
            .collect()
    }

    fn standing_for(&self, external_name: &str) -> Vec<Name> {
        let objects = Self::all(self).into_iter();
        objects
            .filter(|object| object.external_name() == external_name)
            .map(|object| name_of(object.as_ref()))
            .collect()
    }

    fn leaving_readers(&self, namespace: &str, secret: &str) -> Vec<String> {
        let reads = |object: &ManagedResource<K>| {
            let inputs = K::inputs(&object.spec.for_provider).0;
            inputs.iter().any(|input| {
                matches!(input, Input::SecretKey { namespace: None, name, .. } if name == secret)
            })
        };
        let objects = Self::all(self).into_iter();
        objects
            .filter(|object| object.is_deleting())
            .filter(|object| object.metadata.namespace.as_deref() == Some(namespace))
            .filter(|object| reads(object))
            .map(|object| format!("{} {}", K::KIND, object.name_any()))
            .collect()
    }

    fn writer(&self, namespace: &str, secret: &str) -> Option<String> {
        let is_source = |object: &&Arc<ManagedResource<K>>| {
            let reference = object.spec.write_connection_secret_to_ref.as_ref();
            object.metadata.namespace.as_deref() == Some(namespace)
                && reference.is_some_and(|reference| reference.name == secret)
                && !object.is_deleting()
        };
        let objects = Self::all(self);
        let writer = objects.iter().find(is_source)?;
        Some(format!("{} {}", K::KIND, writer.name_any()))
    }
}

/// What a reference sees of an object.
pub(crate) fn referent<K: Kind>(object: &ManagedResource<K>) -> Referent {
    let ready = condition::holds(object.conditions(), READY);
    let exists = object
        .status
        .as_ref()
        .is_some_and(|status| status.observed_generation.is_some());
    let controller = object
        .owner_references()
        .iter()
        .find(|owner| owner.controller == Some(true));
    Referent {
        name: object.name_any(),
        external_name: object.external_name().into_owned(),
        labels: object.labels().clone(),
        controller: controller.map(|owner| owner.uid.clone()),
        created: object.creation_timestamp().map(|time| time.0),
        exists,
        stamp: format!(
            "{}/{}/{exists}/{ready}/{}",
            object.uid().unwrap_or_default(),
            object.external_name(),
            object.is_deleting()
        ),
    }
}

/// All kinds.
#[derive(Default)]
pub(crate) struct Directory(RwLock<HashMap<(&'static str, &'static str), Entry>>);

struct Entry {
    target: Target,
    objects: Arc<dyn Lookup>,
}

impl std::fmt::Debug for Directory {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Directory")
    }
}

impl Directory {
    /// Adds a kind.
    pub(crate) fn add<K: Kind>(&self, objects: Arc<Cache<ManagedResource<K>>>) {
        let entry = Entry {
            target: Target::of::<K>(),
            objects,
        };
        self.0
            .write()
            .expect("no panic while held")
            .insert((K::GROUP, K::KIND), entry);
    }

    /// The declaration of a kind by group and kind.
    pub(crate) fn target(&self, group: &str, kind: &str) -> Option<Target> {
        let kinds = self.0.read().expect("no panic while held");
        kinds
            .values()
            .map(|entry| entry.target)
            .find(|target| target.group == group && target.kind == kind)
    }

    /// One object.
    pub(crate) fn find(&self, target: Target, namespace: &str, name: &str) -> Option<Referent> {
        let kinds = self.0.read().expect("no panic while held");
        kinds
            .get(&(target.group, target.kind))?
            .objects
            .find(namespace, name)
    }

    /// The objects that a change outside is about.
    pub(crate) fn subjects(&self, changed: &Changed) -> Vec<Key> {
        let target = changed.target;
        let names = match &changed.subject {
            Subject::Object { namespace, name } => vec![(namespace.clone(), name.clone())],
            Subject::External(external_name) => {
                let kinds = self.0.read().expect("no panic while held");
                let entry = kinds.get(&(target.group, target.kind));
                entry
                    .map(|entry| entry.objects.standing_for(external_name))
                    .unwrap_or_default()
            }
        };
        let names = names.into_iter();
        names
            .map(|(namespace, name)| Key {
                group: target.group,
                plural: target.plural,
                namespace,
                name,
            })
            .collect()
    }

    /// Kind and name of the objects on their way out that read a Secret of their namespace.
    pub(crate) fn leaving_readers(&self, namespace: &str, secret: &str) -> Vec<String> {
        let kinds = self.0.read().expect("no panic while held");
        let mut readers: Vec<_> = kinds
            .values()
            .flat_map(|entry| entry.objects.leaving_readers(namespace, secret))
            .collect();
        readers.sort();
        readers
    }

    /// Kind and name of the object that writes a Secret, or will.
    pub(crate) fn writer(&self, namespace: &str, secret: &str) -> Option<String> {
        let kinds = self.0.read().expect("no panic while held");
        kinds
            .values()
            .find_map(|entry| entry.objects.writer(namespace, secret))
    }

    /// Names of the objects on their way out that stand for something in the external system.
    pub(crate) fn leaving(
        &self,
        target: Target,
        namespace: &str,
        external_name: &str,
    ) -> Vec<String> {
        let kinds = self.0.read().expect("no panic while held");
        kinds
            .get(&(target.group, target.kind))
            .map(|entry| entry.objects.leaving(namespace, external_name))
            .unwrap_or_default()
    }

    /// All objects of a kind in a namespace.
    pub(crate) fn all(&self, target: Target, namespace: &str) -> Vec<Referent> {
        let kinds = self.0.read().expect("no panic while held");
        kinds
            .get(&(target.group, target.kind))
            .map(|entry| entry.objects.all(namespace))
            .unwrap_or_default()
    }
}
