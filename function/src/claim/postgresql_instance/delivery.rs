//! Where credentials are put besides Vault: in a Secret inside a cluster.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// Places the credentials are brought to.
#[derive(Clone, Debug, Default, Deserialize, Eq, JsonSchema, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct DeliverSpec {
    /// A Secret inside the cluster of a `VirtualCluster`. It follows the credentials when they change,
    /// and goes with the claim.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub virtual_cluster: Option<ClusterDelivery>,
}

/// A Secret inside the cluster of a `VirtualCluster`. Its keys are those at the Vault path: `host`,
/// `port`, `database`, `username`, `password`, `sslmode` and `url`.
#[derive(Clone, Debug, Deserialize, Eq, JsonSchema, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct ClusterDelivery {
    /// Name of the `VirtualCluster`, which is in the namespace of this claim.
    #[schemars(
        length(min = 1, max = 63),
        regex(pattern = r"^[a-z0-9]([-a-z0-9]*[a-z0-9])?$")
    )]
    pub name: String,
    /// Namespace inside the cluster. It must exist there, for example because it is in
    /// `spec.namespaces` of the `VirtualCluster`. Default `default`.
    #[serde(default = "default_namespace")]
    #[schemars(
        length(min = 1, max = 63),
        regex(pattern = r"^[a-z0-9]([-a-z0-9]*[a-z0-9])?$")
    )]
    pub namespace: String,
    /// Name of the Secret. Default: the name of the Secret beside this claim. A Secret of that name that
    /// somebody else has made is left alone, and the claim says so.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(
        length(min = 1, max = 253),
        regex(pattern = r"^[a-z0-9]([-.a-z0-9]*[a-z0-9])?$")
    )]
    pub secret_name: Option<String>,
    /// Name of the login in `access` whose credentials are delivered. Default: the first one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(min = 1, max = 63))]
    pub access: Option<String>,
}

/// The Secret inside a cluster.
#[derive(Clone, Debug, Default, Deserialize, Eq, JsonSchema, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct DeliveryStatus {
    /// Name of the `VirtualCluster`.
    pub virtual_cluster: String,
    /// Namespace inside the cluster.
    pub namespace: String,
    /// Name of the Secret.
    pub secret_name: String,
    /// Name of the login.
    pub access: String,
}

fn default_namespace() -> String {
    "default".into()
}
