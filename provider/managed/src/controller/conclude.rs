//! Around a pass: its time limit before, and after it the status if it differs, the events and the
//! next wake-up.

use std::sync::Arc;

use k8s_openapi::{api::core::v1::ObjectReference, jiff::Timestamp};
use kube::ResourceExt;
use tracing::{info, warn};

use super::Controller;
use crate::{
    cache::name_of,
    condition::{self, READY, SYNCED},
    directory::referent,
    event::{Occurrence, Report},
    external::{Connector, ExternalClient, ExternalError},
    kind::Kind,
    outcome::{Outcome, Stage, next_status, requested},
    persist,
    queue::{Key, Wake},
    reconcile::Pass,
    resource::ManagedResource,
};

impl<K: Kind, C: Connector> Controller<K, C>
where
    C::Session: ExternalClient<K>,
{
    pub(crate) async fn pass(&self, key: &Key) -> Wake {
        let Some(object) = self.cache.get(&key.namespace, &key.name) else {
            self.runtime.dependents.remove(key);
            return Wake::Gone;
        };
        let now = self.runtime.now();
        let pass = Pass::new(self, key, Arc::clone(&object), now);
        let timeout = self.runtime.options.timeout;
        let outcome = tokio::time::timeout(timeout, pass.run())
            .await
            .unwrap_or_else(|_| {
                let error = ExternalError::no_answer_within(timeout);
                self.suspect(&object, &error);
                let mut outcome =
                    Outcome::failed(Stage::Observe, &error, self.runtime.options.poll);
                outcome.generation = object.metadata.generation;
                outcome
            });
        self.conclude(key, &object, outcome, now).await
    }

    /// Status if it differs, events, the next wake-up.
    async fn conclude(
        &self,
        key: &Key,
        before: &ManagedResource<K>,
        outcome: Outcome<K>,
        now: Timestamp,
    ) -> Wake {
        self.runtime.metrics.pass(K::KIND, &outcome.conditions);
        self.report(before, &outcome.occurrences, now);
        let milestones = &self.runtime.metrics.milestones;
        if outcome.wake == Wake::Gone {
            if before.is_deleting() && before.has_finalizer() {
                milestones.deleted(before, now);
            }
            self.runtime.dependents.remove(key);
            return Wake::Gone;
        }
        let Some(object) = self.cache.get(&key.namespace, &key.name) else {
            return Wake::Gone;
        };
        let status = next_status(object.as_ref(), requested(before), &outcome, now);
        milestones.passed(before, &status, &outcome.drift, now);
        if object.status.clone().unwrap_or_default() == status {
            return outcome.wake;
        }
        log_transition(before, &status.conditions);
        match persist::apply_status(&self.api(&key.namespace), object.as_ref(), &status).await {
            Ok(written) => {
                self.runtime.metrics.status_written(K::KIND);
                let written = self.adopt(key, written);
                let stamp = referent(written.as_ref()).stamp;
                let version = written.resource_version().unwrap_or_default();
                self.tell_dependents(&name_of(written.as_ref()), &version, &stamp);
                outcome.wake
            }
            Err(error) if persist::is_status(&error, 404) || persist::is_status(&error, 409) => {
                self.refresh(key).await;
                Wake::Backoff
            }
            Err(error) => {
                warn!(%error, kind = K::KIND, namespace = key.namespace, name = key.name, "cannot write the status");
                Wake::Backoff
            }
        }
    }

    fn report(&self, object: &ManagedResource<K>, occurrences: &[Occurrence], now: Timestamp) {
        let requested = requested(object);
        let handled = object
            .status
            .as_ref()
            .and_then(|status| status.last_handled_reconcile_at.as_deref());
        let acknowledged = (requested.is_some() && requested != handled)
            .then(|| Occurrence::normal("ReconcileRequestHandled", "Handling reconcile request"));
        for occurrence in acknowledged.iter().chain(occurrences) {
            self.runtime.recorder.report(Report {
                regarding: regarding(object),
                external_name: Some(object.external_name().into_owned()),
                occurrence: occurrence.clone(),
                at: now,
            });
        }
    }
}

fn regarding<K: Kind>(object: &ManagedResource<K>) -> ObjectReference {
    ObjectReference {
        api_version: Some(K::api_version()),
        kind: Some(K::KIND.into()),
        name: object.metadata.name.clone(),
        namespace: object.metadata.namespace.clone(),
        uid: object.metadata.uid.clone(),
        resource_version: object.metadata.resource_version.clone(),
        field_path: None,
    }
}

/// One line when Ready or Synced changes, at warn when it is for the worse.
fn log_transition<K: Kind>(before: &ManagedResource<K>, after: &[condition::Condition]) {
    let known = before.conditions();
    for kind in [SYNCED, READY] {
        let (old, new) = (condition::find(known, kind), condition::find(after, kind));
        let Some(new) = new.filter(|new| {
            old.is_none_or(|old| (&old.status, &old.message) != (&new.status, &new.message))
        }) else {
            continue;
        };
        let (namespace, name) = name_of(before);
        let (status, reason, message) = (&new.status, &new.reason, &new.message);
        if new.reason == "ReconcileError" {
            warn!(
                kind = K::KIND,
                namespace,
                name,
                condition = kind,
                status,
                reason,
                message,
                "condition changed"
            );
        } else {
            info!(
                kind = K::KIND,
                namespace,
                name,
                condition = kind,
                status,
                reason,
                message,
                "condition changed"
            );
        }
    }
}
