//! How long a proof counts, and what it says of the role. Pure.

use k8s_openapi::jiff::Timestamp;
use managed::{
    condition::{Claim, Truth},
    external::Readiness,
};

use super::{ProofObservation, VAULT_LOGIN_PROVEN};
use crate::vault::note::now;

/// A proof is made anew after this many seconds.
const PROVEN_SECONDS: i64 = 3_600;
/// What could not be proven is tried again after this many seconds: at first what it needs is often on its
/// way, later somebody has to do something.
const FIRST_RETRY_SECONDS: i64 = 2;
const LAST_RETRY_SECONDS: i64 = 60;

/// What came of a trial.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum Outcome {
    Proven,
    TokenRefused,
    LoginRefused,
    AllowedPathDenied,
    AllowedPathUnknown,
    DeniedPathReadable,
}

impl Outcome {
    const ALL: [Self; 6] = [
        Self::Proven,
        Self::TokenRefused,
        Self::LoginRefused,
        Self::AllowedPathDenied,
        Self::AllowedPathUnknown,
        Self::DeniedPathReadable,
    ];

    pub(super) const fn as_str(self) -> &'static str {
        match self {
            Self::Proven => "Proven",
            Self::TokenRefused => "TokenRefused",
            Self::LoginRefused => "LoginRefused",
            Self::AllowedPathDenied => "AllowedPathDenied",
            Self::AllowedPathUnknown => "AllowedPathUnknown",
            Self::DeniedPathReadable => "DeniedPathReadable",
        }
    }

    /// True for what passes by itself when the account, the config or the policy comes.
    pub(super) const fn may_be_early(self) -> bool {
        matches!(
            self,
            Self::TokenRefused | Self::LoginRefused | Self::AllowedPathDenied
        )
    }

    fn of(reason: &str) -> Option<Self> {
        Self::ALL
            .into_iter()
            .find(|outcome| outcome.as_str() == reason)
    }
}

/// The condition and the readiness that follow from a proof.
pub(in crate::vault) fn verdict(proof: &ProofObservation) -> (Claim, Readiness) {
    let outcome = Outcome::of(&proof.reason).unwrap_or(Outcome::LoginRefused);
    let (truth, ready) = match outcome {
        Outcome::Proven => (Truth::True, Readiness::Ready),
        Outcome::TokenRefused => (Truth::Unknown, Readiness::NotReady(proof.message.clone())),
        _ => (Truth::False, Readiness::NotReady(proof.message.clone())),
    };
    let claim = Claim::new(VAULT_LOGIN_PROVEN, truth, outcome.as_str(), &proof.message);
    (claim, ready)
}

/// The proof as it is remembered. One that fails as the last did has failed since then.
pub(super) fn noted(
    last: Option<&ProofObservation>,
    outcome: Outcome,
    message: String,
    fingerprint: String,
    now: Timestamp,
) -> ProofObservation {
    let since = last
        .filter(|last| last.fingerprint == fingerprint)
        .and_then(|last| last.failing_since.clone());
    let is_failing = outcome != Outcome::Proven;
    ProofObservation {
        at: now.to_string(),
        reason: outcome.as_str().to_owned(),
        message,
        failing_since: is_failing.then(|| since.unwrap_or_else(|| now.to_string())),
        fingerprint,
    }
}

/// Seconds from now until the proof is made anew.
pub(in crate::vault) fn life(proof: &ProofObservation) -> u64 {
    let left = age(proof, now()).map_or(0, |age| validity(proof) - age);
    u64::try_from(left).unwrap_or(0).max(1)
}

/// How many seconds a proof counts.
fn validity(proof: &ProofObservation) -> i64 {
    if proof.reason == Outcome::Proven.as_str() {
        return PROVEN_SECONDS;
    }
    let at = |text: &str| text.parse::<Timestamp>().ok();
    let since = proof.failing_since.as_deref().and_then(at);
    let failing = at(&proof.at).zip(since);
    let failing = failing.map_or(0, |(at, since)| at.as_second() - since.as_second());
    failing.clamp(FIRST_RETRY_SECONDS, LAST_RETRY_SECONDS)
}

pub(super) fn is_due(
    last: &ProofObservation,
    print: &str,
    changed: Option<Timestamp>,
    now: Timestamp,
) -> bool {
    let at: Option<Timestamp> = last.at.parse().ok();
    let is_old = age(last, now).is_none_or(|age| age >= validity(last));
    let is_outdated = changed.is_some_and(|changed| at.is_none_or(|at| at <= changed));
    last.fingerprint != print || is_old || is_outdated
}

fn age(proof: &ProofObservation, now: Timestamp) -> Option<i64> {
    let at: Timestamp = proof.at.parse().ok()?;
    // A clock that was set back makes no proof last longer.
    Some(now.as_second() - at.as_second()).filter(|age| *age >= 0)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn proof(reason: &str, seconds: i64) -> ProofObservation {
        ProofObservation {
            at: Timestamp::from_second(seconds).unwrap().to_string(),
            reason: reason.into(),
            message: "m".into(),
            failing_since: None,
            fingerprint: "f".into(),
        }
    }

    #[test]
    fn what_cannot_be_proven_is_tried_soon_and_then_less_and_less_often() {
        let (mut at, mut last, mut pauses) = (0, None, Vec::new());
        for _ in 0..9 {
            let now = Timestamp::from_second(at).unwrap();
            let refused = Outcome::TokenRefused;
            let proof = noted(last.as_ref(), refused, "m".into(), "f".into(), now);
            pauses.push(validity(&proof));
            at += validity(&proof);
            last = Some(proof);
        }
        assert_eq!(pauses, [2, 2, 4, 8, 16, 32, 60, 60, 60]);
        let now = Timestamp::from_second(at).unwrap();
        let again =
            |outcome, print: &str| noted(last.as_ref(), outcome, "m".into(), print.into(), now);
        assert_eq!(validity(&again(Outcome::LoginRefused, "another")), 2);
        assert_eq!(again(Outcome::Proven, "f").failing_since, None);
    }

    #[test]
    fn a_proof_holds_for_an_hour_and_until_something_changes() {
        let now = Timestamp::from_second(100_000).unwrap();
        let changed = |seconds| Some(Timestamp::from_second(seconds).unwrap());
        // reason, made at, fingerprint, changed at, is made anew
        let table = [
            ("Proven", 99_990, "f", None, false),
            ("Proven", 96_401, "f", None, false),
            ("Proven", 96_400, "f", None, true),
            ("Proven", 99_990, "g", None, true),
            ("Proven", 99_990, "f", changed(99_000), false),
            ("Proven", 99_990, "f", changed(99_990), true),
            ("LoginRefused", 99_999, "f", None, false),
            ("LoginRefused", 99_998, "f", None, true),
            ("Proven", 100_010, "f", None, true),
        ];
        for (reason, at, print, changed, due) in table {
            let last = proof(reason, at);
            assert_eq!(
                is_due(&last, print, changed, now),
                due,
                "{reason} {at} {print}"
            );
        }
        let unreadable = ProofObservation {
            at: "soon".into(),
            ..proof("Proven", 0)
        };
        assert!(is_due(&unreadable, "f", None, now));
    }

    #[test]
    fn only_what_was_proven_is_ready() {
        for outcome in Outcome::ALL {
            let (claim, ready) = verdict(&proof(outcome.as_str(), 0));
            assert_eq!(claim.reason, outcome.as_str());
            assert_eq!(ready == Readiness::Ready, outcome == Outcome::Proven);
        }
    }
}
