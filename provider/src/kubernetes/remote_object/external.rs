//! Reads the object, applies the manifest, takes it back.
//!
//! Needs in the remote cluster: get, create, patch and delete on the kind, as the kubeconfig gives it.

use managed::{
    ConnectionDetails, Drift,
    external::{Desired, ExternalClient, ExternalError, Failure, Observation, Readiness},
};
use serde_json::Value as Json;

use super::{
    Adopt, DeletionPolicy, RemoteObject, RemoteObjectObservation, difference, readiness,
    wanted::Wanted,
};
use crate::{
    kubeconfig::{Error, Reason, Remote},
    kubernetes::{
        Session,
        manifest::{Mark, Ownership},
        object::ObjectRef,
        source,
    },
};

/// How often it is tried when the object's own controller writes in between.
const ATTEMPTS: u32 = 5;

impl ExternalClient<RemoteObject> for Session {
    async fn observe(
        &self,
        desired: &Desired<RemoteObject>,
    ) -> Result<Observation<RemoteObject>, ExternalError> {
        if desired.deleting {
            return self.observe_leaving(desired).await;
        }
        let wanted = Wanted::of(desired)?;
        let (endpoint, remote) = self.cluster(desired)?;
        let Some(live) = remote.get(&wanted.object).await.map_err(not_served)? else {
            return Ok(Observation::Absent);
        };
        check(desired, &wanted.object, &live)?;
        let ready = readiness::judge(&desired.parameters.readiness, &live);
        let observed = at_provider(&wanted.object, &endpoint, &live);
        Ok(Observation::present(observed, difference::drift(&wanted, &live)).being(ready))
    }

    async fn create(
        &self,
        desired: &Desired<RemoteObject>,
    ) -> Result<ConnectionDetails, ExternalError> {
        let wanted = Wanted::of(desired)?;
        let (_, remote) = self.cluster(desired)?;
        for _ in 1..ATTEMPTS {
            match apply(desired, &wanted, &remote).await? {
                Err(error) if error.is(Reason::Conflict) => {}
                applied => return finished(&wanted, applied),
            }
        }
        finished(&wanted, apply(desired, &wanted, &remote).await?)
    }

    async fn update(
        &self,
        desired: &Desired<RemoteObject>,
        _drift: &[Drift],
    ) -> Result<ConnectionDetails, ExternalError> {
        self.create(desired).await
    }

    async fn delete(&self, desired: &Desired<RemoteObject>) -> Result<(), ExternalError> {
        let Some((remote, object, live)) = self.leaving(desired).await? else {
            return Ok(());
        };
        let uid = live["metadata"]["uid"].as_str().unwrap_or_default();
        match desired.parameters.deletion_policy {
            DeletionPolicy::Delete => Ok(remote.delete(&object, uid).await?),
            DeletionPolicy::Orphan => Ok(remote.release(&object, uid).await?),
        }
    }
}

impl Session {
    fn cluster(&self, desired: &Desired<RemoteObject>) -> Result<(String, Remote), ExternalError> {
        let access = source::access(&desired.parameters.source(), &desired.inputs)?;
        let remote = self.remotes().open(&access)?;
        Ok((access.server, remote))
    }

    async fn observe_leaving(
        &self,
        desired: &Desired<RemoteObject>,
    ) -> Result<Observation<RemoteObject>, ExternalError> {
        Ok(match self.leaving(desired).await? {
            None => Observation::Absent,
            Some((_, object, live)) => {
                let endpoint = desired.last.endpoint.clone().unwrap_or_default();
                let observed = at_provider(&object, &endpoint, &live);
                Observation::present(observed, Vec::new()).being(going(&live))
            }
        })
    }

    /// The object of a resource on its way out, if it is there and this resource's.
    async fn leaving(
        &self,
        desired: &Desired<RemoteObject>,
    ) -> Result<Option<(Remote, ObjectRef, Json)>, ExternalError> {
        let Some(object) = ObjectRef::of(&desired.parameters.manifest) else {
            return Ok(None);
        };
        let source = desired.parameters.source();
        let Some(access) = self.last_access(&desired.owner.namespace, &source).await? else {
            return Ok(None);
        };
        let remote = self.remotes().open(&access)?;
        let live = match remote.get(&object).await {
            Ok(live) => live,
            Err(error) if error.is(Reason::NotFound) => None,
            Err(_) if desired.parameters.deletion_policy == DeletionPolicy::Orphan => None,
            Err(error) => return Err(error.into()),
        };
        let mine = |live: &Json| Mark::of(&desired.owner).judge(live) == Ownership::Mine;
        Ok(live.filter(mine).map(|live| (remote, object, live)))
    }
}

/// Looks, checks whose it is, and applies. The outer result is the check's, the inner the server's.
async fn apply(
    desired: &Desired<RemoteObject>,
    wanted: &Wanted,
    remote: &Remote,
) -> Result<Result<Json, Error>, ExternalError> {
    let mut manifest = wanted.manifest.clone();
    if let Some(live) = remote.get(&wanted.object).await? {
        check(desired, &wanted.object, &live)?;
        // Nobody may take it over between the check and the change.
        manifest["metadata"]["resourceVersion"] = live["metadata"]["resourceVersion"].clone();
    }
    Ok(remote.apply(&wanted.object, &manifest).await)
}

fn finished(
    wanted: &Wanted,
    applied: Result<Json, Error>,
) -> Result<ConnectionDetails, ExternalError> {
    applied.map_err(|error| withheld(wanted, error))?;
    Ok(ConnectionDetails::none())
}

fn check(
    desired: &Desired<RemoteObject>,
    object: &ObjectRef,
    live: &Json,
) -> Result<(), ExternalError> {
    let name = object.to_string();
    let adopt = desired.parameters.adopt == Adopt::IfUnowned;
    Mark::of(&desired.owner).judge(live).check(&name, adopt)?;
    if live["metadata"]["deletionTimestamp"].is_null() {
        return Ok(());
    }
    Err(ExternalError::blocked(
        &name,
        format!("{name} is being deleted"),
        "wait; it is made again when it is gone",
    ))
}

fn going(live: &Json) -> Readiness {
    let finalizers = live["metadata"]["finalizers"]
        .as_array()
        .into_iter()
        .flatten();
    let finalizers: Vec<_> = finalizers.filter_map(Json::as_str).collect();
    Readiness::NotReady(format!(
        "waits for its finalizers: {}",
        finalizers.join(", ")
    ))
}

fn at_provider(object: &ObjectRef, endpoint: &str, live: &Json) -> RemoteObjectObservation {
    RemoteObjectObservation {
        object: Some(object.to_string()),
        endpoint: Some(endpoint.to_owned()).filter(|endpoint| !endpoint.is_empty()),
        uid: live["metadata"]["uid"].as_str().map(str::to_owned),
        generation: live["metadata"]["generation"].as_i64(),
        object_conditions: readiness::conditions(live),
    }
}

fn not_served(error: Error) -> ExternalError {
    if !error.is(Reason::NotFound) {
        return error.into();
    }
    ExternalError::blocked(
        "its kind",
        error.to_string(),
        "install the CRD in that cluster",
    )
}

/// The server quotes what it refuses.
fn withheld(wanted: &Wanted, error: Error) -> ExternalError {
    if !wanted.is_quoted_in(&error.to_string()) {
        return error.into();
    }
    let cause = format!(
        "cannot apply {}: the server refuses a secret value",
        wanted.object
    );
    ExternalError::Invalid(Failure::new(cause, "correct the Secrets behind values"))
}
