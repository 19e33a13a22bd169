//! Around a pass: its budget before, and after it the status if it differs, the events and the next
//! wake-up.

use std::sync::Arc;

use k8s_openapi::{api::core::v1::ObjectReference, jiff::Timestamp};
use kube::ResourceExt;
use tracing::{info, warn};

use super::Controller;
use crate::{
    cache::name_of,
    condition::{self, Condition, READY, SYNCED},
    directory::referent,
    event::{Occurrence, Report},
    external::{Connector, ExternalClient},
    kind::Kind,
    outcome::{Outcome, next_status, requested},
    persist,
    queue::{Key, Wake},
    reconcile::{Budget, Pass},
    resource::{ManagedResource, RECONCILE_REQUESTED},
};

impl<K: Kind, C: Connector> Controller<K, C>
where
    C::Session: ExternalClient<K>,
{
    pub(crate) async fn pass(&self, key: &Arc<Key>) -> Wake {
        let Some(object) = self.cache.get(&key.namespace, &key.name) else {
            self.runtime.dependents.remove(key);
            return Wake::Gone;
        };
        if !self.manages(&object) {
            self.know_no_more(&object);
            self.runtime.dependents.remove(key);
            return Wake::Gone;
        }
        let now = self.runtime.now();
        let _under_way = self.runtime.metrics.controllers.pass::<K>();
        let budget = Budget::starting_now(self.runtime.options.timeout);
        let pass = Pass::new(self, key, Arc::clone(&object), now, budget);
        let outcome = pass.run().await;
        let wake = outcome.wake;
        let concluded = self.conclude(key, &object, outcome, now);
        let concluded = tokio::time::timeout_at(budget.status_ends(), concluded).await;
        if self.cache.get(&key.namespace, &key.name).is_some() {
            self.memory.passed(&object);
        }
        concluded.unwrap_or_else(|_| {
            let (namespace, name) = (&key.namespace, &key.name);
            warn!(
                kind = K::KIND,
                namespace, name, "the status was not written in time"
            );
            if wake == Wake::Gone {
                wake
            } else {
                Wake::Backoff
            }
        })
    }

    /// Status if it differs, events, the next wake-up.
    async fn conclude(
        &self,
        key: &Arc<Key>,
        before: &ManagedResource<K>,
        outcome: Outcome<K>,
        now: Timestamp,
    ) -> Wake {
        self.count(&outcome);
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
        let is_news = object.status.clone().unwrap_or_default() != status;
        let writes = outcome.writes + u32::from(is_news);
        self.runtime.metrics.wrote(K::KIND, writes);
        if !is_news {
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

    fn count(&self, outcome: &Outcome<K>) {
        let metrics = &self.runtime.metrics;
        metrics.pass(K::KIND, &outcome.conditions);
        metrics
            .controllers
            .ended::<K>(outcome.failure.is_some(), outcome.wake);
        if let Some((stage, class)) = outcome.failure {
            metrics.failed::<K>(stage.operation(), class);
        }
    }

    fn report(&self, object: &ManagedResource<K>, occurrences: &[Occurrence], now: Timestamp) {
        let requested = requested(object);
        let handled = object
            .status
            .as_ref()
            .and_then(|status| status.last_handled_reconcile_at.as_deref());
        let acknowledged = requested
            .filter(|token| Some(*token) != handled)
            .map(|token| {
                Occurrence::normal("ReconcileRequestHandled", "Handling reconcile request")
                    .noting(RECONCILE_REQUESTED, token)
            });
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
fn log_transition<K: Kind>(before: &ManagedResource<K>, after: &[Condition]) {
    let (namespace, name) = name_of(before);
    for new in transitions(before.conditions(), after) {
        let (condition, status, reason) = (&new.type_, &new.status, &new.reason);
        // A field `message` would be twice in a line of JSON.
        let (kind, detail) = (K::KIND, &new.message);
        if new.reason == "ReconcileError" {
            warn!(
                kind,
                namespace, name, condition, status, reason, detail, "condition changed"
            );
        } else {
            info!(
                kind,
                namespace, name, condition, status, reason, detail, "condition changed"
            );
        }
    }
}

/// Ready and Synced where they say something else than before.
fn transitions<'a>(before: &[Condition], after: &'a [Condition]) -> Vec<&'a Condition> {
    let says = |condition: &Condition| (condition.status.clone(), condition.message.clone());
    [SYNCED, READY]
        .into_iter()
        .filter_map(|kind| condition::find(after, kind))
        .filter(|new| condition::find(before, &new.type_).map(says) != Some(says(new)))
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::condition::{Claim, set};

    fn conditions(claims: &[Claim]) -> Vec<Condition> {
        let mut conditions = Vec::new();
        for claim in claims {
            set(
                &mut conditions,
                claim.clone(),
                Some(1),
                Timestamp::UNIX_EPOCH,
            );
        }
        conditions
    }

    #[test]
    fn a_transition_is_logged_once_and_a_steady_failure_is_not_logged_again() {
        let good = conditions(&[Claim::synced(), Claim::available(), Claim::matched()]);
        let bad = conditions(&[Claim::failed("broken"), Claim::available()]);
        let worse = conditions(&[Claim::failed("gone"), Claim::available()]);
        let logged = |before: &[Condition], after: &[Condition]| {
            let lines = transitions(before, after);
            lines
                .iter()
                .map(|line| line.message.clone())
                .collect::<Vec<_>>()
        };
        assert_eq!(logged(&[], &good), ["", ""]);
        assert_eq!(logged(&good, &bad), ["broken"]);
        assert_eq!(logged(&bad, &bad), [""; 0]);
        assert_eq!(logged(&bad, &worse), ["gone"]);
        assert_eq!(logged(&worse, &good), [""]);
    }
}
