//! What a pass writes to the API server: its marks on the object, and the connection Secret.
//!
//! A write that prepares an external call is conditional on the version that was read; a conflict
//! ends the pass before the call. A write that records what has already happened is not.

use std::collections::BTreeSet;

use kube::{Api, ResourceExt};

use super::{Pass, Stop};
use crate::{
    connection::{ConnectionDetails, store::ConnectionStore},
    dependents::{ObjectId, Source},
    external::{Connector, Desired, ExternalClient, ExternalError, Failure, Observation},
    kind::Kind,
    outcome::Stage,
    persist::{self, Changes},
    resource::ManagedResource,
};

impl<K: Kind, C: Connector> Pass<'_, K, C>
where
    C::Session: ExternalClient<K>,
{
    pub(super) fn adoption(&self, desired: &Desired<K>) -> Changes {
        let mut changes = Changes::adoption(&self.object);
        let json = |parameters| serde_json::to_value(parameters).expect("parameters are JSON");
        changes.for_provider = persist::difference(
            &json(&self.object.spec.for_provider),
            &json(&desired.parameters),
        );
        changes
    }

    pub(super) fn changes(&self, session: &C::Session, desired: &Desired<K>) -> Changes {
        let mut changes = self.adoption(desired);
        changes.remember(&self.object, &ledger(session, desired));
        changes
    }

    pub(super) async fn write(&mut self, changes: &Changes) -> Result<(), Stop> {
        if changes.is_empty() {
            return Ok(());
        }
        self.writes += 1;
        let written = persist::change(&self.api(), &self.object, changes).await;
        self.object = self
            .controller
            .adopt_own(written.map_err(|error| self.not_written(&error))?);
        Ok(())
    }

    /// Writes what must be known before an external call. What the call changes is remembered from then on.
    pub(super) async fn prepare(
        &mut self,
        session: &C::Session,
        desired: &mut Desired<K>,
        changes: &Changes,
    ) -> Result<(), Stop> {
        self.write(changes).await?;
        desired.ledger = ledger(session, desired);
        Ok(())
    }

    pub(super) async fn record(&mut self, annotation: &str) -> Result<(), Stop> {
        self.writes += 1;
        let value = persist::stamp(self.now);
        let written =
            persist::record(&self.api(), &self.object.name_any(), annotation, &value).await;
        let written = written.map_err(|error| self.not_written(&error))?;
        let written = self.controller.adopt(self.key, written);
        // After an edit by somebody else this pass goes on with the spec it began with, and its next
        // conditional write ends it.
        if written.metadata.generation == self.object.metadata.generation {
            self.object = written;
        }
        Ok(())
    }

    pub(super) async fn store_credentials(
        &mut self,
        session: &C::Session,
        desired: &mut Desired<K>,
        observation: &Observation<K>,
    ) -> Result<(), Stop> {
        let credentials = session.credentials(desired, observation);
        self.publish(desired, &credentials).await
    }

    pub(super) async fn publish(
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
        let is_stored = details.is_empty() || stored.contains(details);
        if is_stored && !self.is_bare {
            return Ok(());
        }
        self.writes += 1;
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
        self.is_bare = written.is_bare;
        desired.connection = Some(written.details);
        Ok(())
    }

    pub(super) fn api(&self) -> Api<ManagedResource<K>> {
        self.controller.api(&self.key.namespace)
    }

    pub(super) fn not_written(&self, error: &kube::Error) -> Stop {
        if persist::is_status(error, 409) || persist::is_status(error, 404) {
            return Stop::Conflict;
        }
        let cause = format!("cannot write {} {}: {error}", K::KIND, self.key.name);
        Stop::Failed(
            Stage::Persist,
            ExternalError::Other(Failure::new(cause, "nothing to do, it is retried")),
        )
    }
}

/// What may have been changed outside once this is carried out.
pub(super) fn ledger<K: Kind>(
    session: &impl ExternalClient<K>,
    desired: &Desired<K>,
) -> BTreeSet<String> {
    let new = session.ledger(desired);
    desired.ledger.union(&new).cloned().collect()
}
