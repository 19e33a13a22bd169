//! Looks at the cluster. On the way to deletion there is nothing to look at and nothing to delete.

use managed::{
    ConnectionDetails, Drift,
    external::{Desired, ExternalClient, ExternalError, Observation},
};

use super::ClusterConnection;
use crate::kubernetes::{
    Session,
    health::{self, Health},
    source,
    status::Source,
};

impl ExternalClient<ClusterConnection> for Session {
    async fn observe(
        &self,
        desired: &Desired<ClusterConnection>,
    ) -> Result<Observation<ClusterConnection>, ExternalError> {
        if desired.deleting {
            return Ok(Observation::Absent);
        }
        let access = source::access(&source(desired), &desired.inputs);
        let looked = health::look(self.remotes(), access, &desired.owner.name).await;
        Ok(present(looked))
    }

    async fn create(
        &self,
        _desired: &Desired<ClusterConnection>,
    ) -> Result<ConnectionDetails, ExternalError> {
        Ok(ConnectionDetails::none())
    }

    async fn update(
        &self,
        _desired: &Desired<ClusterConnection>,
        _drift: &[Drift],
    ) -> Result<ConnectionDetails, ExternalError> {
        Ok(ConnectionDetails::none())
    }

    async fn delete(&self, _desired: &Desired<ClusterConnection>) -> Result<(), ExternalError> {
        Ok(())
    }
}

fn source(desired: &Desired<ClusterConnection>) -> Source<'_> {
    Source {
        secret: &desired.parameters.kubeconfig_secret_ref,
        endpoint: desired.parameters.endpoint.as_ref(),
    }
}

fn present(health: Health) -> Observation<ClusterConnection> {
    let Health {
        status,
        conditions,
        ready,
        details,
        look_again,
    } = health;
    let observation = Observation::present(status, Vec::new())
        .being(ready)
        .telling(conditions)
        .publishing(details);
    match look_again {
        Some(time) => observation.again_within(time),
        None => observation,
    }
}
