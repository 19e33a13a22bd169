//! What was last carried out, per object, so that a changed input is not mistaken for a hand edit, and
//! when a pass last ended.
//!
//! Holds hashes with a key of this process, never values.

use std::{
    collections::{HashMap, hash_map::RandomState},
    hash::{BuildHasher, Hash, Hasher},
    sync::Mutex,
    time::Duration,
};

use kube::ResourceExt;
use tokio::time::Instant;

use crate::{external::Desired, kind::Kind, resource::ManagedResource};

/// Hashes of what was last carried out, by UID.
#[derive(Debug, Default)]
pub(crate) struct Memory {
    keys: RandomState,
    carried_out: Mutex<HashMap<String, u64>>,
    passed: Mutex<HashMap<String, Instant>>,
}

impl Memory {
    /// True when it is known that something else was wanted last time.
    pub(crate) fn differs<K: Kind>(
        &self,
        object: &ManagedResource<K>,
        desired: &Desired<K>,
    ) -> bool {
        let known = self.carried_out.lock().expect("no panic while held");
        let uid = object.uid().unwrap_or_default();
        known
            .get(&uid)
            .is_some_and(|known| *known != self.hash(desired))
    }

    /// Remembers what is carried out now.
    pub(crate) fn remember<K: Kind>(&self, object: &ManagedResource<K>, desired: &Desired<K>) {
        let hash = self.hash(desired);
        self.carried_out
            .lock()
            .expect("no panic while held")
            .insert(object.uid().unwrap_or_default(), hash);
    }

    /// Notes that a pass has ended.
    pub(crate) fn passed<K: Kind>(&self, object: &ManagedResource<K>) {
        self.passed
            .lock()
            .expect("no panic while held")
            .insert(object.uid().unwrap_or_default(), Instant::now());
    }

    /// True when the last pass was longer ago than this, or when there was none.
    pub(crate) fn is_overdue<K: Kind>(&self, object: &ManagedResource<K>, age: Duration) -> bool {
        let passed = self.passed.lock().expect("no panic while held");
        passed
            .get(&object.uid().unwrap_or_default())
            .is_none_or(|at| at.elapsed() > age)
    }

    /// Forgets an object.
    pub(crate) fn forget(&self, uid: &str) {
        self.passed.lock().expect("no panic while held").remove(uid);
        self.carried_out
            .lock()
            .expect("no panic while held")
            .remove(uid);
    }

    fn hash<K: Kind>(&self, desired: &Desired<K>) -> u64 {
        let mut hasher = self.keys.build_hasher();
        let parameters = serde_json::to_string(&desired.parameters).unwrap_or_default();
        (&desired.external_name, parameters).hash(&mut hasher);
        for (input, value) in desired.inputs.iter() {
            format!("{input:?}").hash(&mut hasher);
            value.expose().hash(&mut hasher);
        }
        hasher.finish()
    }
}
