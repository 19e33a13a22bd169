//! The latest known version of each object of a kind.
//!
//! Filled by the watch and by the answers to our own writes, and the fresher one wins: a pass that
//! starts right after a write never works on the object as it was before.

use std::{
    collections::HashMap,
    sync::{Arc, RwLock},
};

use kube::{Resource, ResourceExt};

/// Namespace and name.
pub(crate) type Name = (String, String);

/// Objects by namespace and name.
#[derive(Debug)]
pub(crate) struct Cache<T>(RwLock<HashMap<Name, Arc<T>>>);

impl<T> Default for Cache<T> {
    fn default() -> Self {
        Self(RwLock::default())
    }
}

/// What a cache keeps.
pub(crate) trait Cached {
    /// Namespace (empty when cluster-scoped) and name.
    fn name(&self) -> Name;
    /// Grows with each change of the object (Kubernetes KEP-5504).
    fn version(&self) -> u64;
    /// Lets go of what nobody reads.
    fn slim(&mut self);
}

impl<T: Resource> Cached for T {
    fn name(&self) -> Name {
        name_of(self)
    }

    fn version(&self) -> u64 {
        let version = self.meta().resource_version.as_deref();
        version
            .and_then(|version| version.parse().ok())
            .unwrap_or(0)
    }

    /// Which manager owns which field would take most of the memory. A list that was read has room for
    /// more than is in it.
    fn slim(&mut self) {
        let metadata = self.meta_mut();
        metadata.managed_fields = None;
        if let Some(finalizers) = &mut metadata.finalizers {
            finalizers.shrink_to_fit();
        }
        if let Some(owners) = &mut metadata.owner_references {
            owners.shrink_to_fit();
        }
    }
}

impl<T: Cached> Cache<T> {
    /// Takes over an object unless a fresher one is known. Returns what was known before, and
    /// whether the object was taken over.
    pub(crate) fn insert(&self, mut object: T) -> (Option<Arc<T>>, bool) {
        object.slim();
        let name = object.name();
        let mut objects = self.0.write().expect("no panic while held");
        let before = objects.get(&name).cloned();
        let fresher = before
            .as_ref()
            .is_none_or(|before| object.version() >= before.version());
        if fresher {
            objects.insert(name, Arc::new(object));
        }
        (before, fresher)
    }

    /// The object, if known.
    pub(crate) fn get(&self, namespace: &str, name: &str) -> Option<Arc<T>> {
        let objects = self.0.read().expect("no panic while held");
        objects
            .get(&(namespace.to_owned(), name.to_owned()))
            .cloned()
    }

    /// Forgets an object.
    pub(crate) fn remove(&self, namespace: &str, name: &str) -> Option<Arc<T>> {
        let mut objects = self.0.write().expect("no panic while held");
        objects.remove(&(namespace.to_owned(), name.to_owned()))
    }

    /// All objects.
    pub(crate) fn all(&self) -> Vec<Arc<T>> {
        self.0
            .read()
            .expect("no panic while held")
            .values()
            .cloned()
            .collect()
    }
}

/// Namespace (empty when cluster-scoped) and name of an object.
pub(crate) fn name_of<T: Resource>(object: &T) -> Name {
    (
        object.meta().namespace.clone().unwrap_or_default(),
        object.name_any(),
    )
}

#[cfg(test)]
mod tests {
    use k8s_openapi::{
        api::core::v1::Secret, apimachinery::pkg::apis::meta::v1::ManagedFieldsEntry,
    };

    use super::*;

    fn secret(version: &str) -> Secret {
        let mut secret = Secret::default();
        secret.metadata.name = Some("a".into());
        secret.metadata.resource_version = Some(version.into());
        secret
    }

    #[test]
    fn who_manages_which_field_takes_no_memory() {
        let cache = Cache::default();
        let mut object = secret("1");
        object.metadata.managed_fields = Some(vec![ManagedFieldsEntry::default()]);
        cache.insert(object);
        assert_eq!(cache.get("", "a").unwrap().metadata.managed_fields, None);
    }

    #[test]
    fn an_older_version_never_replaces_a_newer_one() {
        let cache = Cache::default();
        cache.insert(secret("10"));
        assert!(!cache.insert(secret("9")).1);
        assert_eq!(
            cache
                .get("", "a")
                .unwrap()
                .metadata
                .resource_version
                .as_deref(),
            Some("10")
        );
    }
}
