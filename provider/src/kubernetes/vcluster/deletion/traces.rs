//! What is found of a virtual cluster beside the objects that were applied.

use serde_json::Value;

use super::Departure;
use crate::{
    kubeconfig::Error,
    kubernetes::vcluster::{ClaimDeletion, observation::Part, ownership::Ownership, target::OWNER},
};

/// What users of the virtual cluster may have in its namespace.
const TENANTS: [&str; 5] = [
    "Pod",
    "PersistentVolumeClaim",
    "Service",
    "Secret",
    "ConfigMap",
];

/// vCluster cuts longer names of its leases here, and adds a hash.
const LONGEST_LEASE: usize = 52;

impl Departure<'_> {
    pub(super) async fn pod(&self, app: &str) -> Result<Option<String>, Error> {
        if self.is_of_others().await? {
            return Ok(None);
        }
        let labels = format!("app={app},release={}", self.name());
        let pods = self.place.list("Pod", &labels).await?;
        Ok(pods.first().map(|pod| self.named(&part_of("Pod", pod))))
    }

    /// Something of the virtual cluster's users, or of the control plane's own making, that garbage
    /// collection has not come to yet.
    pub(super) async fn tenant(&self) -> Result<Option<String>, Error> {
        if self.is_of_others().await? {
            return Ok(None);
        }
        let labels = format!("vcluster.loft.sh/managed-by={}", self.name());
        for kind in TENANTS {
            if let Some(object) = self.place.list(kind, &labels).await?.first() {
                return Ok(Some(self.named(&part_of(kind, object))));
            }
        }
        for secret in [
            format!("vc-{}", self.name()),
            format!("{}-certs", self.name()),
        ] {
            let part = Part::new("Secret", &secret);
            if self.place.read(&part).await?.is_some() {
                return Ok(Some(self.named(&part)));
            }
        }
        Ok(None)
    }

    /// Whether a virtual cluster of the same name stays here that is not this resource's.
    pub(super) async fn is_of_others(&self) -> Result<bool, Error> {
        let service = self.place.read(&Part::new("Service", self.name())).await?;
        Ok(service.is_some_and(|live| Ownership::of(&live, self.owner()) != Ownership::Mine))
    }

    pub(super) async fn claims(&self) -> Result<Vec<(Part, Value)>, Error> {
        if self.desired.parameters.persistence.on_delete == ClaimDeletion::Retain {
            return Ok(Vec::new());
        }
        let kind = "PersistentVolumeClaim";
        let labels = format!("{OWNER}={}", self.owner());
        let claims = self.place.list(kind, &labels).await?.into_iter();
        Ok(claims.map(|claim| (part_of(kind, &claim), claim)).collect())
    }

    /// By which the control planes choose who leads, and who renews certificates.
    pub(super) async fn leases(&self) -> Result<Vec<(Part, Value)>, Error> {
        if self.is_of_others().await? {
            return Ok(Vec::new());
        }
        let mut prefix = format!("vcluster-{}-", self.name());
        prefix.truncate(LONGEST_LEASE);
        let leases = self.place.list("Lease", "").await?.into_iter();
        let leases = leases.map(|lease| (part_of("Lease", &lease), lease));
        Ok(leases
            .filter(|(part, _)| part.name.starts_with(&prefix))
            .collect())
    }

    /// Whether somebody else keeps something in the namespace.
    pub(super) async fn holds_others(&self) -> Result<bool, Error> {
        for kind in TENANTS.into_iter().chain(["StatefulSet", "Deployment"]) {
            let objects = self.place.list(kind, "").await?;
            // Every namespace has this one, made by Kubernetes itself.
            if objects
                .iter()
                .any(|object| object["metadata"]["name"] != "kube-root-ca.crt")
            {
                return Ok(true);
            }
        }
        Ok(false)
    }
}

fn part_of(kind: &str, object: &Value) -> Part {
    Part::new(
        kind,
        object["metadata"]["name"].as_str().unwrap_or_default(),
    )
}
