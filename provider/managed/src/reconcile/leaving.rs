//! The end of a resource: delete it, see that it is gone, let the object go.
//!
//! The finalizer goes only after the external resource was observed absent, or when it is to stay.
//! Then the Secret stays too, and neither config nor server is needed.

use std::time::Duration;

use kube::ResourceExt;

use super::{Pass, Stop};
use crate::{
    changelog::Operation,
    condition::Claim,
    config::usage,
    connection::store::ConnectionStore,
    event::Occurrence,
    external::{Connector, Desired, ExternalClient, Observation},
    kind::Kind,
    outcome::{Outcome, Stage},
    persist,
    queue::Wake,
};

/// How long a deletion waits for others that are being deleted as well.
const OUTLIVING: Duration = Duration::from_mins(1);

impl<K: Kind, C: Connector> Pass<'_, K, C>
where
    C::Session: ExternalClient<K>,
{
    /// Who is being deleted as well and may need this resource for it. Somebody who does not get there
    /// in time must not keep it for ever.
    pub(super) fn leaving_readers(&self) -> Vec<String> {
        let Some(reference) = &self.object.spec.write_connection_secret_to_ref else {
            return Vec::new();
        };
        let since = self.object.metadata.deletion_timestamp.as_ref();
        let waits =
            since.is_some_and(|since| self.now.duration_since(since.0).unsigned_abs() < OUTLIVING);
        if !K::OUTLIVES_READERS || !waits {
            return Vec::new();
        }
        let namespace = self.object.namespace().unwrap_or_default();
        let directory = &self.controller.runtime.directory;
        directory.leaving_readers(&namespace, &reference.name)
    }

    pub(super) async fn delete(
        &mut self,
        session: &C::Session,
        desired: &Desired<K>,
    ) -> Result<Outcome<K>, Stop> {
        let (name, call) = (&desired.external_name, session.delete(desired));
        self.change(Operation::Delete, name, None, call)
            .await
            .map_err(Stop::at(Stage::Delete))?;
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
    pub(super) async fn finalize(&mut self, keep: bool) -> Result<Outcome<K>, Stop> {
        if let (true, Some(reference)) = (keep, &self.object.spec.write_connection_secret_to_ref) {
            let released = self.controller.store.release(&self.object, reference).await;
            released.map_err(Stop::at(Stage::Publish))?;
        }
        self.writes += 1;
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
}
