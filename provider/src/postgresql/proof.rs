//! What is known about passwords, so that it is not proven anew on every poll.
//!
//! Comparing a password with a verifier costs as much as a login. A verdict holds for as long as both
//! stay the same. A login as proof is repeated after a while, because without the right to read
//! verifiers nothing else tells that somebody changed the password. Only digests are kept.

use std::{
    collections::HashMap,
    sync::{Mutex, PoisonError},
    time::{Duration, Instant},
};

use sha2::{Digest, Sha256};

use super::role::PasswordState;

/// How long a login counts as proof.
pub const LOGIN_HOLDS: Duration = Duration::from_mins(5);

/// Verdicts by role.
#[derive(Default)]
pub struct Proofs(Mutex<HashMap<String, Verdict>>);

#[derive(Clone, Copy)]
struct Verdict {
    digest: [u8; 32],
    state: PasswordState,
    at: Instant,
}

impl Proofs {
    /// The verdict on a role's password, if it was given for the same evidence less than `holds` ago.
    pub fn recall(&self, role: &str, evidence: &[&[u8]], holds: Duration) -> Option<PasswordState> {
        let verdicts = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let verdict = verdicts.get(role)?;
        let same = verdict.digest == digest(evidence) && verdict.at.elapsed() < holds;
        same.then_some(verdict.state)
    }

    /// Remembers a verdict.
    pub fn remember(&self, role: &str, evidence: &[&[u8]], state: PasswordState) {
        let verdict = Verdict {
            digest: digest(evidence),
            state,
            at: Instant::now(),
        };
        self.0
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .insert(role.to_owned(), verdict);
    }

    /// Forgets what is known about a role.
    pub fn forget(&self, role: &str) {
        self.0
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .remove(role);
    }
}

fn digest(evidence: &[&[u8]]) -> [u8; 32] {
    let mut hash = Sha256::new();
    for part in evidence {
        hash.update(part.len().to_le_bytes());
        hash.update(part);
    }
    hash.finalize().into()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_verdict_holds_for_the_same_evidence_and_a_while() {
        let proofs = Proofs::default();
        proofs.remember("r", &[b"ab", b"c"], PasswordState::Verified);
        let recalled = |evidence: &[&[u8]], holds| proofs.recall("r", evidence, holds);
        assert_eq!(
            recalled(&[b"ab", b"c"], LOGIN_HOLDS),
            Some(PasswordState::Verified)
        );
        assert_eq!(recalled(&[b"a", b"bc"], LOGIN_HOLDS), None);
        assert_eq!(recalled(&[b"ab", b"c"], Duration::ZERO), None);
        proofs.forget("r");
        assert_eq!(recalled(&[b"ab", b"c"], LOGIN_HOLDS), None);
    }
}
