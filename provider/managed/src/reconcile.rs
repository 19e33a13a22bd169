//! The pass: one look at one resource, and the one step that follows.
//!
//! 1 read pause, policies, deletion · 2 resolve references and inputs · 3 connect · 4 observe ·
//! 5 plan · 6 store credentials, act, observe again · 7 the result as a value · then, in
//! [`crate::controller`], 8 status if it differs, events, 9 next wake-up.
//!
//! Whatever happens ends in an [`Outcome`]. Every write to the object is conditional on the version
//! this pass has read, except those that record what has already happened outside. A pass may die at
//! any await: names are deterministic, credentials are stored before they are applied, and the next
//! pass observes first.

mod acting;
mod budget;
mod leaving;
mod looking;
mod planning;
mod sharing;
#[cfg(test)]
mod tests;
mod verdict;
mod writing;

pub(crate) use self::budget::Budget;
use std::{sync::Arc, time::Duration};

use k8s_openapi::jiff::Timestamp;
use kube::ResourceExt;

use crate::{
    changelog::{Change, Operation},
    controller::Controller,
    dependents::Seen,
    drift::{Cause, Drift},
    event::Occurrence,
    external::{Connector, Desired, ExternalClient, ExternalError, Failure, Observation},
    kind::Kind,
    lifecycle::{Lifecycle, foreign_finalizers},
    outcome::{DriftNews, Outcome, Stage},
    plan::{Situation, Step, plan},
    policy::Policies,
    queue::{Key, Wake},
    resource::ManagedResource,
};

/// For this long after it was made, an object that waits for another gets no warning event. The
/// condition tells all the same, unless what is waited for tells itself.
const YOUNG: Duration = Duration::from_secs(30);

/// What is made together becomes ready one after the other. For this long, waiting for another object
/// is not even worth a status write: each one runs the pipeline of the composite, and Crossplane stops
/// listening to a composite whose resources write too much: its circuit breaker opens at 100 events, and
/// it counts an update as two.
const NEW: Duration = Duration::from_secs(3);

/// For so long nothing is told of an object that waits for another resource, which tells itself what is in
/// its way: a cluster takes a minute to start, and all that wait for it would tell at the same moment.
const PATIENT: Duration = Duration::from_mins(2);

/// How soon a pass that waits for another resource is repeated. The Secret's coming wakes it anyway, and
/// waiting is no failure: what goes wrong afterwards is tried again as soon as a first failure is.
const AWAITING: Duration = Duration::from_secs(5);

/// How soon a pass is repeated when somebody else wrote the object in between.
const AFTER_CONFLICT: Duration = Duration::from_millis(200);

/// Why a pass ended early.
#[derive(Debug)]
pub(crate) enum Stop {
    /// Somebody else wrote the object; nothing is wrong.
    Conflict,
    /// Something failed.
    Failed(Stage, ExternalError),
    /// Another resource of this provider comes first, and tells itself what is in its way.
    Awaiting(ExternalError),
    /// An update failed; the drift is still there.
    NotUpdated(Cause, Vec<Drift>, ExternalError),
}

impl Stop {
    fn at(stage: Stage) -> impl Fn(ExternalError) -> Self {
        move |error| Self::Failed(stage, error)
    }
}

/// One pass over one object.
pub(crate) struct Pass<'a, K: Kind, C: Connector> {
    controller: &'a Controller<K, C>,
    key: &'a Arc<Key>,
    object: Arc<ManagedResource<K>>,
    now: Timestamp,
    budget: Budget,
    seen: Seen,
    occurrences: Vec<Occurrence>,
    writes: u32,
    /// The connection Secret lacks a label or an annotation.
    is_bare: bool,
}

impl<'a, K: Kind, C: Connector> Pass<'a, K, C>
where
    C::Session: ExternalClient<K>,
{
    pub(crate) fn new(
        controller: &'a Controller<K, C>,
        key: &'a Arc<Key>,
        object: Arc<ManagedResource<K>>,
        now: Timestamp,
        budget: Budget,
    ) -> Self {
        Self {
            controller,
            key,
            object,
            now,
            budget,
            seen: Seen::new(),
            occurrences: Vec::new(),
            writes: 0,
            is_bare: false,
        }
    }

    /// Runs the pass within its budget. What it had told and read by then is kept whatever happens.
    pub(crate) async fn run(mut self) -> Outcome<K> {
        let end = self.budget.pass_ends();
        let result = tokio::time::timeout_at(end, self.carry_out()).await;
        let mut outcome = match result {
            Ok(Ok(outcome)) => outcome.planning_no_more(),
            Ok(Err(stop)) => self.stopped(stop).await,
            Err(_) => self.ran_out(),
        };
        outcome.generation = self.object.metadata.generation;
        outcome.writes = self.writes;
        outcome.occurrences.splice(0..0, self.occurrences);
        self.controller.runtime.dependents.set(self.key, self.seen);
        outcome
    }

    async fn carry_out(&mut self) -> Result<Outcome<K>, Stop> {
        match Lifecycle::of(&self.object) {
            Lifecycle::Released => Ok(Outcome::new(Wake::Gone, Vec::new())),
            Lifecycle::Paused(message) => Ok(self.paused(message)),
            Lifecycle::Unsupported(message) => Ok(verdict::unsupported(message)),
            Lifecycle::Managed(_) if self.is_in_no_shard() => Ok(self.in_no_shard()),
            Lifecycle::LetGo => self.finalize(true).await,
            Lifecycle::Managed(policies) => self.manage(policies).await,
        }
    }

    async fn manage(&mut self, policies: Policies) -> Result<Outcome<K>, Stop> {
        let mut desired = self.desired().await?;
        let session = self.connect().await?;
        let observation = self.observe(&session, &desired).await?;
        let cause = self.cause(&desired, &observation);
        if policies.late_initialize {
            self.fill(&mut desired, &observation);
        }
        let situation = Situation {
            deleting: self.object.is_deleting(),
            foreign_finalizers: foreign_finalizers(&self.object),
            leaving_readers: self.leaving_readers(),
            just_made: self.is_just_made(&desired),
            policies,
            drift_policy: self.object.spec.drift_policy,
            cause,
        };
        let step = plan(&situation, verdict::found(&observation));
        if (step.touches() || step == Step::Finalize)
            && let Some(outcome) = self.after_other_shard()
        {
            return Ok(outcome);
        }
        if self.object.only_plans() && step.touches() {
            return self
                .planned(&session, desired, observation, cause, step)
                .await;
        }
        let planned = if policies.only_look() {
            let step = plan(&situation.unrestricted(), verdict::found(&observation));
            self.steps(&session, desired.clone(), &observation, &step)
                .await
        } else {
            Vec::new()
        };
        let mut outcome = self
            .take(step, &session, desired, observation, cause)
            .await?;
        outcome.plan = Some(planned);
        Ok(outcome)
    }

    /// Carries out the one next step.
    async fn take(
        &mut self,
        step: Step,
        session: &C::Session,
        desired: Desired<K>,
        observation: Observation<K>,
        cause: Cause,
    ) -> Result<Outcome<K>, Stop> {
        match step {
            Step::Finalize => self.finalize(false).await,
            Step::Wait(finalizers) => Ok(verdict::waiting(&finalizers)),
            Step::Outlive(readers) => Ok(verdict::outliving(&readers)),
            Step::Delete => self.delete(session, &desired).await,
            Step::Missing => Ok(self.missing()),
            Step::Await => Ok(self.awaiting()),
            Step::Create => self.create(session, desired, &observation).await,
            Step::Update(drift) => {
                self.update(session, desired, &observation, cause, drift)
                    .await
            }
            Step::Report(drift) => self.report(&desired, observation, cause, drift).await,
            Step::Settle => self.settle(session, &desired, observation).await,
        }
    }

    /// An external call that changes something, for the change log too.
    async fn change<T>(
        &self,
        operation: Operation,
        external_name: &str,
        drift: Option<(Cause, &[Drift])>,
        call: impl Future<Output = Result<T, ExternalError>>,
    ) -> Result<T, ExternalError> {
        let changed = self.call(operation.stage(), call).await;
        let error = changed.as_ref().err().map(ToString::to_string);
        let runtime = &self.controller.runtime;
        let change = Change {
            operation,
            drift,
            external_name,
            error: error.as_deref(),
            at: runtime.now(),
        };
        runtime.change_log.record(&self.object, change);
        changed
    }

    /// An external call: measured, and ended when the budget is.
    async fn call<T>(
        &self,
        stage: Stage,
        call: impl Future<Output = Result<T, ExternalError>>,
    ) -> Result<T, ExternalError> {
        let metrics = &self.controller.runtime.metrics;
        let _timer = metrics.external_call(K::KIND, stage.operation());
        self.budget.limit(stage, call).await
    }

    fn poll(&self) -> Duration {
        self.controller
            .runtime
            .options
            .poll_of(self.object.as_ref())
    }

    fn is_younger_than(&self, age: Duration) -> bool {
        let created = self.object.creation_timestamp().map(|created| created.0);
        created.is_some_and(|created| self.now.duration_since(created).unsigned_abs() < age)
    }

    /// The API server did not answer in time.
    fn ran_out(&self) -> Outcome<K> {
        let cause = "the API server did not answer in time";
        let error = ExternalError::Other(Failure::new(cause, "nothing to do, it is retried"));
        Outcome::failed(Stage::Persist, &error, self.poll())
    }

    async fn stopped(&self, stop: Stop) -> Outcome<K> {
        let poll = self.poll();
        match stop {
            Stop::Conflict => {
                self.controller.refresh(self.key).await;
                Outcome::new(Wake::Throttled(AFTER_CONFLICT), Vec::new())
            }
            Stop::Failed(stage, error) => {
                self.controller.suspect(&self.object, &error);
                let waits = matches!(error, ExternalError::Blocked { .. });
                let mut outcome = Outcome::failed(stage, &error, poll);
                if waits && self.is_younger_than(YOUNG) {
                    outcome.occurrences.clear();
                }
                if waits && stage == Stage::Resolve && self.is_younger_than(NEW) {
                    outcome.conditions.clear();
                }
                outcome
            }
            Stop::Awaiting(error) => {
                let mut outcome = Outcome::failed(Stage::Resolve, &error, poll);
                outcome.wake = Wake::After(AWAITING);
                if self.is_younger_than(PATIENT) {
                    outcome.occurrences.clear();
                    outcome.conditions.clear();
                }
                outcome
            }
            Stop::NotUpdated(cause, drift, error) => {
                self.controller.suspect(&self.object, &error);
                let mut outcome = Outcome::failed(Stage::Update, &error, poll);
                outcome.drift = DriftNews::Now(cause, drift);
                outcome
            }
        }
    }
}
