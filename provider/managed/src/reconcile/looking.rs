//! The first half of a pass: resolve what the spec names, open the session, look.
//!
//! Nothing outside is changed here. On the way to deletion neither references nor inputs are read, so
//! a Secret that vanished first blocks nothing.

use std::borrow::Cow;

use kube::ResourceExt;
use tracing::warn;

use super::{Pass, Stop};
use crate::{
    config::{session::Configs, usage},
    connection::{ConnectionDetails, LocalSecretReference, store::ConnectionStore},
    dependents::{ObjectId, Source},
    drift::Cause,
    external::{Connector, Desired, ExternalClient, ExternalError, Observation, Owner},
    initial,
    input::{Input, Resolved},
    kind::Kind,
    outcome::Stage,
    persist, resolve,
    resource::{CONNECTION_SECRET, ManagedResource},
};

impl<K: Kind, C: Connector> Pass<'_, K, C>
where
    C::Session: ExternalClient<K>,
{
    pub(super) async fn desired(&mut self) -> Result<Desired<K>, Stop> {
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
            inputs = read.map_err(|error| self.not_read(&namespace, &wanted, error))?;
        }
        let connection = self.load().await?;
        Ok(Desired {
            deleting: self.object.is_deleting(),
            external_name: self.object.external_name().into_owned(),
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

    /// Whoever waits for a Secret that another resource writes waits for that one.
    fn not_read(&self, namespace: &str, wanted: &[Input], error: ExternalError) -> Stop {
        let directory = &self.controller.runtime.directory;
        let own = format!("{} {}", K::KIND, self.key.name);
        let awaited = wanted.iter().find_map(|input| match input {
            Input::SecretKey {
                namespace: None,
                name,
                ..
            } => {
                let source = Source::Object(ObjectId::secret(namespace, name));
                let is_absent = self.seen.get(&source).is_some_and(String::is_empty);
                let writer = is_absent.then(|| directory.writer(namespace, name));
                let writer = writer.flatten().filter(|writer| *writer != own);
                writer.map(|writer| (name, writer))
            }
            _ => None,
        });
        match (error, awaited) {
            (ExternalError::Blocked { .. }, Some((secret, writer))) => {
                let cause = format!("{writer} has not written Secret {namespace}/{secret} yet");
                let remedy = "wait for it, or see what it waits for";
                Stop::Awaiting(ExternalError::blocked(writer, cause, remedy))
            }
            (error, _) => Stop::Failed(Stage::Resolve, error),
        }
    }

    pub(super) async fn load(&mut self) -> Result<Option<ConnectionDetails>, Stop> {
        let Some(reference) = &self.object.spec.write_connection_secret_to_ref else {
            return Ok(None);
        };
        let mut reference = Cow::Borrowed(reference);
        let former = self.object.annotation(CONNECTION_SECRET);
        if let Some(former) = former.filter(|former| *former != reference.name)
            && !self.object.is_deleting()
        {
            if self.object.only_plans() {
                reference = Cow::Owned(LocalSecretReference::named(former));
            } else {
                let store = &self.controller.store;
                let followed = store.follow(&self.object, former, &reference).await;
                followed.map_err(Stop::at(Stage::Publish))?;
            }
        }
        let namespace = self.object.namespace().unwrap_or_default();
        let source = Source::Object(ObjectId::secret(&namespace, &reference.name));
        self.seen.insert(source.clone(), String::new());
        match self.controller.store.load(&self.object, &reference).await {
            Ok(stored) => {
                self.seen.insert(source, stored.version);
                self.is_bare = stored.is_bare;
                Ok(Some(stored.details))
            }
            Err(_) if self.object.is_deleting() => Ok(None),
            Err(error) => Err(Stop::Failed(Stage::Load, error)),
        }
    }

    pub(super) async fn connect(&mut self) -> Result<C::Session, Stop> {
        let controller = self.controller;
        let namespace = self.object.namespace().unwrap_or_default();
        let id = Configs::<C>::id(&namespace, &self.object.spec.provider_config_ref);
        self.seen.insert(Source::Config(id.clone()), String::new());
        let deleting = self.object.is_deleting();
        if !deleting {
            let client = &controller.runtime.client;
            let tracked =
                usage::track::<K, C::Settings>(client, &controller.configs.usages, &self.object)
                    .await;
            self.writes += u32::from(tracked.map_err(Stop::at(Stage::Connect))?);
        }
        let session = controller.configs.session(&id, deleting);
        let connected = self.budget.limit(Stage::Connect, session).await;
        connected
            .map(|connected| connected.session)
            .map_err(Stop::at(Stage::Connect))
    }

    pub(super) async fn observe(
        &mut self,
        session: &C::Session,
        desired: &Desired<K>,
    ) -> Result<Observation<K>, Stop> {
        let observed = self.call(Stage::Observe, session.observe(desired)).await;
        let observation = observed.map_err(Stop::at(Stage::Observe))?;
        self.follow(&observation);
        Ok(observation)
    }

    fn follow(&mut self, observation: &Observation<K>) {
        let Observation::Present { secrets, .. } = observation else {
            return;
        };
        self.seen.extend(secrets.iter().map(|secret| {
            let id = ObjectId::secret(&secret.namespace, &secret.name);
            (Source::Object(id), secret.version.clone())
        }));
    }

    /// Fills what the spec leaves open with what was found. It reaches the object with whatever this
    /// pass writes to it.
    pub(super) fn fill(&self, desired: &mut Desired<K>, observation: &Observation<K>) {
        let Observation::Present {
            found: Some(found), ..
        } = observation
        else {
            return;
        };
        match initial::filled::<K>(&desired.parameters, found) {
            Ok(parameters) => desired.parameters = parameters,
            Err(error) => {
                warn!(%error, kind = K::KIND, name = self.key.name, "what was found does not fit the spec");
            }
        }
    }

    /// Why it differs, if it does: what is wanted has changed since it was last carried out, or what is
    /// there is about to expire, or else somebody changed the external resource.
    pub(super) fn cause(&self, desired: &Desired<K>, observation: &Observation<K>) -> Cause {
        let handled = self
            .object
            .status
            .as_ref()
            .and_then(|status| status.observed_generation);
        let spec_changed = handled != self.object.metadata.generation;
        let inputs_changed = self.controller.memory.differs(&self.object, desired);
        if spec_changed || inputs_changed {
            Cause::SpecChanged
        } else if is_only_due(observation) {
            Cause::Renewal
        } else {
            Cause::External
        }
    }
}

/// True when everything that differs is about to expire.
fn is_only_due<K: Kind>(observation: &Observation<K>) -> bool {
    match observation {
        Observation::Present { drift, due, .. } if !drift.is_empty() => drift
            .iter()
            .all(|drift| due.contains(&drift.field.as_str())),
        _ => false,
    }
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
