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

use tokio::time::Instant;

use crate::{external::Desired, kind::Kind, resource::ManagedResource};

/// What is remembered, by UID.
#[derive(Debug, Default)]
pub(crate) struct Memory {
    keys: RandomState,
    known: Mutex<HashMap<Box<str>, Known>>,
}

/// What is remembered of one object.
#[derive(Clone, Copy, Debug, Default)]
struct Known {
    /// Hash of what was last carried out.
    carried_out: Option<u64>,
    /// When the last pass ended.
    passed: Option<Instant>,
}

impl Memory {
    /// True when it is known that something else was wanted last time.
    pub(crate) fn differs<K: Kind>(
        &self,
        object: &ManagedResource<K>,
        desired: &Desired<K>,
    ) -> bool {
        let carried_out = self.of(object).carried_out;
        carried_out.is_some_and(|known| known != self.hash(desired))
    }

    /// Remembers what is carried out now.
    pub(crate) fn remember<K: Kind>(&self, object: &ManagedResource<K>, desired: &Desired<K>) {
        let hash = self.hash(desired);
        self.note(object, |known| known.carried_out = Some(hash));
    }

    /// Notes that a pass has ended.
    pub(crate) fn passed<K: Kind>(&self, object: &ManagedResource<K>) {
        self.note(object, |known| known.passed = Some(Instant::now()));
    }

    /// True when the last pass was longer ago than this, or when there was none.
    pub(crate) fn is_overdue<K: Kind>(&self, object: &ManagedResource<K>, age: Duration) -> bool {
        let passed = self.of(object).passed;
        passed.is_none_or(|at| at.elapsed() > age)
    }

    /// Forgets an object.
    pub(crate) fn forget(&self, uid: &str) {
        self.known.lock().expect("no panic while held").remove(uid);
    }

    fn of<K: Kind>(&self, object: &ManagedResource<K>) -> Known {
        let known = self.known.lock().expect("no panic while held");
        known.get(uid(object)).copied().unwrap_or_default()
    }

    fn note<K: Kind>(&self, object: &ManagedResource<K>, change: impl FnOnce(&mut Known)) {
        let mut known = self.known.lock().expect("no panic while held");
        change(known.entry(uid(object).into()).or_default());
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

fn uid<K: Kind>(object: &ManagedResource<K>) -> &str {
    object.metadata.uid.as_deref().unwrap_or_default()
}
