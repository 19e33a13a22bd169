//! What a session has done or found out and no status says yet.
//!
//! A status is written after the pass that changes it, and may be lost with the process. Notes are lost
//! with it, too; then what they told is done once more, which is always harmless.

use std::{
    collections::BTreeMap,
    fmt::Write as _,
    sync::{Mutex, MutexGuard},
    time::SystemTime,
};

use k8s_openapi::jiff::Timestamp;
use sha2::{Digest, Sha256};

use super::{kubernetes_auth_config::ReviewerObservation, proof::ProofObservation};

/// What one session knows.
#[derive(Debug, Default)]
pub(super) struct Known {
    /// When it last wrote to an auth method, by its path, or to a policy, as `policy NAME`.
    pub(super) written: Notes<Timestamp>,
    /// Reviewers' tokens that were written, by configuration.
    pub(super) reviewers: Notes<ReviewerObservation>,
    /// Proofs that were tried, by role.
    pub(super) proofs: Notes<ProofObservation>,
    /// Overlapping roles that were found, by role.
    pub(super) overlaps: Notes<Vec<String>>,
}

/// Notes about objects, by their path in Vault's API.
#[derive(Debug)]
pub(super) struct Notes<T>(Mutex<BTreeMap<String, T>>);

impl<T: Clone> Notes<T> {
    /// What was noted last.
    pub(super) fn get(&self, object: &str) -> Option<T> {
        self.lock().get(object).cloned()
    }

    /// Notes something instead of what was noted before.
    pub(super) fn put(&self, object: &str, note: T) {
        self.lock().insert(object.to_owned(), note);
    }

    /// Forgets an object.
    pub(super) fn forget(&self, object: &str) {
        self.lock().remove(object);
    }

    fn lock(&self) -> MutexGuard<'_, BTreeMap<String, T>> {
        self.0.lock().expect("no panic while held")
    }
}

impl<T> Default for Notes<T> {
    fn default() -> Self {
        Self(Mutex::default())
    }
}

/// The time, for what is told with its time and for what expires.
pub(super) fn now() -> Timestamp {
    Timestamp::try_from(SystemTime::now()).unwrap_or(Timestamp::UNIX_EPOCH)
}

/// Tells whether any of the parts has changed, and nothing about them: 128 bits of their hash. Only for
/// what cannot be guessed, such as keys and tokens, or what is not secret.
pub(super) fn fingerprint(parts: &[&[u8]]) -> String {
    let mut hash = Sha256::new();
    for part in parts {
        hash.update(u64::try_from(part.len()).unwrap_or(u64::MAX).to_be_bytes());
        hash.update(part);
    }
    let mut text = String::with_capacity(32);
    for byte in hash.finalize().iter().take(16) {
        let _infallible = write!(text, "{byte:02x}");
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_fingerprint_changes_with_every_part_and_with_their_borders() {
        let prints = [
            fingerprint(&[b"a", b"b"]),
            fingerprint(&[b"ab", b""]),
            fingerprint(&[b"a", b"c"]),
            fingerprint(&[b"a"]),
        ];
        for (at, print) in prints.iter().enumerate() {
            assert_eq!(print.len(), 32);
            assert!(!prints[..at].contains(print));
        }
        assert_eq!(fingerprint(&[b"a", b"b"]), prints[0]);
    }
}
