//! A session: the host cluster, where in it one may write, and the clusters reached from here.

use std::{fmt, sync::Arc};

use kube::Client;
use managed::external::ExternalError;

use super::{
    allowance::Allowance,
    rights::{self, Right},
};
use crate::kubeconfig::{Error, Reason, Remotes};

/// The way to the host cluster. Cheap to clone; shared by all resources of one config.
#[derive(Clone)]
pub struct Session(Arc<Inner>);

struct Inner {
    host: Client,
    allowance: Allowance,
    remotes: Remotes,
}

impl fmt::Debug for Session {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Session")
            .field("allowance", &self.0.allowance)
            .field("remotes", &self.0.remotes)
            .finish_non_exhaustive()
    }
}

impl Session {
    /// A session on a host cluster.
    pub fn new(host: Client, allowance: Allowance, remotes: Remotes) -> Self {
        Self(Arc::new(Inner {
            host,
            allowance,
            remotes,
        }))
    }

    /// A client of the host cluster, for a namespace that a resource of the namespace `own` may
    /// write in.
    ///
    /// # Errors
    /// [`ExternalError::Invalid`] when the config does not allow it.
    pub fn host(&self, own: &str, namespace: &str) -> Result<Client, ExternalError> {
        self.0.allowance.check(own, namespace)?;
        Ok(self.0.host.clone())
    }

    /// The clients of remote clusters.
    pub fn remotes(&self) -> &Remotes {
        &self.0.remotes
    }

    /// What went wrong on the host cluster. When a right is missing, the answer names all that are
    /// missing of `needed` in the namespace, as rules to add.
    pub async fn explain(&self, error: Error, namespace: &str, needed: &[Right]) -> ExternalError {
        if !error.is(Reason::Forbidden) {
            return error.into();
        }
        match rights::missing(&self.0.host, namespace, needed).await {
            Ok(missing) if !missing.is_empty() => rights::denied(namespace, &missing),
            _ => error.into(),
        }
    }

    /// A client of the host cluster, for looking around.
    pub(super) fn client(&self) -> &Client {
        &self.0.host
    }

    /// What the config allows.
    pub(super) fn allowance(&self) -> &Allowance {
        &self.0.allowance
    }
}
