//! The four calls of the runtime.

use std::collections::BTreeSet;

use managed::{
    ConnectionDetails, Drift,
    external::{Desired, ExternalClient, ExternalError, Observation},
};

use super::{
    VCluster,
    deletion::Departure,
    manifest::{self, Host},
    report,
    target::Target,
    visit::Visit,
};
use crate::kubernetes::Session;

impl ExternalClient<VCluster> for Session {
    async fn observe(
        &self,
        desired: &Desired<VCluster>,
    ) -> Result<Observation<VCluster>, ExternalError> {
        let desired = &self.complete(desired);
        if desired.deleting {
            let left = Departure::of(self, desired)?.left().await?;
            return Ok(report::leaving(desired, left));
        }
        let visit = Visit::to(self, desired)?;
        let scene = visit.scene().await?;
        scene.check(&visit.target)?;
        if scene.is_absent(visit.target.owner) {
            visit.check_vacant().await?;
            return Ok(Observation::Absent);
        }
        let look = visit.look(&scene).await?;
        Ok(report::present(desired, &visit.target, &scene, look))
    }

    fn ledger(&self, desired: &Desired<VCluster>) -> BTreeSet<String> {
        let desired = &self.complete(desired);
        let manifests = Target::of(desired)
            .and_then(|target| manifest::all(&target, Host::default()))
            .unwrap_or_default();
        manifests
            .iter()
            .map(|manifest| manifest.part.to_string())
            .collect()
    }

    async fn create(
        &self,
        desired: &Desired<VCluster>,
    ) -> Result<ConnectionDetails, ExternalError> {
        let desired = &self.complete(desired);
        let visit = Visit::to(self, desired)?;
        visit.prepare().await?;
        visit.converge().await?;
        Ok(ConnectionDetails::none())
    }

    async fn update(
        &self,
        desired: &Desired<VCluster>,
        _drift: &[Drift],
    ) -> Result<ConnectionDetails, ExternalError> {
        let desired = &self.complete(desired);
        Visit::to(self, desired)?.converge().await?;
        Ok(ConnectionDetails::none())
    }

    async fn delete(&self, desired: &Desired<VCluster>) -> Result<(), ExternalError> {
        Departure::of(self, desired)?.carry_out().await
    }
}

impl Session {
    /// With the provider config's images where the resource names none.
    fn complete(&self, desired: &Desired<VCluster>) -> Desired<VCluster> {
        let mut desired = desired.clone();
        desired.parameters.images = desired.parameters.images.or(self.images());
        desired
    }
}
