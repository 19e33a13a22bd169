//! Ways a pass ends, as values. Pure.

use std::time::Duration;

use super::Pass;
use crate::{
    condition::{self, Claim, READY},
    drift::Drift,
    event::Occurrence,
    external::{Connector, ExternalClient, Observation, Readiness},
    kind::Kind,
    outcome::{Outcome, Stage},
    plan::Found,
    queue::Wake,
};

impl<K: Kind, C: Connector> Pass<'_, K, C>
where
    C::Session: ExternalClient<K>,
{
    pub(super) fn paused(&self, message: String) -> Outcome<K> {
        let mut outcome = Outcome::new(
            Wake::OnChange,
            vec![Claim::paused(&message), Claim::drift_unknown()],
        );
        let mut conditions = self.object.conditions().iter();
        if !conditions.any(|condition| condition.reason == "ReconcilePaused") {
            outcome
                .occurrences
                .push(Occurrence::normal("ReconciliationPaused", message));
        }
        outcome
    }

    /// Create succeeded and the external resource does not show yet.
    pub(super) fn awaiting(&self) -> Outcome<K> {
        let claim = Claim::creating("waiting for the external resource to appear");
        let known = condition::find(self.object.conditions(), READY);
        let is_news = known.is_none_or(|known| known.message != claim.message);
        let mut outcome = Outcome::new(Wake::Backoff, vec![Claim::synced(), claim]);
        if is_news {
            let message = "Waiting for external resource existence to be confirmed";
            outcome
                .occurrences
                .push(Occurrence::normal("PendingExternalResource", message));
        }
        outcome
    }

    pub(super) fn missing(&self) -> Outcome<K> {
        let message = "observe failed: external resource does not exist; create it, or add Create to managementPolicies";
        let mut outcome = Outcome::new(
            Wake::After(self.poll()),
            vec![Claim::failed(message), Claim::unavailable(message)],
        );
        outcome
            .occurrences
            .push(Occurrence::warning(Stage::Observe.reason(), message));
        outcome
    }
}

pub(super) fn found<K: Kind>(observation: &Observation<K>) -> Found {
    match observation {
        Observation::Absent => Found::Absent,
        Observation::Present { drift, .. } => Found::Present(drift.clone()),
    }
}

pub(super) fn observed<K: Kind>(observation: Observation<K>, wake: Wake) -> Outcome<K> {
    let Observation::Present {
        at_provider,
        ready,
        mut conditions,
        look_again,
        ..
    } = observation
    else {
        return Outcome::new(wake, Vec::new());
    };
    conditions.push(match ready {
        Readiness::Ready => Claim::available(),
        Readiness::Creating(message) => Claim::creating(message),
        Readiness::NotReady(message) => Claim::unavailable(message),
    });
    let mut outcome = Outcome::new(sooner(wake, look_again), conditions);
    outcome.at_provider = Some(at_provider);
    outcome
}

/// A poll that comes too late for what expires is brought forward, though never to less than a second.
fn sooner(wake: Wake, look_again: Option<Duration>) -> Wake {
    match (wake, look_again) {
        (Wake::After(poll), Some(time)) => Wake::After(poll.min(time.max(Duration::from_secs(1)))),
        (wake, _) => wake,
    }
}

pub(super) fn waiting<K: Kind>(finalizers: &[String]) -> Outcome<K> {
    let message = format!(
        "deletion waits for the finalizers {}",
        finalizers.join(", ")
    );
    Outcome::new(
        Wake::OnChange,
        vec![Claim::synced(), Claim::deleting(message)],
    )
}

/// How soon a deletion that waits for others looks again.
const AFTER_OTHERS: Duration = Duration::from_secs(1);

pub(super) fn outliving<K: Kind>(readers: &[String]) -> Outcome<K> {
    let message = format!("deletion waits for {}", readers.join(", "));
    Outcome::new(
        Wake::Throttled(AFTER_OTHERS),
        vec![Claim::synced(), Claim::deleting(message)],
    )
}

pub(super) fn unsupported<K: Kind>(message: String) -> Outcome<K> {
    let mut outcome = Outcome::new(Wake::OnChange, vec![Claim::failed(&message)]);
    outcome.occurrences.push(Occurrence::warning(
        "CannotUseInvalidManagementPolicy",
        message,
    ));
    outcome
}

/// The drift as a message.
pub(super) fn listed(drift: &[Drift]) -> String {
    drift
        .iter()
        .map(ToString::to_string)
        .collect::<Vec<_>>()
        .join("; ")
}
