//! What a user reads about a cluster.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::claim::ResourcePlan;

/// `status` of a `VirtualCluster`.
#[derive(Clone, Debug, Default, Deserialize, Eq, JsonSchema, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct VirtualClusterStatus {
    /// What to do next: a command that opens the cluster, or what is in the way.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub next_step: Option<String>,
    /// What would be done to which resource, while the annotation `tenancy.pnats.cloud/plan` of the claim
    /// is `"true"`.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub plan: Vec<ResourcePlan>,
    /// Where a virtual cluster stands.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub phase: Option<String>,
    /// Address of the API server.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub endpoint: Option<String>,
    /// Version of Kubernetes, as the API server says.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub kubernetes_version: Option<String>,
    /// Namespace of the host cluster that holds a virtual cluster.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub host_namespace: Option<String>,
    /// Secret beside the claim that holds the kubeconfig, under the key `kubeconfig`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub kubeconfig_secret_name: Option<String>,
    /// Until when the credential in the kubeconfig is valid.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub credential_expires_at: Option<String>,
    /// Until when the token of few rights in Vault is valid; it is renewed before.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub token_expires_at: Option<String>,
    /// Vault path of the cluster's credentials, mount included.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub vault_path: Option<String>,
    /// How workloads log in to Vault.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub vault_login: Option<VaultLoginStatus>,
    /// Name of the cluster in Argo CD.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub argocd_cluster: Option<String>,
}

/// How workloads log in to Vault.
#[derive(Clone, Debug, Default, Deserialize, Eq, JsonSchema, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct VaultLoginStatus {
    /// Mount of the auth method, without `auth/`.
    pub mount: String,
    /// Role to log in with.
    pub role: String,
    /// Policy that says what may be read.
    pub policy: String,
    /// Audience the token of the `ServiceAccount` must have.
    pub audience: String,
    /// When a login with a token from inside the cluster was last tried.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub tried_at: Option<String>,
}
