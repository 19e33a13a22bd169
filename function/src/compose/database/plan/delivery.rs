//! The names of what is delivered to a cluster.

use super::{Login, Refusal, name};
use crate::claim::postgresql_instance::DeliverSpec;

/// A Secret inside a cluster.
#[derive(Clone, Debug)]
pub(in crate::compose::database) struct Delivery {
    /// Name of the `VirtualCluster`.
    pub(in crate::compose::database) cluster: String,
    /// Namespace inside.
    pub(in crate::compose::database) namespace: String,
    /// Name of the Secret inside.
    pub(in crate::compose::database) secret: String,
    /// Name of the Secret beside the claim.
    pub(in crate::compose::database) source: String,
    /// Name of the login within the claim.
    pub(in crate::compose::database) access: String,
}

impl Delivery {
    /// What the claim asks for; the first login unless it names another.
    pub(super) fn of(spec: &DeliverSpec, logins: &[Login]) -> Result<Option<Self>, Refusal> {
        let Some(wanted) = &spec.virtual_cluster else {
            return Ok(None);
        };
        let is_wanted = |login: &&Login| {
            let name = wanted.access.as_ref();
            name.is_none_or(|name| *name == login.access.name)
        };
        let Some(login) = logins.iter().find(is_wanted) else {
            return Err(Refusal::Field {
                field: "deliver.virtualCluster.access".into(),
                cause: format!(
                    "{:?} is no login of this claim",
                    wanted.access.as_deref().unwrap_or_default()
                ),
            });
        };
        let secret = wanted.secret_name.clone();
        Ok(Some(Self {
            cluster: wanted.name.clone(),
            namespace: wanted.namespace.clone(),
            secret: secret.unwrap_or_else(|| login.secret.clone()),
            source: login.secret.clone(),
            access: login.access.name.clone(),
        }))
    }

    /// Key of the `RemoteObject`: another place is another resource, because an object cannot move.
    pub(in crate::compose::database) fn key(&self) -> String {
        name::object(&["deliver", &self.cluster, &self.namespace, &self.secret])
    }
}
