//! Mounts, tunes and unmounts secrets engines.

use std::collections::BTreeSet;

use managed::{
    ConnectionDetails, Drift,
    external::{Desired, ExternalClient, ExternalError, Observation},
};

use super::{Mount, MountDeletionPolicy};
use crate::vault::{
    mounting::{Mounting, tuning},
    session::Session,
};

impl ExternalClient<Mount> for Session {
    async fn observe(&self, desired: &Desired<Mount>) -> Result<Observation<Mount>, ExternalError> {
        mounting(desired).observe(self, desired).await
    }

    fn ledger(&self, desired: &Desired<Mount>) -> BTreeSet<String> {
        mounting(desired).ledger()
    }

    async fn create(&self, desired: &Desired<Mount>) -> Result<ConnectionDetails, ExternalError> {
        mounting(desired).create(self, desired).await?;
        Ok(ConnectionDetails::none())
    }

    async fn update(
        &self,
        desired: &Desired<Mount>,
        _drift: &[Drift],
    ) -> Result<ConnectionDetails, ExternalError> {
        mounting(desired).update(self, desired).await?;
        Ok(ConnectionDetails::none())
    }

    async fn delete(&self, desired: &Desired<Mount>) -> Result<(), ExternalError> {
        mounting(desired).delete(self).await
    }
}

fn mounting(desired: &Desired<Mount>) -> Mounting<'_> {
    let parameters = &desired.parameters;
    Mounting {
        table: "sys/mounts",
        path: &parameters.path,
        kind: &parameters.r#type,
        description: parameters.description.as_deref().unwrap_or_default(),
        options: &parameters.options,
        local: parameters.local,
        seal_wrap: parameters.seal_wrap,
        tuning: tuning(&parameters.tune),
        adopt: parameters.adopt,
        stays: parameters.deletion_policy == MountDeletionPolicy::Orphan,
    }
}
