//! The result of a pass as one value, and the status it leads to. Pure.
//!
//! Whatever happened, errors included, becomes an [`Outcome`]; conditions, events and the next
//! wake-up come from there and nowhere else.

use std::time::Duration;

use k8s_openapi::{apimachinery::pkg::apis::meta::v1::Time, jiff::Timestamp};

use crate::{
    condition::{self, Claim, READY, SYNCED, whole_seconds},
    drift::{Cause, Drift, DriftedField, LastDrift},
    event::Occurrence,
    external::ExternalError,
    kind::Kind,
    queue::Wake,
    rehearsal::PlannedStep,
    resource::{ManagedResource, RECONCILE_REQUESTED, Status},
    steady::steady,
};

/// A resource that could not be observed for this long no longer counts as ready.
const UNOBSERVED: Duration = Duration::from_mins(2);

/// Where a pass stopped.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum Stage {
    /// Looking up references and inputs.
    Resolve,
    /// Reaching the server.
    Connect,
    /// Reading the connection Secret.
    Load,
    /// Looking at the external resource.
    Observe,
    /// Making it.
    Create,
    /// Changing it.
    Update,
    /// Deleting it.
    Delete,
    /// Writing the connection Secret.
    Publish,
    /// Writing the managed resource.
    Persist,
}

impl Stage {
    /// How the condition's message begins; Crossplane's own words.
    pub(crate) const fn as_str(self) -> &'static str {
        match self {
            Self::Resolve => "cannot resolve references",
            Self::Connect => "connect failed",
            Self::Load => "cannot read connection details",
            Self::Observe => "observe failed",
            Self::Create => "create failed",
            Self::Update => "update failed",
            Self::Delete => "delete failed",
            Self::Publish => "cannot publish connection details",
            Self::Persist => "cannot update managed resource",
        }
    }

    /// Label for metrics.
    pub(crate) const fn operation(self) -> &'static str {
        match self {
            Self::Resolve => "resolve",
            Self::Connect => "connect",
            Self::Load => "load",
            Self::Observe => "observe",
            Self::Create => "create",
            Self::Update => "update",
            Self::Delete => "delete",
            Self::Publish => "publish",
            Self::Persist => "persist",
        }
    }

    /// Reason of the event.
    pub(crate) const fn reason(self) -> &'static str {
        match self {
            Self::Resolve => "CannotResolveResourceReferences",
            Self::Connect => "CannotConnectToProvider",
            Self::Observe => "CannotObserveExternalResource",
            Self::Create => "CannotCreateExternalResource",
            Self::Update => "CannotUpdateExternalResource",
            Self::Delete => "CannotDeleteExternalResource",
            Self::Load | Self::Publish => "CannotPublishConnectionDetails",
            Self::Persist => "CannotUpdateManagedResource",
        }
    }
}

/// What became of the external resource, as far as drift goes.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum DriftNews {
    /// Nothing was learnt.
    Unknown,
    /// These fields differ now; none when the list is empty.
    Now(Cause, Vec<Drift>),
    /// These fields differed, somebody else had changed them, and they are as wanted again.
    Corrected(Vec<Drift>),
}

/// The result of a pass.
#[derive(Clone, Debug)]
pub(crate) struct Outcome<K: Kind> {
    /// Conditions to set.
    pub conditions: Vec<Claim>,
    /// What was observed, if it was.
    pub at_provider: Option<K::Observation>,
    /// Drift.
    pub drift: DriftNews,
    /// What would be done if it were allowed; `None` when nothing was learnt about that.
    pub plan: Option<Vec<PlannedStep>>,
    /// The spec was carried out in full.
    pub handled: bool,
    /// The generation that was acted on. The object may have been edited since.
    pub generation: Option<i64>,
    /// Events.
    pub occurrences: Vec<Occurrence>,
    /// When to look again.
    pub wake: Wake,
    /// Where the pass stopped and the class of the error, if it did.
    pub failure: Option<(Stage, &'static str)>,
    /// How many writes to the API server it has cost, events aside.
    pub writes: u32,
}

impl<K: Kind> Outcome<K> {
    /// An outcome with conditions and nothing else.
    pub(crate) fn new(wake: Wake, conditions: Vec<Claim>) -> Self {
        Self {
            conditions,
            at_provider: None,
            drift: DriftNews::Unknown,
            plan: None,
            handled: false,
            generation: None,
            occurrences: Vec::new(),
            wake,
            failure: None,
            writes: 0,
        }
    }

    /// A pass that came to its end and planned nothing leaves no plan behind.
    #[must_use]
    pub(crate) fn planning_no_more(mut self) -> Self {
        self.plan.get_or_insert_default();
        self
    }

    /// The pass stopped.
    pub(crate) fn failed(stage: Stage, error: &ExternalError, poll: Duration) -> Self {
        let message = steady(&format!("{}: {error}", stage.as_str()));
        let mut conditions = vec![Claim::failed(&message)];
        match stage {
            Stage::Create => conditions.push(Claim::creating("")),
            Stage::Delete => conditions.push(Claim::deleting("")),
            Stage::Update => conditions.push(Claim::update_failed(&message)),
            _ => {}
        }
        let wake = match error {
            ExternalError::Invalid(_) => Wake::After(poll),
            ExternalError::Throttled {
                retry_after: Some(wait),
                ..
            } => Wake::Throttled(*wait),
            _ => Wake::Backoff,
        };
        let mut outcome = Self::new(wake, conditions);
        outcome.failure = Some((stage, error.class()));
        outcome
            .occurrences
            .push(Occurrence::warning(stage.reason(), message));
        outcome
    }
}

/// The pass somebody asks for by annotation.
pub(crate) fn requested<K: Kind>(object: &ManagedResource<K>) -> Option<&str> {
    object
        .annotation(RECONCILE_REQUESTED)
        .filter(|token| !token.is_empty())
}

/// The status after a pass. Equal to the stored one when there is nothing to write.
///
/// `object` is the object as it is now; `requested` is what was asked for when the pass began.
pub(crate) fn next_status<K: Kind>(
    object: &ManagedResource<K>,
    requested: Option<&str>,
    outcome: &Outcome<K>,
    now: Timestamp,
) -> Status<K> {
    let mut status = object.status.clone().unwrap_or_default();
    let generation = outcome.generation;
    if let Some(at_provider) = &outcome.at_provider {
        status.at_provider = at_provider.clone();
    }
    apply_drift(&mut status, &outcome.drift, now);
    for claim in &outcome.conditions {
        condition::set(&mut status.conditions, claim.clone(), generation, now);
    }
    judge_readiness(&mut status, outcome, generation, now);
    if let Some(plan) = &outcome.plan {
        status.plan.clone_from(plan);
    }
    if outcome.handled {
        status.observed_generation = generation;
    }
    if let Some(token) = requested {
        status.last_handled_reconcile_at = Some(token.to_owned());
    }
    status
}

fn apply_drift<K: Kind>(status: &mut Status<K>, news: &DriftNews, now: Timestamp) {
    let at = Time(whole_seconds(now));
    match news {
        DriftNews::Unknown => {}
        DriftNews::Now(cause, drift) => {
            let known = std::mem::take(&mut status.drift);
            status.drift = drift
                .iter()
                .map(|drift| drifted(drift, *cause, &known, &at))
                .collect();
            let by_others = |drift: &DriftedField| drift.cause == Cause::External;
            if status.drift != known && status.drift.iter().any(by_others) {
                status.last_drift = Some(LastDrift {
                    at,
                    fields: fields(drift),
                    corrected: false,
                });
            }
        }
        DriftNews::Corrected(drift) => {
            status.drift.clear();
            status.last_drift = Some(LastDrift {
                at,
                fields: fields(drift),
                corrected: true,
            });
        }
    }
}

/// A difference that was there before keeps its time, and as long as nothing moves, its cause.
fn drifted(drift: &Drift, cause: Cause, known: &[DriftedField], now: &Time) -> DriftedField {
    let known = known.iter().find(|known| known.field == drift.field);
    let since = known.map_or(now, |known| &known.since);
    let same = |known: &&DriftedField| {
        (&known.desired, &known.observed) == (&drift.desired, &drift.observed)
    };
    let cause = known.filter(same).map_or(cause, |known| known.cause);
    DriftedField {
        field: drift.field.clone(),
        desired: drift.desired.clone(),
        observed: drift.observed.clone(),
        cause,
        since: since.clone(),
    }
}

/// The names of the fields.
pub(crate) fn fields(drift: &[Drift]) -> Vec<String> {
    drift.iter().map(|drift| drift.field.clone()).collect()
}

/// A pass that could not look says nothing about readiness at first; after a while, nobody can say.
fn judge_readiness<K: Kind>(
    status: &mut Status<K>,
    outcome: &Outcome<K>,
    generation: Option<i64>,
    now: Timestamp,
) {
    if outcome.conditions.iter().any(|claim| claim.kind == READY) {
        return;
    }
    let Some(failed) = outcome
        .conditions
        .iter()
        .find(|claim| claim.reason == "ReconcileError")
    else {
        return;
    };
    let ready = condition::find(&status.conditions, READY).map(|ready| ready.status.clone());
    let since =
        condition::find(&status.conditions, SYNCED).map(|synced| synced.last_transition_time.0);
    let unobserved =
        since.is_some_and(|since| now.duration_since(since).unsigned_abs() >= UNOBSERVED);
    match ready.as_deref() {
        None => {
            condition::set(&mut status.conditions, Claim::creating(""), generation, now);
        }
        Some("True") if unobserved => {
            let claim = Claim::unobserved(format!("cannot be observed: {}", failed.message));
            condition::set(&mut status.conditions, claim, generation, now);
        }
        Some(_) => {}
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{external::Failure, testing::Fake};

    #[test]
    fn every_step_that_fails_has_crossplanes_event_and_begins_its_message() {
        let table = [
            (
                Stage::Resolve,
                "CannotResolveResourceReferences",
                "cannot resolve references: x; y",
            ),
            (
                Stage::Connect,
                "CannotConnectToProvider",
                "connect failed: x; y",
            ),
            (
                Stage::Load,
                "CannotPublishConnectionDetails",
                "cannot read connection details: x; y",
            ),
            (
                Stage::Observe,
                "CannotObserveExternalResource",
                "observe failed: x; y",
            ),
            (
                Stage::Create,
                "CannotCreateExternalResource",
                "create failed: x; y",
            ),
            (
                Stage::Update,
                "CannotUpdateExternalResource",
                "update failed: x; y",
            ),
            (
                Stage::Delete,
                "CannotDeleteExternalResource",
                "delete failed: x; y",
            ),
            (
                Stage::Publish,
                "CannotPublishConnectionDetails",
                "cannot publish connection details: x; y",
            ),
            (
                Stage::Persist,
                "CannotUpdateManagedResource",
                "cannot update managed resource: x; y",
            ),
        ];
        for (stage, reason, message) in table {
            let error = ExternalError::Other(Failure::new("x", "y"));
            let outcome = Outcome::<Fake>::failed(stage, &error, Duration::ZERO);
            assert_eq!(outcome.occurrences, [Occurrence::warning(reason, message)]);
            assert_eq!(outcome.conditions[0], Claim::failed(message));
        }
    }
}
