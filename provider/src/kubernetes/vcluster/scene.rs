//! What is to be and what is: the manifests beside the objects that were found. Pure.

use std::collections::BTreeSet;

use managed::{Drift, external::ExternalError};
use serde_json::Value;

use super::{
    compare, manifest::Manifest, observation::Part, ownership::Ownership, profile::Version,
    rollout, target::Target,
};

/// Annotation of the control plane's pods with the UID of the Service.
const SERVICE: &str = "kubernetes.pnats.cloud/service-uid";

/// An object as it is to be, and as it was found.
#[derive(Clone, Debug)]
pub(super) struct Piece {
    /// As it is to be.
    pub(super) manifest: Manifest,
    /// As it was found.
    pub(super) live: Option<Value>,
}

/// All objects of a virtual cluster.
#[derive(Clone, Debug)]
pub(super) struct Scene {
    /// Those that are to be, in the order of applying.
    pub(super) pieces: Vec<Piece>,
    /// Those of this resource that are not to be any more.
    pub(super) leftovers: Vec<(Part, Value)>,
    /// Claims of the control plane and of etcd.
    pub(super) claims: Vec<Value>,
}

impl Scene {
    /// The scene, from the manifests and what was found of each.
    pub(super) fn of(
        target: &Target<'_>,
        manifests: Vec<Manifest>,
        found: Vec<Option<Value>>,
        leftovers: Vec<(Part, Value)>,
    ) -> Self {
        let pieces = manifests.into_iter().zip(found);
        let pieces = pieces.map(|(manifest, live)| Piece {
            manifest: match &live {
                Some(live) => settled(target, manifest, live),
                None => manifest,
            },
            live,
        });
        let mut pieces: Vec<_> = pieces.collect();
        if let Some(service) = service(&pieces, target.name) {
            for piece in &mut pieces {
                piece.hang_on(&service);
            }
        }
        let is_mine =
            |(_, live): &(Part, Value)| Ownership::of(live, target.owner) == Ownership::Mine;
        Self {
            pieces,
            leftovers: leftovers.into_iter().filter(is_mine).collect(),
            claims: Vec::new(),
        }
    }

    /// Whether nothing of this resource is there.
    pub(super) fn is_absent(&self, owner: &str) -> bool {
        let mut found = self.pieces.iter().filter_map(|piece| piece.live.as_ref());
        self.leftovers.is_empty()
            && !found.any(|live| Ownership::of(live, owner) == Ownership::Mine)
    }

    /// Refuses objects of others, and a version that cannot be reached from the one that runs.
    pub(super) fn check(&self, target: &Target<'_>) -> Result<(), ExternalError> {
        for piece in &self.pieces {
            if let Some(live) = &piece.live {
                let policy = target.parameters.adoption_policy;
                let part = &piece.manifest.part;
                Ownership::of(live, target.owner).check(policy, part, target.namespace)?;
            }
        }
        let running = self.version().map(|version| Version::parse(&version));
        match running {
            Some(Ok(running)) => running.check_upgrade(Version::parse(&target.parameters.version)?),
            // What does not say its version is from before there were any, or was edited by hand.
            _ => Ok(()),
        }
    }

    /// The fields that differ, and the objects that are missing or too many.
    pub(super) fn drift(&self, size: &str) -> Vec<Drift> {
        let mut drift: Vec<_> = self.pieces.iter().flat_map(Piece::drift).collect();
        drift.extend(self.leftovers.iter().map(|(part, _)| {
            Drift::plain(format!("{}/{}", part.kind, part.name), "absent", "present")
        }));
        let small = rollout::too_small(&self.claims, size);
        drift.extend(small.into_iter().map(|(name, found)| {
            Drift::plain(
                format!("PersistentVolumeClaim/{name}.spec.resources.requests.storage"),
                size,
                found,
            )
        }));
        drift
    }

    /// The object of this kind and name as it was found.
    pub(super) fn live(&self, kind: &str, name: &str) -> Option<&Value> {
        let part =
            |piece: &&Piece| piece.manifest.part.kind == kind && piece.manifest.part.name == name;
        self.pieces.iter().find(part)?.live.as_ref()
    }

    /// The control plane's workload as it was found.
    pub(super) fn workload(&self, target: &Target<'_>) -> Option<&Value> {
        self.live(target.workload_kind(), target.name)
    }

    /// Kinds and names of what was found.
    pub(super) fn parts(&self) -> Vec<Part> {
        let found = self.pieces.iter().filter(|piece| piece.live.is_some());
        let found: BTreeSet<_> = found.map(|piece| piece.manifest.part.clone()).collect();
        found.into_iter().collect()
    }

    /// Version of vCluster that the workload was last told to run.
    pub(super) fn version(&self) -> Option<String> {
        let workload = self.pieces.iter().find(|piece| piece.is_workload())?;
        let label = workload.live.as_ref()?["metadata"]["labels"]["chart"].as_str()?;
        Some(label.strip_prefix("vcluster-")?.to_owned())
    }
}

impl Piece {
    /// Whether it is the control plane's workload.
    pub(super) fn is_workload(&self) -> bool {
        let is_workload = matches!(
            self.manifest.part.kind.as_str(),
            "StatefulSet" | "Deployment"
        );
        is_workload && self.manifest.body["metadata"]["labels"]["app"] == "vcluster"
    }

    /// Lets the control plane's pods name the Service that their certificates and kubeconfig belong to.
    /// With a Service that was deleted by hand these are gone, too, and a start is what makes them anew.
    pub(super) fn hang_on(&mut self, service: &Value) {
        let uid = &service["metadata"]["uid"];
        let annotations = "/spec/template/metadata/annotations";
        if self.is_workload()
            && uid.is_string()
            && let Some(annotations) = self.manifest.body.pointer_mut(annotations)
        {
            annotations[SERVICE] = uid.clone();
        }
    }

    /// The fields that differ.
    pub(super) fn drift(&self) -> Vec<Drift> {
        if let Some(live) = &self.live {
            return compare::differences(&self.manifest, live);
        }
        let part = self.manifest.part.to_string();
        vec![Drift::plain(part, "present", "absent")]
    }
}

fn service(pieces: &[Piece], name: &str) -> Option<Value> {
    let part = Part::new("Service", name);
    let service = pieces.iter().find(|piece| piece.manifest.part == part)?;
    service.live.clone()
}

/// The manifest as it can be applied to what is there: the claims of a `StatefulSet` cannot change, and
/// its replicas are left to whoever paused it by hand.
fn settled(target: &Target<'_>, mut manifest: Manifest, live: &Value) -> Manifest {
    let Some(spec) = manifest.body.get_mut("spec").and_then(Value::as_object_mut) else {
        return manifest;
    };
    if let Some(claims) = spec.get_mut("volumeClaimTemplates")
        && let Some(found) = live["spec"].get("volumeClaimTemplates")
    {
        *claims = without_status(found);
    }
    if target.parameters.paused.is_none() && rollout::is_paused_by_hand(live) {
        spec.remove("replicas");
    }
    manifest
}

fn without_status(claims: &Value) -> Value {
    let mut claims = claims.clone();
    for claim in claims.as_array_mut().into_iter().flatten() {
        if let Some(claim) = claim.as_object_mut() {
            claim.remove("status");
        }
    }
    claims
}

#[cfg(test)]
mod tests;
