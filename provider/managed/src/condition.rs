//! Conditions: types, reasons and the one way to set them.
//!
//! Types and reasons are Crossplane's own (`apis/core/v2/condition.go`). A transition time moves only
//! when the status moves, and every condition carries the generation it speaks about.

use k8s_openapi::apimachinery::pkg::apis::meta::v1::Time;
use k8s_openapi::jiff::Timestamp;

pub use k8s_openapi::apimachinery::pkg::apis::meta::v1::Condition;

/// The external resource can be used.
pub const READY: &str = "Ready";
/// The last pass did what the spec asks for.
pub const SYNCED: &str = "Synced";
/// The external resource matches the spec.
pub const UP_TO_DATE: &str = "UpToDate";

/// The conditions this runtime writes.
#[cfg(feature = "runtime")]
pub(crate) const OWN: [&str; 3] = [READY, SYNCED, UP_TO_DATE];

/// Longest message of a condition, in bytes.
const LONGEST_MESSAGE: usize = 1024;

/// Status of a condition.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Truth {
    /// It holds.
    True,
    /// It does not hold.
    False,
    /// It cannot be told.
    Unknown,
}

impl Truth {
    /// As written in the API.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::True => "True",
            Self::False => "False",
            Self::Unknown => "Unknown",
        }
    }
}

/// A condition before it is stamped with time and generation.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Claim {
    /// Type.
    pub kind: &'static str,
    /// Status.
    pub status: Truth,
    /// Reason, one word.
    pub reason: &'static str,
    /// Message for a person: cause first, remedy last.
    pub message: String,
}

impl Claim {
    /// A condition of one of the types in [`Kind::CONDITIONS`](crate::Kind::CONDITIONS). A message
    /// over 1 KiB is cut.
    pub fn new(
        kind: &'static str,
        status: Truth,
        reason: &'static str,
        message: impl Into<String>,
    ) -> Self {
        let mut message = message.into();
        if message.len() > LONGEST_MESSAGE {
            let end = (0..=LONGEST_MESSAGE - 3)
                .rev()
                .find(|at| message.is_char_boundary(*at))
                .unwrap_or(0);
            message.truncate(end);
            message.push('…');
        }
        Self {
            kind,
            status,
            reason,
            message,
        }
    }

    /// Ready: the external resource exists and works.
    pub fn available() -> Self {
        Self::new(READY, Truth::True, "Available", "")
    }

    /// Not ready: it is being made.
    pub fn creating(message: impl Into<String>) -> Self {
        Self::new(READY, Truth::False, "Creating", message)
    }

    /// Not ready: it is being deleted.
    pub fn deleting(message: impl Into<String>) -> Self {
        Self::new(READY, Truth::False, "Deleting", message)
    }

    /// Not ready: it exists but cannot be used.
    pub fn unavailable(message: impl Into<String>) -> Self {
        Self::new(READY, Truth::False, "Unavailable", message)
    }

    /// Readiness cannot be told, because the external resource could not be observed.
    pub fn unobserved(message: impl Into<String>) -> Self {
        Self::new(READY, Truth::Unknown, "Unavailable", message)
    }

    /// The pass succeeded.
    pub fn synced() -> Self {
        Self::new(SYNCED, Truth::True, "ReconcileSuccess", "")
    }

    /// The pass failed.
    pub fn failed(message: impl Into<String>) -> Self {
        Self::new(SYNCED, Truth::False, "ReconcileError", message)
    }

    /// Nothing is done on purpose.
    pub fn paused(message: impl Into<String>) -> Self {
        Self::new(SYNCED, Truth::False, "ReconcilePaused", message)
    }

    /// Spec and external resource agree.
    pub fn matched() -> Self {
        Self::new(UP_TO_DATE, Truth::True, "ObserveMatched", "")
    }

    /// They differ, and an update was sent.
    pub fn update_requested(message: impl Into<String>) -> Self {
        Self::new(UP_TO_DATE, Truth::False, "UpdateRequested", message)
    }

    /// They differ, and policy forbids to change that.
    pub fn update_restricted(message: impl Into<String>) -> Self {
        Self::new(UP_TO_DATE, Truth::False, "UpdateRestricted", message)
    }

    /// They differ, and the update failed.
    pub fn update_failed(message: impl Into<String>) -> Self {
        Self::new(UP_TO_DATE, Truth::False, "UpdateFailed", message)
    }

    /// Nobody looks.
    pub fn drift_unknown() -> Self {
        Self::new(UP_TO_DATE, Truth::Unknown, "ReconcilePaused", "")
    }
}

/// Sets a condition. The transition time moves only with the status.
pub fn set(conditions: &mut Vec<Condition>, claim: Claim, generation: Option<i64>, now: Timestamp) {
    let Claim {
        kind,
        status,
        reason,
        message,
    } = claim;
    let mut next = Condition {
        type_: kind.into(),
        status: status.as_str().into(),
        reason: reason.into(),
        message,
        last_transition_time: Time(whole_seconds(now)),
        observed_generation: generation,
    };
    match conditions
        .iter_mut()
        .find(|condition| condition.type_ == kind)
    {
        Some(current) => {
            if current.status == next.status {
                next.last_transition_time = current.last_transition_time.clone();
            }
            *current = next;
        }
        None => conditions.push(next),
    }
}

/// The condition of a type.
pub fn find<'a>(conditions: &'a [Condition], kind: &str) -> Option<&'a Condition> {
    conditions.iter().find(|condition| condition.type_ == kind)
}

/// True when the condition of a type is there and holds.
pub fn holds(conditions: &[Condition], kind: &str) -> bool {
    find(conditions, kind).is_some_and(|condition| condition.status == Truth::True.as_str())
}

/// `metav1.Time` has whole seconds; anything finer would differ from what is read back.
pub fn whole_seconds(now: Timestamp) -> Timestamp {
    Timestamp::from_second(now.as_second()).unwrap_or(now)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(second: i64) -> Timestamp {
        Timestamp::from_second(second).unwrap()
    }

    #[test]
    fn the_transition_time_moves_only_when_the_status_moves() {
        let mut conditions = Vec::new();
        set(&mut conditions, Claim::failed("one"), Some(1), at(10));
        set(&mut conditions, Claim::failed("two"), Some(2), at(20));
        assert_eq!(conditions[0].last_transition_time.0, at(10));
        assert_eq!(conditions[0].message, "two");
        set(&mut conditions, Claim::synced(), Some(2), at(30));
        assert_eq!(conditions[0].last_transition_time.0, at(30));
        assert_eq!(conditions[0].message, "");
    }

    #[test]
    fn conditions_have_crossplanes_types_and_reasons() {
        let table = [
            (Claim::available(), "Ready=True/Available"),
            (Claim::creating(""), "Ready=False/Creating"),
            (Claim::deleting(""), "Ready=False/Deleting"),
            (Claim::unavailable(""), "Ready=False/Unavailable"),
            (Claim::unobserved(""), "Ready=Unknown/Unavailable"),
            (Claim::synced(), "Synced=True/ReconcileSuccess"),
            (Claim::failed(""), "Synced=False/ReconcileError"),
            (Claim::paused(""), "Synced=False/ReconcilePaused"),
            (Claim::matched(), "UpToDate=True/ObserveMatched"),
            (
                Claim::update_requested(""),
                "UpToDate=False/UpdateRequested",
            ),
            (
                Claim::update_restricted(""),
                "UpToDate=False/UpdateRestricted",
            ),
            (Claim::update_failed(""), "UpToDate=False/UpdateFailed"),
            (Claim::drift_unknown(), "UpToDate=Unknown/ReconcilePaused"),
        ];
        for (claim, expected) in table {
            let shown = format!("{}={}/{}", claim.kind, claim.status.as_str(), claim.reason);
            assert_eq!(shown, expected);
        }
    }

    #[test]
    fn every_condition_carries_the_generation_it_speaks_about() {
        let mut conditions = Vec::new();
        set(&mut conditions, Claim::available(), Some(7), at(10));
        assert_eq!(conditions[0].observed_generation, Some(7));
    }

    #[test]
    fn a_long_message_is_cut() {
        assert!(Claim::failed("x".repeat(5000)).message.len() <= LONGEST_MESSAGE);
    }
}
