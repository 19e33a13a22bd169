//! The end of a virtual cluster.
//!
//! | step | what goes | before the next step |
//! |---|---|---|
//! | 1 | the control plane's workload | its pods are gone: a syncer would make things again |
//! | 2 | the Service that everything inside hangs on | the host's garbage collection is through |
//! | 3 | everything else that was applied, last applied first | etcd's pods are gone |
//! | 4 | the claims, when they are not to stay | they are gone |
//! | 5 | the namespace, when it was made for this and holds nothing else | it is gone |
//!
//! Each step is found anew by looking, so being cut off anywhere does no harm. Only what carries this
//! resource's mark is touched, and no finalizer of others is removed: what it holds up is named.

mod traces;

use std::time::Duration;

use managed::external::{Desired, ExternalError};
use serde_json::Value;
use tokio::time::Instant;

use super::{
    VCluster,
    manifest::{self, Host},
    observation::Part,
    ownership::Ownership,
    place::Place,
    target::{OWNER, Target},
    visit::{explained, place},
};
use crate::{kubeconfig::Error, kubernetes::Session};

/// How long one pass waits for what was deleted to go.
const PATIENCE: Duration = Duration::from_secs(25);
const PAUSE: Duration = Duration::from_millis(300);
/// A virtual cluster on its way out.
pub(super) struct Departure<'a> {
    session: &'a Session,
    desired: &'a Desired<VCluster>,
    namespace: &'a str,
    place: Place,
}

/// What comes next.
#[derive(Debug)]
enum Next {
    /// These objects are deleted.
    Delete(Vec<(Part, Value)>),
    /// The namespace is deleted.
    DeleteNamespace,
    /// This has to go first.
    Wait(String),
    /// Nothing is left.
    Done,
}

impl<'a> Departure<'a> {
    /// The departure of what was made for this resource. Sends nothing.
    pub(super) fn of(
        session: &'a Session,
        desired: &'a Desired<VCluster>,
    ) -> Result<Self, ExternalError> {
        Ok(Self {
            session,
            desired,
            namespace: super::target::namespace(&desired.parameters, &desired.owner.namespace),
            place: place(session, desired)?,
        })
    }

    /// Something that is left, or `None`.
    pub(super) async fn left(&self) -> Result<Option<String>, ExternalError> {
        let next = self.explained(self.next().await).await?;
        Ok(match next {
            Next::Delete(parts) => parts.first().map(|(part, _)| self.named(part)),
            Next::DeleteNamespace => Some(format!("Namespace {}", self.namespace)),
            Next::Wait(what) => Some(what),
            Next::Done => None,
        })
    }

    /// Takes steps until nothing is left or patience ends.
    pub(super) async fn carry_out(&self) -> Result<(), ExternalError> {
        let stepped = self.steps(Instant::now() + PATIENCE).await;
        match self.explained(stepped).await? {
            None => Ok(()),
            Some(what) => Err(ExternalError::blocked(
                what.clone(),
                format!("{what} is still there"),
                "look for finalizers that nobody removes",
            )),
        }
    }

    async fn explained<T>(&self, outcome: Result<T, Error>) -> Result<T, ExternalError> {
        let parameters = &self.desired.parameters;
        explained(self.session, self.namespace, parameters, outcome).await
    }

    async fn steps(&self, end: Instant) -> Result<Option<String>, Error> {
        loop {
            match self.next().await? {
                Next::Done => return Ok(None),
                Next::Wait(what) if Instant::now() >= end => return Ok(Some(what)),
                Next::Wait(_) => tokio::time::sleep(PAUSE).await,
                Next::DeleteNamespace => self.place.remove().await?,
                Next::Delete(objects) => {
                    for (part, live) in &objects {
                        self.place.delete(part, live).await?;
                    }
                }
            }
        }
    }

    async fn next(&self) -> Result<Next, Error> {
        let found = self.found().await?;
        let (workloads, others): (Vec<_>, Vec<_>) = found
            .into_iter()
            .partition(|(part, _)| self.is_control_plane(part));
        let (services, others): (Vec<_>, Vec<_>) = others
            .into_iter()
            .partition(|(part, _)| *part == Part::new("Service", self.name()));
        if let Some(next) = self.removal(workloads) {
            return Ok(next);
        }
        if let Some(pod) = self.pod("vcluster").await? {
            return Ok(Next::Wait(pod));
        }
        if let Some(next) = self.removal(services) {
            return Ok(next);
        }
        if let Some(tenant) = self.tenant().await? {
            return Ok(Next::Wait(tenant));
        }
        if let Some(next) = self.removal([others, self.leases().await?].concat()) {
            return Ok(next);
        }
        if let Some(pod) = self.pod("vcluster-etcd").await? {
            return Ok(Next::Wait(pod));
        }
        match self.removal(self.claims().await?) {
            Some(next) => Ok(next),
            None => self.namespace().await,
        }
    }

    /// What of these is to be deleted, or else waited for.
    fn removal(&self, objects: Vec<(Part, Value)>) -> Option<Next> {
        let is_leaving = |live: &Value| !live["metadata"]["deletionTimestamp"].is_null();
        let (leaving, staying): (Vec<_>, Vec<_>) =
            objects.into_iter().partition(|(_, live)| is_leaving(live));
        if !staying.is_empty() {
            return Some(Next::Delete(staying));
        }
        let (part, _) = leaving.first()?;
        Some(Next::Wait(self.named(part)))
    }

    /// What was applied for this resource and is still there, last applied first.
    async fn found(&self) -> Result<Vec<(Part, Value)>, Error> {
        let manifests = Target::of(self.desired)
            .and_then(|target| manifest::all(&target, Host::default()))
            .unwrap_or_default();
        let mut parts: Vec<Part> = manifests
            .into_iter()
            .map(|manifest| manifest.part)
            .collect();
        parts.reverse();
        for part in self
            .desired
            .ledger
            .iter()
            .filter_map(|entry| entry.parse().ok())
        {
            if !parts.contains(&part) {
                parts.push(part);
            }
        }
        let live = futures::future::try_join_all(parts.iter().map(|part| self.place.read(part)));
        let live = live.await?;
        let found = parts.into_iter().zip(live);
        let found = found.filter_map(|(part, live)| Some((part, live?)));
        Ok(found
            .filter(|(_, live)| Ownership::of(live, self.owner()) == Ownership::Mine)
            .collect())
    }

    fn is_control_plane(&self, part: &Part) -> bool {
        matches!(part.kind.as_str(), "StatefulSet" | "Deployment") && part.name == self.name()
    }

    async fn namespace(&self) -> Result<Next, Error> {
        if !self.desired.parameters.create_namespace {
            return Ok(Next::Done);
        }
        match self.place.itself().await? {
            Some(live) if live["metadata"]["labels"][OWNER] != self.owner() => Ok(Next::Done),
            Some(live) if !live["metadata"]["deletionTimestamp"].is_null() => {
                Ok(Next::Wait(format!("Namespace {}", self.namespace)))
            }
            Some(_) if self.holds_others().await? => Ok(Next::Done),
            Some(_) => Ok(Next::DeleteNamespace),
            None => Ok(Next::Done),
        }
    }

    fn named(&self, part: &Part) -> String {
        format!("{} {}/{}", part.kind, self.namespace, part.name)
    }

    fn name(&self) -> &str {
        &self.desired.external_name
    }

    fn owner(&self) -> &str {
        &self.desired.owner.uid
    }
}
