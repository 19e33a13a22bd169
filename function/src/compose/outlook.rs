//! What the user of a claim is told: conditions, events on their changes, and what to do next. Pure.
//!
//! The first cause counts: a resource that fails before one that waits, and among equals the one that
//! others build on. Its own words are passed on, cause first and remedy last.

use managed::condition::Truth;

use super::{Aspect, Composed, Standing, standing::Cause};
use crate::observed::Observed;

/// A condition of the composite and the claim.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Condition {
    /// Type.
    pub kind: &'static str,
    /// Status.
    pub status: Truth,
    /// Reason, one word, stable.
    pub reason: String,
    /// Message for a person.
    pub message: String,
}

/// An event on the composite and the claim.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Event {
    /// Whether something is wrong.
    pub is_warning: bool,
    /// Reason, one word, stable.
    pub reason: &'static str,
    /// Message for a person.
    pub message: String,
}

impl Condition {
    /// The condition `kind` from the standing of everything in one aspect.
    pub(super) fn of(
        kind: &'static str,
        aspect: Aspect,
        resources: &[Composed],
        ready: &str,
    ) -> Self {
        match first_cause(
            resources
                .iter()
                .filter(|resource| resource.aspect == aspect),
        ) {
            None => Self {
                kind,
                status: Truth::True,
                reason: "Available".into(),
                message: ready.into(),
            },
            Some((_, Cause { reason, message })) => Self {
                kind,
                status: Truth::False,
                reason: reason.clone(),
                message: message.clone(),
            },
        }
    }
}

/// The first resource that fails, else the first that waits, and why.
fn first_cause<'a>(
    resources: impl IntoIterator<Item = &'a Composed>,
) -> Option<(&'a Composed, &'a Cause)> {
    let mut waiting = None;
    for resource in resources {
        match &resource.standing {
            Standing::Ready => {}
            Standing::Waiting(cause) => drop(waiting.get_or_insert((resource, cause))),
            Standing::Failing(cause) => return Some((resource, cause)),
        }
    }
    waiting
}

/// What to do about whatever is not ready; `None` when all is.
pub(super) fn remedy(resources: &[Composed], namespace: &str) -> Option<String> {
    let (resource, cause) = first_cause(resources)?;
    if let Standing::Waiting(_) = resource.standing {
        return Some(format!("wait for {} {}", resource.kind, resource.name));
    }
    let look = format!(
        "kubectl -n {namespace} describe {} {}",
        resource.resource, resource.name
    );
    Some(match cause.message.rsplit_once("; ") {
        Some((_, remedy)) => format!("{remedy}; for more: {look}"),
        None => format!("see {look}"),
    })
}

/// Events for conditions whose status is not what was last written. A condition that is new and does
/// not hold is the start of things and no event.
pub(super) fn events(observed: &Observed, conditions: &[Condition]) -> Vec<Event> {
    let before = observed.composite.conditions();
    let changed = |condition: &&Condition| match managed::condition::find(&before, condition.kind) {
        Some(before) => before.status != condition.status.as_str() && before.status != "Unknown",
        None => condition.holds(),
    };
    conditions.iter().filter(changed).map(Event::of).collect()
}

impl Event {
    fn of(condition: &Condition) -> Self {
        Self {
            is_warning: !condition.holds(),
            reason: condition.kind,
            message: condition.message.clone(),
        }
    }
}
