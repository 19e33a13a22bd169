//! The kind `ClusterConnection`: an existing cluster by its kubeconfig.
//!
//! For clusters somebody else makes: kubeadm in `KubeVirt` virtual machines, Kamaji, k3k, Cluster
//! API. It is looked at and proven, never changed: create, update and delete touch nothing. What it
//! publishes has the same keys as every other kind of cluster, so whatever uses a cluster need not
//! care which kind it is.

use managed::{
    input::{Input, Inputs, SecretKeyRef},
    kind::Kind,
};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::status::{
    API_REACHABLE, CERTIFICATE_VALID, ClusterStatus, Endpoint, KUBECONFIG_AVAILABLE,
};

#[cfg(feature = "backends")]
mod external;

/// An existing cluster by its kubeconfig.
#[derive(Clone, Debug)]
pub struct ClusterConnection;

/// `spec.forProvider` of a `ClusterConnection`.
#[derive(Clone, Debug, Deserialize, Eq, JsonSchema, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct ClusterConnectionParameters {
    /// Secret in the namespace of this resource with the kubeconfig. Cluster API writes it under the
    /// key `value`, k3k under `kubeconfig.yaml`, Kamaji under `admin.svc`.
    pub kubeconfig_secret_ref: SecretKeyRef,
    /// Where the cluster is reached, if not where the kubeconfig says. What is published says so, too.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub endpoint: Option<Endpoint>,
}

impl Kind for ClusterConnection {
    const GROUP: &'static str = super::GROUP;
    const KIND: &'static str = "ClusterConnection";
    const PLURAL: &'static str = "clusterconnections";
    const DESCRIPTION: &'static str =
        "An existing cluster by its kubeconfig: proven to work and published for others.";
    const CATEGORY: &'static str = super::CATEGORY;
    const OUTLIVES_READERS: bool = true;
    const CONDITIONS: &'static [&'static str] =
        &[KUBECONFIG_AVAILABLE, API_REACHABLE, CERTIFICATE_VALID];

    type Parameters = ClusterConnectionParameters;
    type Observation = ClusterStatus;

    fn inputs(parameters: &Self::Parameters) -> Inputs {
        [Input::secret(&parameters.kubeconfig_secret_ref)]
            .into_iter()
            .collect()
    }
}
