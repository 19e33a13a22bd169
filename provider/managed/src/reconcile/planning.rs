//! Plan before touch: the step is worked out and rehearsed, and nothing is changed.
//!
//! Neither the object nor its connection Secret is written; the status says what would have been done.

use kube::ResourceExt;

use super::{
    Pass, Stop,
    verdict::{listed, observed},
    writing::ledger,
};
use crate::{
    condition::Claim,
    connection::ConnectionDetails,
    drift::{Cause, Drift},
    event::Occurrence,
    external::{Connector, Desired, ExternalClient, ExternalError, Observation},
    kind::Kind,
    outcome::{DriftNews, Outcome, Stage},
    plan::Step,
    queue::Wake,
    rehearsal::{PlannedStep, Rehearsal},
    resource::PLAN,
};

impl<K: Kind, C: Connector> Pass<'_, K, C>
where
    C::Session: ExternalClient<K>,
{
    /// The end of a pass that changes nothing.
    pub(super) async fn planned(
        &mut self,
        session: &C::Session,
        desired: Desired<K>,
        observation: Observation<K>,
        cause: Cause,
        step: Step,
    ) -> Result<Outcome<K>, Stop> {
        let steps = self.steps(session, desired, &observation, &step).await;
        let mut outcome = observed(observation, Wake::After(self.poll()));
        outcome.conditions.extend(claims(&step, steps.len()));
        outcome.handled = step == Step::Settle;
        if let Step::Update(drift) | Step::Report(drift) = step {
            outcome.drift = DriftNews::Now(cause, drift);
        } else if outcome.handled {
            outcome.drift = DriftNews::Now(cause, Vec::new());
        }
        self.announce(&steps);
        outcome.plan = Some(steps);
        Ok(outcome)
    }

    /// What a step would do, in order. When it would fail, the last one says how.
    pub(super) async fn steps(
        &self,
        session: &C::Session,
        desired: Desired<K>,
        observation: &Observation<K>,
        step: &Step,
    ) -> Vec<PlannedStep> {
        let rehearsal = Rehearsal::default();
        let rehearsed = self
            .rehearse(&rehearsal, session, desired, observation, step)
            .await;
        if let Err(error) = rehearsed {
            // What something else is in the way of comes when that is out of the way.
            let word = match error {
                ExternalError::Blocked { .. } => "not yet",
                _ => "this would fail",
            };
            rehearsal.note("", format!("{word}: {error}"));
        }
        rehearsal.steps()
    }

    async fn rehearse(
        &self,
        rehearsal: &Rehearsal,
        session: &C::Session,
        mut desired: Desired<K>,
        observation: &Observation<K>,
        step: &Step,
    ) -> Result<(), ExternalError> {
        if !matches!(step, Step::Create | Step::Update(_) | Step::Delete) {
            return Ok(());
        }
        let connector = &self.controller.configs.connector;
        let Some(rehearsing) = connector.rehearsing(session, rehearsal) else {
            outline::<K>(rehearsal, &desired.external_name, step);
            return Ok(());
        };
        if *step != Step::Delete {
            desired.ledger = ledger(session, &desired);
            let credentials = session.credentials(&desired, observation);
            self.keep(rehearsal, &mut desired, &credentials);
        }
        let details = match step {
            Step::Create => {
                let first = self.first(&desired)?;
                let call = rehearsing.create(&first);
                self.budget.limit(Stage::Create, call).await?
            }
            Step::Update(drift) => {
                let call = rehearsing.update(&desired, drift);
                self.budget.limit(Stage::Update, call).await?
            }
            _ => {
                let call = rehearsing.delete(&desired);
                self.budget.limit(Stage::Delete, call).await?;
                ConnectionDetails::none()
            }
        };
        self.keep(rehearsal, &mut desired, &details);
        Ok(())
    }

    /// What would be stored in the connection Secret. Its values are known to the rest of the rehearsal
    /// and to nobody else.
    fn keep(&self, rehearsal: &Rehearsal, desired: &mut Desired<K>, details: &ConnectionDetails) {
        let (Some(reference), Some(stored)) = (
            &self.object.spec.write_connection_secret_to_ref,
            &mut desired.connection,
        ) else {
            return;
        };
        let news = details
            .iter()
            .filter(|(key, value)| stored.get(key) != Some(*value));
        let keys: Vec<_> = news.map(|(key, _)| key.to_owned()).collect();
        if !keys.is_empty() {
            let namespace = self.object.namespace().unwrap_or_default();
            let target = format!("Secret {namespace}/{}", reference.name);
            rehearsal.note(target, format!("store {}", keys.join(", ")));
        }
        stored.merge(details);
    }

    /// An event, when the plan is not the one that is shown already.
    fn announce(&mut self, steps: &[PlannedStep]) {
        let shown = self.object.status.as_ref().map(|status| &status.plan);
        if !steps.is_empty() && shown.is_none_or(|shown| shown != steps) {
            let message = format!("{}; see status.plan", counted(steps.len()));
            self.occurrences
                .push(Occurrence::normal("Planned", message));
        }
    }
}

/// The plan of a backend that cannot be rehearsed: what would become of which field.
fn outline<K: Kind>(rehearsal: &Rehearsal, name: &str, step: &Step) {
    let target = format!("{} {name}", K::KIND);
    match step {
        Step::Create => rehearsal.note(target, "create"),
        Step::Delete => rehearsal.note(target, "delete"),
        Step::Update(drift) => {
            for Drift {
                field,
                desired,
                observed,
            } in drift
            {
                rehearsal.note(
                    &target,
                    format!("set {field} to {desired}, found {observed}"),
                );
            }
        }
        _ => {}
    }
}

fn claims(step: &Step, steps: usize) -> Vec<Claim> {
    let held = || {
        let message = format!(
            "the annotation {PLAN} holds back {}, see status.plan; remove it to go on",
            counted(steps)
        );
        Claim::paused(message)
    };
    match step {
        Step::Create => vec![held(), Claim::creating("it is only planned")],
        Step::Update(drift) => vec![held(), Claim::update_restricted(listed(drift))],
        Step::Delete => vec![held(), Claim::deleting("it is only planned")],
        Step::Report(drift) => vec![Claim::synced(), Claim::update_restricted(listed(drift))],
        _ => vec![Claim::synced(), Claim::matched()],
    }
}

fn counted(steps: usize) -> String {
    format!("{steps} step{}", if steps == 1 { "" } else { "s" })
}
