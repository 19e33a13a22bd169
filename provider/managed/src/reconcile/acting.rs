//! The second half of a pass: create, update, report, settle.
//!
//! What must survive a crash is written before the external call: the ledger and the create mark in
//! one conditional patch, then the credentials. After a change the resource is observed again, so the
//! status never speaks of what was merely asked for.

use std::time::Duration;

use k8s_openapi::jiff::Timestamp;

use super::{
    Pass, Stop, YOUNG,
    verdict::{found, listed, observed},
    writing::ledger,
};
use crate::{
    changelog::Operation,
    condition::Claim,
    drift::{Cause, Drift},
    event::Occurrence,
    external::{Connector, Desired, ExternalClient, ExternalError, Observation},
    kind::Kind,
    outcome::{DriftNews, Outcome, Stage, fields},
    persist,
    plan::Found,
    queue::Wake,
    resource::{CREATE_FAILED, CREATE_PENDING, CREATE_SUCCEEDED},
};

impl<K: Kind, C: Connector> Pass<'_, K, C>
where
    C::Session: ExternalClient<K>,
{
    /// True when the last create is known to have failed. Another try then needs no new marks: names
    /// are deterministic, this pass has just observed, and a create that keeps failing should not
    /// write to the object each time.
    fn failed_to_create(&self) -> bool {
        let at = |annotation| self.object.annotation(annotation).unwrap_or_default();
        let failed = at(CREATE_FAILED);
        !failed.is_empty() && failed >= at(CREATE_PENDING) && failed > at(CREATE_SUCCEEDED)
    }

    /// True when a create has been seen to have worked, the object does not say so yet, and now is the
    /// time to say it.
    ///
    /// On a new object that waits for the first look half a minute later: a whole composite is made at
    /// once, every write to one of its resources runs its pipeline, and Crossplane stops listening to
    /// a composite after fifty updates. Names are deterministic, so nothing depends on the mark.
    fn owes_success(&self) -> bool {
        let at = |annotation| self.object.annotation(annotation).unwrap_or_default();
        let status = self.object.status.as_ref();
        let begun = at(CREATE_PENDING).max(at(CREATE_FAILED));
        status.is_some_and(|status| status.observed_generation.is_some())
            && begun > at(CREATE_SUCCEEDED)
            && (!at(CREATE_SUCCEEDED).is_empty() || self.is_past(begun, YOUNG))
    }

    /// True when a mark was made at least so long ago.
    fn is_past(&self, mark: &str, age: Duration) -> bool {
        let since = |mark: Timestamp| self.now.duration_since(mark).unsigned_abs();
        mark.parse().is_ok_and(|mark| since(mark) >= age)
    }

    /// True while what was made may not show yet.
    pub(super) fn is_just_made(&self, desired: &Desired<K>) -> bool {
        let grace = K::create_grace(&desired.parameters);
        let at = |annotation| self.object.annotation(annotation).unwrap_or_default();
        let made = at(CREATE_SUCCEEDED);
        let is_last = made >= at(CREATE_PENDING) && made > at(CREATE_FAILED);
        let made = made.parse::<Timestamp>().ok().filter(|_| is_last);
        made.is_some_and(|made| self.now.duration_since(made).unsigned_abs() < grace)
    }

    /// What create is asked for: what is wanted, and what is wanted at first only.
    pub(super) fn first(&self, desired: &Desired<K>) -> Result<Desired<K>, ExternalError> {
        let mut first = desired.clone();
        if let Some(initial) = &self.object.spec.init_provider {
            first.parameters = initial.under(&desired.parameters).map_err(|error| {
                let cause = format!("spec.initProvider does not fit: {error}");
                ExternalError::invalid(cause, "correct spec.initProvider")
            })?;
        }
        Ok(first)
    }

    pub(super) async fn create(
        &mut self,
        session: &C::Session,
        mut desired: Desired<K>,
        observation: &Observation<K>,
    ) -> Result<Outcome<K>, Stop> {
        let first = self.first(&desired);
        let mut first = first.map_err(Stop::at(Stage::Create))?;
        first.ledger = ledger(session, &first);
        let mut changes = self.changes(session, &desired);
        changes.remember(&self.object, &first.ledger);
        let tried = self.failed_to_create() && !self.has_to_sign();
        if !tried {
            changes
                .annotations
                .insert(CREATE_PENDING, persist::stamp(self.now));
            self.sign(&mut changes);
        }
        self.prepare(session, &mut desired, &changes).await?;
        self.store_credentials(session, &mut desired, observation)
            .await?;
        first.connection.clone_from(&desired.connection);
        let name = &first.external_name;
        let created = self
            .change(Operation::Create, name, None, session.create(&first))
            .await;
        match created {
            Ok(details) => {
                self.publish(&mut desired, &details).await?;
                self.sign_off().await?;
            }
            Err(error @ ExternalError::UnknownOutcome(_)) => {
                return Err(Stop::Failed(Stage::Create, error));
            }
            Err(error) => {
                if !tried {
                    self.record(CREATE_FAILED).await?;
                }
                return Err(Stop::Failed(Stage::Create, error));
            }
        }
        let message = "Successfully requested creation of external resource";
        self.occurrences
            .push(Occurrence::normal("CreatedExternalResource", message));
        match self.observe(session, &desired).await? {
            Observation::Absent => {
                if !K::create_grace(&desired.parameters).is_zero() {
                    self.record(CREATE_SUCCEEDED).await?;
                }
                Ok(self.awaiting())
            }
            observation @ Observation::Present { .. } => {
                let change = (Cause::SpecChanged, Vec::new());
                self.after_change(session, &desired, observation, change)
                    .await
            }
        }
    }

    pub(super) async fn update(
        &mut self,
        session: &C::Session,
        mut desired: Desired<K>,
        observation: &Observation<K>,
        cause: Cause,
        drift: Vec<Drift>,
    ) -> Result<Outcome<K>, Stop> {
        if cause == Cause::External {
            self.occurrences
                .push(Occurrence::warning("DriftDetected", listed(&drift)));
        }
        let changes = self.changes(session, &desired);
        self.prepare(session, &mut desired, &changes).await?;
        self.store_credentials(session, &mut desired, observation)
            .await?;
        let (name, why) = (&desired.external_name, Some((cause, drift.as_slice())));
        let call = session.update(&desired, &drift);
        let updated = self.change(Operation::Update, name, why, call).await;
        let details = updated.map_err(|error| Stop::NotUpdated(cause, drift.clone(), error))?;
        self.publish(&mut desired, &details).await?;
        let observation = self.observe(session, &desired).await?;
        self.after_change(session, &desired, observation, (cause, drift))
            .await
    }

    /// After create or update, a second look tells whether it did what was asked.
    pub(super) async fn after_change(
        &mut self,
        session: &C::Session,
        desired: &Desired<K>,
        observation: Observation<K>,
        (cause, changed): (Cause, Vec<Drift>),
    ) -> Result<Outcome<K>, Stop> {
        match found(&observation) {
            Found::Present(rest) if rest.is_empty() => {
                let mut outcome = self.settle(session, desired, observation).await?;
                outcome.drift = self.carried_out(cause, changed);
                Ok(outcome)
            }
            Found::Present(rest) => {
                self.carried_out(cause, without(changed, &rest));
                let mut outcome = observed(observation, Wake::Backoff);
                outcome
                    .conditions
                    .extend([Claim::synced(), Claim::update_requested(listed(&rest))]);
                outcome.drift = DriftNews::Now(cause, rest);
                Ok(outcome)
            }
            Found::Absent => Ok(Outcome::new(
                Wake::Backoff,
                vec![
                    Claim::synced(),
                    Claim::creating("the external resource vanished after a change"),
                ],
            )),
        }
    }

    /// Tells what was changed, once it was seen to have worked.
    fn carried_out(&mut self, cause: Cause, changed: Vec<Drift>) -> DriftNews {
        if changed.is_empty() {
            return DriftNews::Now(cause, changed);
        }
        let names = fields(&changed).join(", ");
        if cause == Cause::External {
            let message = format!("corrected {names}");
            self.occurrences
                .push(Occurrence::normal("DriftCorrected", message));
            self.controller.runtime.metrics.drift_corrected(K::KIND);
            return DriftNews::Corrected(changed);
        }
        let verb = if cause == Cause::Renewal {
            "renewed"
        } else {
            "updated"
        };
        let message = format!("{verb} {names}");
        self.occurrences
            .push(Occurrence::normal("UpdatedExternalResource", message));
        DriftNews::Now(cause, vec![])
    }

    pub(super) async fn report(
        &mut self,
        desired: &Desired<K>,
        observation: Observation<K>,
        cause: Cause,
        drift: Vec<Drift>,
    ) -> Result<Outcome<K>, Stop> {
        self.write(&self.adoption(desired)).await?;
        let known = self
            .object
            .status
            .iter()
            .flat_map(|status| &status.drift)
            .map(|known| &known.field);
        if !known.eq(drift.iter().map(|drift| &drift.field)) {
            self.occurrences
                .push(Occurrence::warning("DriftDetected", listed(&drift)));
        }
        let mut outcome = observed(observation, Wake::After(self.poll()));
        outcome
            .conditions
            .extend([Claim::synced(), Claim::update_restricted(listed(&drift))]);
        // The spec counts as carried out, else a later hand edit would pass for a spec change.
        outcome.handled = true;
        outcome.drift = DriftNews::Now(cause, drift);
        Ok(outcome)
    }

    pub(super) async fn settle(
        &mut self,
        session: &C::Session,
        desired: &Desired<K>,
        observation: Observation<K>,
    ) -> Result<Outcome<K>, Stop> {
        let mut desired = desired.clone();
        let mut changes = self.adoption(&desired);
        changes.remember(&self.object, &session.ledger(&desired));
        if self.owes_success() {
            changes
                .annotations
                .insert(CREATE_SUCCEEDED, persist::stamp(self.now));
        }
        self.write(&changes).await?;
        if let Observation::Present {
            connection_details, ..
        } = &observation
        {
            self.publish(&mut desired, connection_details).await?;
        }
        self.controller.memory.remember(&self.object, &desired);
        let mut outcome = observed(observation, Wake::After(self.poll()));
        outcome
            .conditions
            .extend([Claim::synced(), Claim::matched()]);
        outcome.handled = true;
        outcome.drift = DriftNews::Now(Cause::SpecChanged, vec![]);
        Ok(outcome)
    }
}

/// The differences that are not there any more.
fn without(mut changed: Vec<Drift>, rest: &[Drift]) -> Vec<Drift> {
    changed.retain(|drift| rest.iter().all(|left| left.field != drift.field));
    changed
}
