//! Reads, writes and deletes roles of auth methods, of whatever type.

use std::collections::BTreeSet;

use managed::{
    ConnectionDetails, Drift, Kind,
    external::{Desired, ExternalClient, ExternalError, Observation},
};
use serde_json::Map;

use super::AuthRoleObservation;
use crate::vault::{
    adoption::Adopt,
    auth_method::{Subject, mount},
    field::Fields,
    session::Session,
};

/// What tells one kind of role from another.
pub(in crate::vault) trait AuthRole:
    Kind<Observation = AuthRoleObservation>
{
    /// The auth method, if the spec names it or a reference was resolved.
    fn mount(parameters: &Self::Parameters) -> Option<&str>;
    /// Name of the role.
    fn name(parameters: &Self::Parameters) -> &str;
    /// Whether a role that is there may be taken over.
    fn adopt(parameters: &Self::Parameters) -> Adopt;
    /// Every field of the role.
    fn fields(parameters: &Self::Parameters) -> Fields;
}

impl<K: AuthRole> ExternalClient<K> for Session {
    async fn observe(&self, desired: &Desired<K>) -> Result<Observation<K>, ExternalError> {
        let subject = match subject(desired) {
            // It was never made.
            Err(_) if desired.deleting => return Ok(Observation::Absent),
            subject => subject?,
        };
        let Some(seen) = subject.look(self, desired, false).await? else {
            return Ok(Observation::Absent);
        };
        let at_provider = AuthRoleObservation {
            mount: subject.mount.clone(),
            name: K::name(&desired.parameters).to_owned(),
            ..AuthRoleObservation::default()
        };
        Ok(Observation::present(at_provider, seen.drift))
    }

    fn ledger(&self, desired: &Desired<K>) -> BTreeSet<String> {
        subject(desired).map_or_else(|_| BTreeSet::new(), |subject| subject.ledger())
    }

    async fn create(&self, desired: &Desired<K>) -> Result<ConnectionDetails, ExternalError> {
        subject(desired)?.write(self, Map::new()).await?;
        Ok(ConnectionDetails::none())
    }

    async fn update(
        &self,
        desired: &Desired<K>,
        _drift: &[Drift],
    ) -> Result<ConnectionDetails, ExternalError> {
        self.create(desired).await
    }

    async fn delete(&self, desired: &Desired<K>) -> Result<(), ExternalError> {
        subject(desired)?.delete(self).await
    }
}

fn subject<K: AuthRole>(desired: &Desired<K>) -> Result<Subject, ExternalError> {
    let parameters = &desired.parameters;
    let mount = mount(K::mount(parameters), &desired.last.mount)?;
    let (name, adopt) = (K::name(parameters), K::adopt(parameters));
    Subject::role(mount, name, K::fields(parameters), adopt)
}
