//! One pass over a virtual cluster in its namespace: reading, refusing, applying.
//!
//! Everything that could refuse is looked at before the first write. Applying is the same for a new
//! virtual cluster and for one that differs, and may be cut off and repeated anywhere.

use std::collections::BTreeSet;

use futures::future::try_join_all;
use managed::external::{Desired, ExternalError};
use serde_json::json;

use super::{
    AdoptionPolicy, ExistingClaims, RbacMode, VCluster, VClusterParameters,
    manifest::{self, Host},
    observation::Part,
    place::Place,
    profile::host_minor,
    report::Look,
    rights, rollout,
    scene::{Piece, Scene},
    target::{OWNER, Target, namespace},
};
use crate::{
    kubeconfig::{Error, probe},
    kubernetes::Session,
};

/// A pass.
pub(super) struct Visit<'a> {
    session: &'a Session,
    ledger: &'a BTreeSet<String>,
    place: Place,
    /// What is to be.
    pub(super) target: Target<'a>,
}

impl<'a> Visit<'a> {
    /// A pass over what is asked for. Sends nothing.
    pub(super) fn to(
        session: &'a Session,
        desired: &'a Desired<VCluster>,
    ) -> Result<Self, ExternalError> {
        Ok(Self {
            session,
            ledger: &desired.ledger,
            place: place(session, desired)?,
            target: Target::of(desired)?,
        })
    }

    /// What is to be and what is.
    pub(super) async fn scene(&self) -> Result<Scene, ExternalError> {
        let manifests = manifest::all(&self.target, self.host().await?)?;
        let known: BTreeSet<_> = manifests
            .iter()
            .map(|manifest| manifest.part.to_string())
            .collect();
        let former: Vec<Part> = self
            .ledger
            .difference(&known)
            .filter_map(|entry| entry.parse().ok())
            .collect();
        let read = async {
            let parts = manifests.iter().map(|manifest| &manifest.part);
            let found = try_join_all(parts.map(|part| self.place.read(part))).await?;
            let left = try_join_all(former.iter().map(|part| self.place.read(part))).await?;
            let claims = self.claims().await?;
            Ok((found, left, claims))
        };
        let (found, left, claims) = self.explained(read.await).await?;
        let left = former.into_iter().zip(left);
        let left = left.filter_map(|(part, live)| Some((part, live?)));
        let mut scene = Scene::of(&self.target, manifests, found, left.collect());
        scene.claims = claims;
        Ok(scene)
    }

    /// The host cluster as far as the manifests depend on it.
    async fn host(&self) -> Result<Host, ExternalError> {
        if self.target.parameters.rbac.mode != RbacMode::Managed {
            return Ok(Host::default());
        }
        let version = probe::version(self.place.client()).await;
        let version = self.explained(version).await?;
        let minor = version.trim_start_matches('v').split('.').nth(1);
        Ok(Host {
            minor: minor.and_then(host_minor),
        })
    }

    async fn claims(&self) -> Result<Vec<serde_json::Value>, Error> {
        if !self.target.has_claims() {
            return Ok(Vec::new());
        }
        let labels = format!(
            "app in (vcluster,vcluster-etcd),release={}",
            self.target.name
        );
        self.place.list("PersistentVolumeClaim", &labels).await
    }

    /// Refuses a namespace that another virtual cluster, vCluster Platform or the volumes of an earlier
    /// virtual cluster occupy.
    pub(super) async fn check_vacant(&self) -> Result<(), ExternalError> {
        let occupants = async {
            let mut occupants = Vec::new();
            for kind in ["StatefulSet", "Deployment"] {
                occupants.extend(self.place.list(kind, "app=vcluster").await?);
            }
            Ok(occupants)
        };
        let occupants = self.explained(occupants.await).await?;
        let names = occupants
            .iter()
            .map(|live| live["metadata"]["name"].as_str());
        if let Some(other) = names.flatten().find(|name| *name != self.target.name) {
            return Err(self.occupied(&format!("vCluster {other}")));
        }
        let platform = Part::new("Service", "loft");
        if self
            .explained(self.place.read(&platform).await)
            .await?
            .is_some()
        {
            return Err(self.occupied("vCluster Platform"));
        }
        self.check_claims().await
    }

    fn occupied(&self, by: &str) -> ExternalError {
        ExternalError::blocked(
            by,
            format!("namespace {} is occupied by {by}", self.target.namespace),
            "give the virtual cluster a namespace of its own",
        )
    }

    async fn check_claims(&self) -> Result<(), ExternalError> {
        let claims = self.explained(self.claims().await).await?;
        let is_foreign =
            |claim: &&serde_json::Value| claim["metadata"]["labels"][OWNER] != self.target.owner;
        let Some(claim) = claims.iter().find(is_foreign) else {
            return Ok(());
        };
        let parameters = self.target.parameters;
        let is_wanted = parameters.persistence.existing_claims == ExistingClaims::Reuse
            || parameters.adoption_policy != AdoptionPolicy::Never;
        if is_wanted {
            return Ok(());
        }
        let name = claim["metadata"]["name"].as_str().unwrap_or_default();
        let by = format!("PersistentVolumeClaim {}/{name}", self.target.namespace);
        Err(ExternalError::blocked(
            by.clone(),
            format!("{by} holds the objects of an earlier virtual cluster"),
            "delete it, or set persistence.existingClaims to Reuse",
        ))
    }

    /// Makes the namespace if that is asked for, and takes over claims that may be used again.
    pub(super) async fn prepare(&self) -> Result<(), ExternalError> {
        let prepared = async {
            if self.target.parameters.create_namespace && self.place.itself().await?.is_none() {
                self.place.make(self.target.owner).await?;
            }
            let label = json!({"metadata": {"labels": {OWNER: self.target.owner}}});
            for claim in self.claims().await? {
                let name = claim["metadata"]["name"].as_str().unwrap_or_default();
                let part = Part::new("PersistentVolumeClaim", name);
                self.place.merge(&part, &label).await?;
            }
            Ok(())
        };
        self.explained(prepared.await).await
    }

    /// Applies what differs, in order; then takes away what is not to be any more.
    pub(super) async fn converge(&self) -> Result<(), ExternalError> {
        let scene = self.scene().await?;
        scene.check(&self.target)?;
        let converged = async {
            for piece in scene
                .pieces
                .iter()
                .filter(|piece| !piece.drift().is_empty())
            {
                self.make_way(piece).await?;
                self.apply(&scene, piece).await?;
            }
            for (part, live) in &scene.leftovers {
                self.place.delete(part, live).await?;
            }
            self.grow(&scene).await
        };
        self.explained(converged.await).await
    }

    /// A workload that comes with a new Service gets to know it before it starts.
    async fn apply(&self, scene: &Scene, piece: &Piece) -> Result<(), Error> {
        let name = self.target.name;
        if !piece.is_workload() || scene.live("Service", name).is_some() {
            return self.place.apply(&piece.manifest).await;
        }
        let mut piece = piece.clone();
        let service = self.place.read(&Part::new("Service", name)).await?;
        piece.hang_on(&service.unwrap_or_default());
        self.place.apply(&piece.manifest).await
    }

    /// The role of a binding cannot change, so a binding to another role is deleted first.
    async fn make_way(&self, piece: &Piece) -> Result<(), Error> {
        match &piece.live {
            Some(live)
                if piece.manifest.part.kind == "RoleBinding"
                    && live["roleRef"] != piece.manifest.body["roleRef"] =>
            {
                self.place.delete(&piece.manifest.part, live).await
            }
            _ => Ok(()),
        }
    }

    async fn grow(&self, scene: &Scene) -> Result<(), Error> {
        let size = &self.target.parameters.persistence.size;
        let change = json!({"spec": {"resources": {"requests": {"storage": size}}}});
        for (name, _) in rollout::too_small(&scene.claims, size) {
            let part = Part::new("PersistentVolumeClaim", name);
            self.place.merge(&part, &change).await?;
        }
        Ok(())
    }

    /// Looks at the workload, its pods, and the virtual API server.
    pub(super) async fn look(&self, scene: &Scene) -> Result<Look, ExternalError> {
        let look = Look::take(self.session, &self.place, &self.target, scene).await;
        self.explained(look).await
    }

    async fn explained<T>(&self, outcome: Result<T, Error>) -> Result<T, ExternalError> {
        let Target {
            namespace,
            parameters,
            ..
        } = self.target;
        explained(self.session, namespace, parameters, outcome).await
    }
}

/// The namespace in the host cluster, if the provider config allows it.
pub(super) fn place(
    session: &Session,
    desired: &Desired<VCluster>,
) -> Result<Place, ExternalError> {
    let own = &desired.owner.namespace;
    let namespace = namespace(&desired.parameters, own);
    Ok(Place::new(session.host(own, namespace)?, namespace))
}

/// Names the rights that are missing when the host cluster refuses.
pub(super) async fn explained<T>(
    session: &Session,
    namespace: &str,
    parameters: &VClusterParameters,
    outcome: Result<T, Error>,
) -> Result<T, ExternalError> {
    match outcome {
        Ok(value) => Ok(value),
        Err(error) => {
            let needed = rights::needed(parameters);
            Err(session.explain(error, namespace, &needed).await)
        }
    }
}
