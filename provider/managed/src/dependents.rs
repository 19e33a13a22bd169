//! Who reads what: from a Secret, an object or a provider config to the resources that depend on it.
//!
//! A reader notes the version it saw; an event that brings the same version wakes nobody, so our own
//! writes do not cause passes.

use std::{
    collections::{HashMap, HashSet},
    sync::{Arc, Mutex},
};

use crate::{config::ConfigKind, queue::Key};

/// Something that is read.
#[derive(Clone, Debug, Eq, Hash, PartialEq)]
pub(crate) enum Source {
    /// Any object, by group, kind, namespace and name. The version is its resource version.
    Object(ObjectId),
    /// A managed resource referred to. The version covers what references depend on: identity,
    /// external name, readiness, deletion.
    Reference(ObjectId),
    /// A provider config.
    Config(ConfigId),
}

/// In the place of a name: any object of the kind in the namespace.
pub(crate) const ANY: &str = "";

/// Identity of an object of any kind.
#[derive(Clone, Debug, Eq, Hash, PartialEq)]
pub(crate) struct ObjectId {
    /// API group, empty for core.
    pub group: String,
    /// Kind.
    pub kind: String,
    /// Namespace.
    pub namespace: String,
    /// Name.
    pub name: String,
}

impl ObjectId {
    /// A Secret.
    pub(crate) fn secret(namespace: &str, name: &str) -> Self {
        Self {
            group: String::new(),
            kind: "Secret".into(),
            namespace: namespace.into(),
            name: name.into(),
        }
    }

    /// A `ConfigMap`.
    pub(crate) fn config_map(namespace: &str, name: &str) -> Self {
        Self {
            kind: "ConfigMap".into(),
            ..Self::secret(namespace, name)
        }
    }
}

/// Identity of a provider config. The namespace of a `ClusterProviderConfig` is empty.
#[derive(Clone, Debug, Eq, Hash, PartialEq)]
pub(crate) struct ConfigId {
    /// API group.
    pub group: &'static str,
    /// Which kind.
    pub kind: ConfigKind,
    /// Namespace.
    pub namespace: String,
    /// Name.
    pub name: String,
}

/// What a reader saw, source by source.
pub(crate) type Seen = HashMap<Source, String>;

/// The index.
#[derive(Debug, Default)]
pub(crate) struct Dependents(Mutex<Index>);

/// Each key and each source is in memory once.
#[derive(Debug, Default)]
struct Index {
    readers: HashMap<Arc<Source>, HashMap<Arc<Key>, Box<str>>>,
    sources: HashMap<Arc<Key>, Box<[Arc<Source>]>>,
}

impl Dependents {
    /// Notes what a reader read in its last pass, in place of what it read before.
    pub(crate) fn set(&self, reader: &Key, seen: Seen) {
        let mut index = self.0.lock().expect("no panic while held");
        index.remove(reader);
        if !seen.is_empty() {
            index.add(&Arc::new(reader.clone()), seen);
        }
    }

    /// Forgets a reader.
    pub(crate) fn remove(&self, reader: &Key) {
        self.0.lock().expect("no panic while held").remove(reader);
    }

    /// The readers of a source that have not seen this version.
    pub(crate) fn behind(&self, source: &Source, version: &str) -> Vec<Key> {
        let index = self.0.lock().expect("no panic while held");
        let readers = index.readers.get(source).into_iter().flatten();
        readers
            .filter(|(_, seen)| seen.as_ref() != version)
            .map(|(reader, _)| Key::clone(reader))
            .collect()
    }

    /// The objects of a kind that somebody reads.
    pub(crate) fn objects(&self, group: &str, kind: &str) -> HashSet<ObjectId> {
        let index = self.0.lock().expect("no panic while held");
        let objects = index.readers.keys().filter_map(|source| match &**source {
            Source::Object(id) if id.group == group && id.kind == kind => Some(id.clone()),
            _ => None,
        });
        objects.collect()
    }

    /// All readers of a source.
    pub(crate) fn of(&self, source: &Source) -> Vec<Key> {
        let index = self.0.lock().expect("no panic while held");
        let readers = index.readers.get(source).into_iter().flatten();
        readers.map(|(reader, _)| Key::clone(reader)).collect()
    }
}

impl Index {
    fn add(&mut self, reader: &Arc<Key>, seen: Seen) {
        let mut sources = Vec::with_capacity(seen.len());
        for (source, version) in seen {
            let known = self.readers.get_key_value(&source);
            let source = known.map_or_else(|| Arc::new(source), |(source, _)| Arc::clone(source));
            self.readers
                .entry(Arc::clone(&source))
                .or_default()
                .insert(Arc::clone(reader), version.into());
            sources.push(source);
        }
        self.sources.insert(Arc::clone(reader), sources.into());
    }

    fn remove(&mut self, reader: &Key) {
        for source in self.sources.remove(reader).into_iter().flatten() {
            if let Some(readers) = self.readers.get_mut(&source) {
                readers.remove(reader);
                if readers.is_empty() {
                    self.readers.remove(&source);
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn reader(name: &str) -> Key {
        Key {
            group: "example.org",
            plural: "fakes",
            namespace: "ns".into(),
            name: name.into(),
        }
    }

    fn secret() -> Source {
        Source::Object(ObjectId::secret("ns", "password"))
    }

    #[test]
    fn only_readers_that_have_not_seen_the_version_are_behind() {
        let dependents = Dependents::default();
        dependents.set(&reader("a"), [(secret(), "1".to_owned())].into());
        dependents.set(&reader("b"), [(secret(), "2".to_owned())].into());
        assert_eq!(dependents.behind(&secret(), "2"), [reader("a")]);
    }

    #[test]
    fn a_source_that_is_no_longer_read_wakes_nobody() {
        let dependents = Dependents::default();
        dependents.set(&reader("a"), [(secret(), "1".to_owned())].into());
        dependents.set(&reader("a"), Seen::new());
        assert!(dependents.of(&secret()).is_empty());
        assert!(dependents.0.lock().unwrap().readers.is_empty());
    }
}
