//! From the kubeconfig that a resource refers to, to the cluster.

use managed::input::{Input, Resolved};

use super::status::Source;
use crate::kubeconfig::{Access, Error, Refusal};

/// The access a resource asks for: its kubeconfig, with the endpoint it gives.
///
/// # Errors
/// [`Error::Unusable`] with the precise reason.
pub fn access(source: &Source<'_>, inputs: &Resolved) -> Result<Access, Error> {
    let kubeconfig = inputs.secret(source.secret).ok_or_else(|| {
        let cause = format!("{} does not exist", Input::secret(source.secret));
        Refusal::new(
            "KubeconfigMissing",
            cause,
            "create it, or correct kubeconfigSecretRef",
        )
    })?;
    at(source, Access::parse(kubeconfig)?)
}

/// The same cluster at the endpoint the resource gives.
pub(super) fn at(source: &Source<'_>, access: Access) -> Result<Access, Error> {
    let server = source
        .endpoint
        .and_then(|endpoint| endpoint.server.as_deref());
    let name = source
        .endpoint
        .and_then(|endpoint| endpoint.tls_server_name.as_deref());
    access.at(server, name)
}
