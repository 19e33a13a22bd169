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
    readers: HashMap<Arc<Source>, Readers>,
    sources: HashMap<Arc<Key>, Box<[Arc<Source>]>>,
}

/// Who reads a source, and the version that was seen. Most have one reader: its connection Secret is
/// read by nobody else.
#[derive(Debug)]
enum Readers {
    One(Arc<Key>, Box<str>),
    Many(HashMap<Arc<Key>, Box<str>>),
}

impl Readers {
    fn all(&self) -> impl Iterator<Item = (&Arc<Key>, &Box<str>)> {
        let (one, many) = match self {
            Self::One(reader, seen) => (Some((reader, seen)), None),
            Self::Many(readers) => (None, Some(readers)),
        };
        one.into_iter().chain(many.into_iter().flatten())
    }

    /// Notes one more reader, who was not there.
    fn with(self, reader: Arc<Key>, seen: Box<str>) -> Self {
        let mut readers = match self {
            Self::One(first, seen) => HashMap::from([(first, seen)]),
            Self::Many(readers) => readers,
        };
        readers.insert(reader, seen);
        Self::Many(readers)
    }

    /// Forgets a reader. True when nobody is left.
    fn remove(&mut self, reader: &Key) -> bool {
        match self {
            Self::One(first, _) => **first == *reader,
            Self::Many(readers) => {
                readers.remove(reader);
                readers.is_empty()
            }
        }
    }
}

impl Dependents {
    /// Notes what a reader read in its last pass, in place of what it read before.
    pub(crate) fn set(&self, reader: &Arc<Key>, seen: Seen) {
        let mut index = self.0.lock().expect("no panic while held");
        index.remove(reader);
        if !seen.is_empty() {
            index.add(reader, seen);
        }
    }

    /// Forgets a reader.
    pub(crate) fn remove(&self, reader: &Key) {
        self.0.lock().expect("no panic while held").remove(reader);
    }

    /// The readers of a source that have not seen this version.
    pub(crate) fn behind(&self, source: &Source, version: &str) -> Vec<Arc<Key>> {
        let index = self.0.lock().expect("no panic while held");
        let readers = index.readers.get(source).into_iter();
        readers
            .flat_map(Readers::all)
            .filter(|(_, seen)| seen.as_ref() != version)
            .map(|(reader, _)| Arc::clone(reader))
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
    pub(crate) fn of(&self, source: &Source) -> Vec<Arc<Key>> {
        let index = self.0.lock().expect("no panic while held");
        let readers = index.readers.get(source).into_iter();
        let readers = readers.flat_map(Readers::all);
        readers.map(|(reader, _)| Arc::clone(reader)).collect()
    }
}

impl Index {
    fn add(&mut self, reader: &Arc<Key>, seen: Seen) {
        let mut sources = Vec::with_capacity(seen.len());
        for (source, version) in seen {
            let known = self.readers.get_key_value(&source);
            let source = known.map_or_else(|| Arc::new(source), |(source, _)| Arc::clone(source));
            let (one, seen) = (Arc::clone(reader), Box::from(version));
            let readers = match self.readers.remove(&source) {
                Some(readers) => readers.with(one, seen),
                None => Readers::One(one, seen),
            };
            self.readers.insert(Arc::clone(&source), readers);
            sources.push(source);
        }
        self.sources.insert(Arc::clone(reader), sources.into());
    }

    fn remove(&mut self, reader: &Key) {
        for source in self.sources.remove(reader).into_iter().flatten() {
            if let Some(readers) = self.readers.get_mut(&source)
                && readers.remove(reader)
            {
                self.readers.remove(&source);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn reader(name: &str) -> Arc<Key> {
        Arc::new(Key {
            group: "example.org",
            plural: "fakes",
            namespace: "ns".into(),
            name: name.into(),
        })
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
    fn of_several_readers_each_leaves_by_itself() {
        let dependents = Dependents::default();
        for name in ["a", "b", "c"] {
            dependents.set(&reader(name), [(secret(), name.to_owned())].into());
        }
        dependents.remove(&reader("b"));
        let mut left = dependents.of(&secret());
        left.sort();
        assert_eq!(left, [reader("a"), reader("c")]);
        dependents.remove(&reader("a"));
        assert_eq!(dependents.behind(&secret(), "a"), [reader("c")]);
        dependents.remove(&reader("c"));
        assert!(dependents.0.lock().unwrap().readers.is_empty());
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
