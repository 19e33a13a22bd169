//! Who may enter the virtual cluster, and what its control plane may do in the host cluster.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// An `OpenID` Connect provider whose tokens the virtual API server accepts.
#[derive(Clone, Debug, Default, Deserialize, Eq, JsonSchema, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Oidc {
    /// Address of the provider, as its tokens name it.
    #[serde(rename = "issuerURL")]
    #[schemars(length(min = 9, max = 512), regex(pattern = r"^https://[^\s]+$"))]
    pub issuer_url: String,
    /// Audience that tokens must carry.
    #[serde(rename = "clientID")]
    #[schemars(length(min = 1, max = 256))]
    pub client_id: String,
    /// Claim with the user's name. Not set: `sub`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(min = 1, max = 128))]
    pub username_claim: Option<String>,
    /// Claim with the user's groups. Not set: tokens carry no groups.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(min = 1, max = 128))]
    pub groups_claim: Option<String>,
    /// Certificates in PEM of the authorities that sign the provider's certificate. Not set: those that
    /// the control plane's image trusts.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(min = 1, max = 65536))]
    pub ca_cert: Option<String>,
}

/// Rights of the control plane in the host cluster.
#[derive(Clone, Debug, Default, Deserialize, Eq, JsonSchema, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Rbac {
    /// Where the rights come from. Default `SharedClusterRole`.
    #[serde(default)]
    pub mode: RbacMode,
    /// `ServiceAccount` in the namespace that the control plane runs as; needed with mode `External`.
    /// Not set: one that this resource makes, `vc-NAME`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(min = 1, max = 253))]
    pub service_account_name: Option<String>,
}

/// Where the control plane's rights come from.
#[derive(Clone, Copy, Debug, Default, Deserialize, Eq, JsonSchema, PartialEq, Serialize)]
pub enum RbacMode {
    /// From the `ClusterRole` that is installed beside the provider for this minor of vCluster, bound in
    /// the one namespace. The provider needs `bind` on that name.
    #[default]
    SharedClusterRole,
    /// From a Role that this resource makes and keeps. The provider needs each of its rights itself, or
    /// `escalate` and `bind` on roles.
    Managed,
    /// From whoever has made `rbac.serviceAccountName`.
    External,
}
