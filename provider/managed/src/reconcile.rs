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

use std::{collections::BTreeSet, sync::Arc, time::Duration};

use k8s_openapi::jiff::Timestamp;
use kube::{Api, ResourceExt};

use crate::{
    condition::Claim,
    config::{session::Configs, usage},
    connection::{ConnectionDetails, store::ConnectionStore},
    controller::Controller,
    dependents::{ObjectId, Seen, Source},
    drift::{Cause, Drift},
    event::Occurrence,
    external::{
        Connector, Desired, ExternalClient, ExternalError, Failure, Observation, Owner, Readiness,
    },
    input::Resolved,
    kind::Kind,
    lifecycle::{Lifecycle, foreign_finalizers},
    outcome::{DriftNews, Outcome, Stage, fields},
    persist::{self, Changes},
    plan::{Found, Situation, Step, plan},
    policy::Policies,
    queue::{Key, Wake},
    resolve,
    resource::{CREATE_FAILED, CREATE_PENDING, CREATE_SUCCEEDED, ManagedResource},
};

/// How soon a pass is repeated when somebody else wrote the object in between.
const AFTER_CONFLICT: Duration = Duration::from_millis(200);

/// Why a pass ended early.
#[derive(Debug)]
pub(crate) enum Stop {
    /// Somebody else wrote the object; nothing is wrong.
    Conflict,
    /// Something failed.
    Failed(Stage, ExternalError),
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
    key: &'a Key,
    object: Arc<ManagedResource<K>>,
    now: Timestamp,
    seen: Seen,
    occurrences: Vec<Occurrence>,
}

impl<'a, K: Kind, C: Connector> Pass<'a, K, C>
where
    C::Session: ExternalClient<K>,
{
    pub(crate) fn new(
        controller: &'a Controller<K, C>,
        key: &'a Key,
        object: Arc<ManagedResource<K>>,
        now: Timestamp,
    ) -> Self {
        Self {
            controller,
            key,
            object,
            now,
            seen: Seen::new(),
            occurrences: Vec::new(),
        }
    }

    /// Runs the pass.
    pub(crate) async fn run(mut self) -> Outcome<K> {
        let result = match Lifecycle::of(&self.object) {
            Lifecycle::Released => Ok(Outcome::new(Wake::Gone, Vec::new())),
            Lifecycle::Paused(message) => Ok(self.paused(message)),
            Lifecycle::Unsupported(message) => Ok(unsupported(message)),
            Lifecycle::LetGo => self.finalize(true).await,
            Lifecycle::Managed(policies) => self.manage(policies).await,
        };
        let mut outcome = match result {
            Ok(outcome) => outcome,
            Err(stop) => self.stopped(stop).await,
        };
        outcome.occurrences.splice(0..0, self.occurrences);
        self.controller.runtime.dependents.set(self.key, self.seen);
        outcome
    }

    async fn manage(&mut self, policies: Policies) -> Result<Outcome<K>, Stop> {
        let desired = self.desired().await?;
        let session = self.connect().await?;
        let observation = self.observe(&session, &desired).await?;
        let cause = self.cause(&desired);
        let situation = Situation {
            deleting: self.object.is_deleting(),
            foreign_finalizers: foreign_finalizers(&self.object),
            policies,
            drift_policy: self.object.spec.drift_policy,
            cause,
        };
        match plan(&situation, found(&observation)) {
            Step::Finalize => self.finalize(false).await,
            Step::Wait(finalizers) => Ok(waiting(&finalizers)),
            Step::Delete => self.delete(&session, &desired).await,
            Step::Missing => Ok(self.missing()),
            Step::Create => self.create(&session, desired, &observation).await,
            Step::Update(drift) => {
                self.update(&session, desired, &observation, cause, drift)
                    .await
            }
            Step::Report(drift) => self.report(&desired, observation, cause, drift).await,
            Step::Settle => self.settle(&session, &desired, observation).await,
        }
    }

    // === resolve, connect, observe ===

    async fn desired(&mut self) -> Result<Desired<K>, Stop> {
        let mut parameters = self.object.spec.for_provider.clone();
        let mut inputs = Resolved::default();
        if !self.object.is_deleting() {
            let runtime = &self.controller.runtime;
            let namespace = self.object.namespace().unwrap_or_default();
            resolve::references(
                &runtime.directory,
                &self.object,
                &mut parameters,
                &mut self.seen,
            )
            .map_err(Stop::at(Stage::Resolve))?;
            let wanted = K::inputs(&parameters).0;
            runtime.watch_foreign(&wanted).await;
            let read = runtime
                .reader
                .read(&namespace, &wanted, &mut self.seen)
                .await;
            inputs = read.map_err(Stop::at(Stage::Resolve))?;
        }
        let connection = self.load().await?;
        Ok(Desired {
            deleting: self.object.is_deleting(),
            external_name: self.object.external_name().to_owned(),
            parameters,
            inputs,
            connection,
            ledger: persist::ledger(&self.object),
            last: self
                .object
                .status
                .as_ref()
                .map(|status| status.at_provider.clone())
                .unwrap_or_default(),
            owner: owner(&self.object),
        })
    }

    async fn load(&mut self) -> Result<Option<ConnectionDetails>, Stop> {
        let Some(reference) = &self.object.spec.write_connection_secret_to_ref else {
            return Ok(None);
        };
        let namespace = self.object.namespace().unwrap_or_default();
        let source = Source::Object(ObjectId::secret(&namespace, &reference.name));
        self.seen.insert(source.clone(), String::new());
        match self.controller.store.load(&self.object, reference).await {
            Ok(stored) => {
                self.seen.insert(source, stored.version);
                Ok(Some(stored.details))
            }
            Err(_) if self.object.is_deleting() => Ok(None),
            Err(error) => Err(Stop::Failed(Stage::Load, error)),
        }
    }

    async fn connect(&mut self) -> Result<C::Session, Stop> {
        let controller = self.controller;
        let namespace = self.object.namespace().unwrap_or_default();
        let id = Configs::<C>::id(&namespace, &self.object.spec.provider_config_ref);
        self.seen.insert(Source::Config(id.clone()), String::new());
        let deleting = self.object.is_deleting();
        if !deleting {
            let client = &controller.runtime.client;
            let tracked = usage::track(client, &controller.configs.usages, &self.object).await;
            tracked.map_err(Stop::at(Stage::Connect))?;
        }
        let connected = controller.configs.session(&id, deleting).await;
        connected
            .map(|connected| connected.session)
            .map_err(Stop::at(Stage::Connect))
    }

    async fn observe(
        &self,
        session: &C::Session,
        desired: &Desired<K>,
    ) -> Result<Observation<K>, Stop> {
        let _timer = self
            .controller
            .runtime
            .metrics
            .external_call(K::KIND, "observe");
        session
            .observe(desired)
            .await
            .map_err(Stop::at(Stage::Observe))
    }

    /// Why it differs, if it does: what is wanted has changed since it was last carried out, or else
    /// somebody changed the external resource.
    fn cause(&self, desired: &Desired<K>) -> Cause {
        let handled = self
            .object
            .status
            .as_ref()
            .and_then(|status| status.observed_generation);
        let spec_changed = handled != self.object.metadata.generation;
        let inputs_changed = self.controller.memory.differs(&self.object, desired);
        if spec_changed || inputs_changed {
            Cause::SpecChanged
        } else {
            Cause::External
        }
    }

    // === act ===

    async fn create(
        &mut self,
        session: &C::Session,
        mut desired: Desired<K>,
        observation: &Observation<K>,
    ) -> Result<Outcome<K>, Stop> {
        let mut changes = self.changes(session, &desired);
        changes
            .annotations
            .insert(CREATE_PENDING, persist::stamp(self.now));
        self.write(&changes).await?;
        self.store_credentials(session, &mut desired, observation)
            .await?;
        let created = {
            let _timer = self
                .controller
                .runtime
                .metrics
                .external_call(K::KIND, "create");
            session.create(&desired).await
        };
        match created {
            Ok(details) => {
                self.record(CREATE_SUCCEEDED).await?;
                self.publish(&mut desired, &details).await?;
            }
            Err(error @ ExternalError::UnknownOutcome(_)) => {
                return Err(Stop::Failed(Stage::Create, error));
            }
            Err(error) => {
                self.record(CREATE_FAILED).await?;
                return Err(Stop::Failed(Stage::Create, error));
            }
        }
        let message = "Successfully requested creation of external resource";
        self.occurrences
            .push(Occurrence::normal("CreatedExternalResource", message));
        match self.observe(session, &desired).await? {
            Observation::Absent => Ok(Outcome::new(
                Wake::Backoff,
                vec![
                    Claim::synced(),
                    Claim::creating("waiting for the external resource to appear"),
                ],
            )),
            observation => {
                self.after_change(
                    session,
                    &desired,
                    observation,
                    DriftNews::Now(Cause::SpecChanged, vec![]),
                )
                .await
            }
        }
    }

    async fn update(
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
        self.write(&self.changes(session, &desired)).await?;
        self.store_credentials(session, &mut desired, observation)
            .await?;
        let updated = {
            let _timer = self
                .controller
                .runtime
                .metrics
                .external_call(K::KIND, "update");
            session.update(&desired, &drift).await
        };
        let details = updated.map_err(|error| Stop::NotUpdated(cause, drift.clone(), error))?;
        self.publish(&mut desired, &details).await?;
        let observation = self.observe(session, &desired).await?;
        let news = match cause {
            Cause::External => {
                let message = format!("corrected {}", fields(&drift).join(", "));
                self.occurrences
                    .push(Occurrence::normal("DriftCorrected", message));
                self.controller.runtime.metrics.drift_corrected(K::KIND);
                DriftNews::Corrected(drift)
            }
            Cause::SpecChanged => {
                let message = format!("updated {}", fields(&drift).join(", "));
                self.occurrences
                    .push(Occurrence::normal("UpdatedExternalResource", message));
                DriftNews::Now(cause, vec![])
            }
        };
        self.after_change(session, &desired, observation, news)
            .await
    }

    /// After create or update, a second look tells whether it did what was asked.
    async fn after_change(
        &mut self,
        session: &C::Session,
        desired: &Desired<K>,
        observation: Observation<K>,
        news: DriftNews,
    ) -> Result<Outcome<K>, Stop> {
        match found(&observation) {
            Found::Present(rest) if rest.is_empty() => {
                let mut outcome = self.settle(session, desired, observation).await?;
                outcome.drift = news;
                Ok(outcome)
            }
            Found::Present(rest) => {
                let mut outcome = observed(observation, Wake::Backoff);
                outcome
                    .conditions
                    .extend([Claim::synced(), Claim::update_requested(listed(&rest))]);
                outcome.drift = DriftNews::Now(Cause::SpecChanged, rest);
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

    async fn report(
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

    async fn settle(
        &mut self,
        session: &C::Session,
        desired: &Desired<K>,
        observation: Observation<K>,
    ) -> Result<Outcome<K>, Stop> {
        let mut desired = desired.clone();
        let mut changes = self.adoption(&desired);
        changes.remember(&self.object, &session.ledger(&desired));
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

    async fn delete(
        &mut self,
        session: &C::Session,
        desired: &Desired<K>,
    ) -> Result<Outcome<K>, Stop> {
        {
            let _timer = self
                .controller
                .runtime
                .metrics
                .external_call(K::KIND, "delete");
            session
                .delete(desired)
                .await
                .map_err(Stop::at(Stage::Delete))?;
        }
        let message = "Successfully requested deletion of external resource";
        self.occurrences
            .push(Occurrence::normal("DeletedExternalResource", message));
        match self.observe(session, desired).await? {
            Observation::Absent => self.finalize(false).await,
            Observation::Present { .. } => Ok(Outcome::new(
                Wake::Backoff,
                vec![Claim::synced(), Claim::deleting("")],
            )),
        }
    }

    /// Lets the object go. `keep` says that the external resource stays, so its credentials do too.
    async fn finalize(&mut self, keep: bool) -> Result<Outcome<K>, Stop> {
        if let (true, Some(reference)) = (keep, &self.object.spec.write_connection_secret_to_ref) {
            let released = self.controller.store.release(&self.object, reference).await;
            released.map_err(Stop::at(Stage::Publish))?;
        }
        let api = self.api();
        persist::release(&api, &self.object)
            .await
            .map_err(|error| self.not_written(&error))?;
        if let (Some(namespace), Some(uid)) = (self.object.namespace(), self.object.uid()) {
            let client = &self.controller.runtime.client;
            // The reaper of usages does the same, should this fail.
            let _ = usage::untrack::<C::Settings>(client, &namespace, &uid).await;
        }
        Ok(Outcome::new(Wake::Gone, Vec::new()))
    }

    // === persist ===

    fn adoption(&self, desired: &Desired<K>) -> Changes {
        let mut changes = Changes::adoption(&self.object);
        let json = |parameters| serde_json::to_value(parameters).expect("parameters are JSON");
        changes.for_provider = persist::difference(
            &json(&self.object.spec.for_provider),
            &json(&desired.parameters),
        );
        changes
    }

    fn changes(&self, session: &C::Session, desired: &Desired<K>) -> Changes {
        let mut changes = self.adoption(desired);
        let ledger: BTreeSet<_> = desired
            .ledger
            .union(&session.ledger(desired))
            .cloned()
            .collect();
        changes.remember(&self.object, &ledger);
        changes
    }

    async fn write(&mut self, changes: &Changes) -> Result<(), Stop> {
        if changes.is_empty() {
            return Ok(());
        }
        let written = persist::change(&self.api(), &self.object, changes).await;
        self.object = self
            .controller
            .adopt_own(written.map_err(|error| self.not_written(&error))?);
        Ok(())
    }

    async fn record(&mut self, annotation: &str) -> Result<(), Stop> {
        let value = persist::stamp(self.now);
        let written =
            persist::record(&self.api(), &self.object.name_any(), annotation, &value).await;
        self.object = self
            .controller
            .adopt(self.key, written.map_err(|error| self.not_written(&error))?);
        Ok(())
    }

    async fn store_credentials(
        &mut self,
        session: &C::Session,
        desired: &mut Desired<K>,
        observation: &Observation<K>,
    ) -> Result<(), Stop> {
        let credentials = session.credentials(desired, observation);
        self.publish(desired, &credentials).await
    }

    async fn publish(
        &mut self,
        desired: &mut Desired<K>,
        details: &ConnectionDetails,
    ) -> Result<(), Stop> {
        let (Some(reference), Some(stored)) = (
            &self.object.spec.write_connection_secret_to_ref,
            &desired.connection,
        ) else {
            return Ok(());
        };
        if details.is_empty() || stored.contains(details) {
            return Ok(());
        }
        let written = self
            .controller
            .store
            .store(&self.object, reference, details)
            .await;
        let written = written.map_err(Stop::at(Stage::Publish))?;
        let namespace = self.object.namespace().unwrap_or_default();
        self.seen.insert(
            Source::Object(ObjectId::secret(&namespace, &reference.name)),
            written.version,
        );
        desired.connection = Some(written.details);
        Ok(())
    }

    fn api(&self) -> Api<ManagedResource<K>> {
        self.controller.api(&self.key.namespace)
    }

    fn not_written(&self, error: &kube::Error) -> Stop {
        if persist::is_status(error, 409) || persist::is_status(error, 404) {
            return Stop::Conflict;
        }
        let cause = format!("cannot write {} {}: {error}", K::KIND, self.key.name);
        Stop::Failed(
            Stage::Persist,
            ExternalError::Other(Failure::new(cause, "nothing to do, it is retried")),
        )
    }

    // === outcomes ===

    fn poll(&self) -> Duration {
        self.controller
            .runtime
            .options
            .poll_of(self.object.as_ref())
    }

    fn paused(&self, message: String) -> Outcome<K> {
        let mut outcome = Outcome::new(
            Wake::OnChange,
            vec![Claim::paused(&message), Claim::drift_unknown()],
        );
        let conditions = self
            .object
            .status
            .iter()
            .flat_map(|status| &status.conditions);
        if !conditions
            .into_iter()
            .any(|condition| condition.reason == "ReconcilePaused")
        {
            outcome
                .occurrences
                .push(Occurrence::normal("ReconciliationPaused", message));
        }
        outcome
    }

    fn missing(&self) -> Outcome<K> {
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

    async fn stopped(&self, stop: Stop) -> Outcome<K> {
        let poll = self.poll();
        match stop {
            Stop::Conflict => {
                self.controller.refresh(self.key).await;
                Outcome::new(Wake::Throttled(AFTER_CONFLICT), Vec::new())
            }
            Stop::Failed(stage, error) => {
                self.controller.suspect(&self.object, &error);
                Outcome::failed(stage, &error, poll)
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

fn found<K: Kind>(observation: &Observation<K>) -> Found {
    match observation {
        Observation::Absent => Found::Absent,
        Observation::Present { drift, .. } => Found::Present(drift.clone()),
    }
}

fn observed<K: Kind>(observation: Observation<K>, wake: Wake) -> Outcome<K> {
    let Observation::Present {
        at_provider, ready, ..
    } = observation
    else {
        return Outcome::new(wake, Vec::new());
    };
    let claim = match ready {
        Readiness::Ready => Claim::available(),
        Readiness::NotReady(message) => Claim::unavailable(message),
    };
    let mut outcome = Outcome::new(wake, vec![claim]);
    outcome.at_provider = Some(at_provider);
    outcome
}

fn waiting<K: Kind>(finalizers: &[String]) -> Outcome<K> {
    let message = format!(
        "deletion waits for the finalizers {}",
        finalizers.join(", ")
    );
    Outcome::new(
        Wake::OnChange,
        vec![Claim::synced(), Claim::deleting(message)],
    )
}

fn unsupported<K: Kind>(message: String) -> Outcome<K> {
    let mut outcome = Outcome::new(Wake::OnChange, vec![Claim::failed(&message)]);
    outcome.occurrences.push(Occurrence::warning(
        "CannotUseInvalidManagementPolicy",
        message,
    ));
    outcome
}

/// The drift as a message.
fn listed(drift: &[Drift]) -> String {
    drift
        .iter()
        .map(ToString::to_string)
        .collect::<Vec<_>>()
        .join("; ")
}

fn owner<K: Kind>(object: &ManagedResource<K>) -> Owner {
    let config = &object.spec.provider_config_ref;
    Owner {
        uid: object.uid().unwrap_or_default(),
        namespace: object.namespace().unwrap_or_default(),
        name: object.name_any(),
        kind: format!("{}.{}", K::KIND.to_lowercase(), K::GROUP),
        config: format!("{} {}", config.kind.as_str(), config.name),
    }
}
