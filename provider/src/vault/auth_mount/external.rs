//! Enables, tunes and disables auth methods.

use std::collections::{BTreeMap, BTreeSet};

use managed::{
    ConnectionDetails, Drift,
    external::{Desired, ExternalClient, ExternalError, Observation},
};

use super::{AuthMount, AuthMountDeletionPolicy};
use crate::vault::{
    mounting::{Mounting, tuning},
    session::Session,
};

/// Auth methods have no options that this kind knows.
static NO_OPTIONS: BTreeMap<String, String> = BTreeMap::new();

impl ExternalClient<AuthMount> for Session {
    async fn observe(
        &self,
        desired: &Desired<AuthMount>,
    ) -> Result<Observation<AuthMount>, ExternalError> {
        mounting(desired).observe(self, desired).await
    }

    fn ledger(&self, desired: &Desired<AuthMount>) -> BTreeSet<String> {
        mounting(desired).ledger()
    }

    async fn create(
        &self,
        desired: &Desired<AuthMount>,
    ) -> Result<ConnectionDetails, ExternalError> {
        mounting(desired).create(self, desired).await?;
        Ok(ConnectionDetails::none())
    }

    async fn update(
        &self,
        desired: &Desired<AuthMount>,
        _drift: &[Drift],
    ) -> Result<ConnectionDetails, ExternalError> {
        mounting(desired).update(self, desired).await?;
        Ok(ConnectionDetails::none())
    }

    async fn delete(&self, desired: &Desired<AuthMount>) -> Result<(), ExternalError> {
        mounting(desired).delete(self).await
    }
}

fn mounting(desired: &Desired<AuthMount>) -> Mounting<'_> {
    let parameters = &desired.parameters;
    let mut tuning = tuning(&parameters.tune);
    if let Some(token_type) = parameters.token_type {
        tuning.text("tokenType", "token_type", token_type.as_str());
    }
    Mounting {
        table: "sys/auth",
        path: &parameters.path,
        kind: &parameters.r#type,
        description: parameters.description.as_deref().unwrap_or_default(),
        options: &NO_OPTIONS,
        local: parameters.local,
        seal_wrap: false,
        tuning,
        adopt: parameters.adopt,
        stays: parameters.deletion_policy == AuthMountDeletionPolicy::Orphan,
    }
}
