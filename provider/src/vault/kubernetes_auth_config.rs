//! The kind `KubernetesAuthConfig`: which cluster an auth method of type kubernetes asks about tokens.
//!
//! Vault forgets what a write leaves out, so the whole configuration is written each time, the
//! reviewer's token included. Vault never returns that token: its origin, its end and a fingerprint are
//! kept in the status, and it is renewed when four fifths of its life are over. Vault cannot forget a
//! configuration, so deleting the resource leaves it; it goes with the `AuthMount`.
//!
//! Needs of Vault: `path "auth/<mount>/config" { capabilities = ["create", "read", "update"] }`. Needs in
//! the cluster of `reviewer.kubeconfigSecretRef`: the verb `create` on `serviceaccounts/token`; the
//! reviewer's ServiceAccount needs the `ClusterRole` `system:auth-delegator` there.

#![expect(
    unreachable_pub,
    reason = "KubeSchema derives through a copy of the struct"
)]

use kube::KubeSchema;
use managed::{
    input::{Input, Inputs, SecretKeyRef},
    kind::Kind,
    reference::{NamedReference, Reference, Selector, Target},
};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::{
    PATH_ADVICE, PATH_RULE, adoption::Adopt, auth_mount::AuthMount, duration::Ttl,
    proof::ServiceAccount,
};

#[cfg(feature = "backends")]
mod external;
#[cfg(feature = "backends")]
mod reviewer;

/// The configuration of an auth method of type kubernetes.
#[derive(Clone, Debug)]
pub struct KubernetesAuthConfig;

/// `spec.forProvider` of a `KubernetesAuthConfig`.
#[derive(Clone, Debug, Default, Deserialize, Eq, KubeSchema, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
#[x_kube(validation = (
    "has(self.mount) || has(self.mountRef) || has(self.mountSelector)",
    "the auth method is not given; set mount, mountRef or mountSelector"
))]
#[x_kube(validation = (
    "!has(oldSelf.mount) || !has(self.mount) || self.mount == oldSelf.mount",
    "mount cannot be changed; make another KubernetesAuthConfig"
))]
#[x_kube(validation = (
    "has(self.kubernetesHost) != has(self.kubernetesHostSecretRef)",
    "set exactly one of kubernetesHost and kubernetesHostSecretRef"
))]
#[x_kube(validation = (
    "!(has(self.kubernetesCaCert) && has(self.kubernetesCaCertSecretRef))",
    "set at most one of kubernetesCaCert and kubernetesCaCertSecretRef"
))]
#[x_kube(validation = (
    "has(self.kubernetesCaCert) || has(self.kubernetesCaCertSecretRef) || (has(self.disableLocalCaJwt) && !self.disableLocalCaJwt)",
    "Vault knows no CA of the cluster; set kubernetesCaCertSecretRef"
))]
#[x_kube(validation = (
    "!has(self.disableLocalCaJwt) || self.disableLocalCaJwt || !has(self.reviewer)",
    "Vault's own token is not used beside a reviewer; remove reviewer or disableLocalCaJwt: false"
))]
pub struct KubernetesAuthConfigParameters {
    /// Path of the auth method without `auth/`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(min = 1, max = 256))]
    #[x_kube(validation = (PATH_RULE, PATH_ADVICE))]
    pub mount: Option<String>,
    /// Managed resource of kind `AuthMount` that enables it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub mount_ref: Option<NamedReference>,
    /// Selects a managed resource of kind `AuthMount` that enables it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub mount_selector: Option<Selector>,
    /// Address of the cluster's API server as Vault reaches it, such as `https://dev.clusters.svc:443`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(min = 8, max = 512), regex(pattern = r"^https://[^/\s]+/?$"))]
    pub kubernetes_host: Option<String>,
    /// The address from a Secret, such as the key `endpoint` of a connection Secret.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub kubernetes_host_secret_ref: Option<SecretKeyRef>,
    /// Certificates in PEM of the authorities that sign the API server's certificate.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(min = 1, max = 65536))]
    pub kubernetes_ca_cert: Option<String>,
    /// The certificates from a Secret, such as the key `ca-cert` of a connection Secret.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub kubernetes_ca_cert_secret_ref: Option<SecretKeyRef>,
    /// Who asks the cluster whether a token is good. Not set: the token that logs in asks for itself,
    /// which needs `system:auth-delegator` for its `ServiceAccount`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reviewer: Option<Reviewer>,
    /// Whether Vault must not use the CA and the token of its own pod. Default true, other than in
    /// Vault itself: for another cluster Vault would send its own token there. Set false only for the
    /// cluster that Vault runs in.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub disable_local_ca_jwt: Option<bool>,
    /// Whether a configuration that is there and differs, and that this resource has not written, may
    /// be overwritten. Default `Never`.
    #[serde(default)]
    pub adopt: Adopt,
}

/// Who asks the cluster whether a token is good.
#[derive(Clone, Debug, Default, Deserialize, Eq, KubeSchema, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
#[x_kube(validation = (
    "has(self.jwtSecretRef) != has(self.kubeconfigSecretRef)",
    "set exactly one of jwtSecretRef and kubeconfigSecretRef"
))]
#[x_kube(validation = (
    "has(self.kubeconfigSecretRef) == has(self.serviceAccount)",
    "set kubeconfigSecretRef and serviceAccount together"
))]
pub struct Reviewer {
    /// A token of a `ServiceAccount` from a Secret; its rotation is the business of others.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub jwt_secret_ref: Option<SecretKeyRef>,
    /// Kubeconfig of the cluster, in which the provider has a token minted and renewed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub kubeconfig_secret_ref: Option<SecretKeyRef>,
    /// `ServiceAccount` in that cluster that the token is for.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub service_account: Option<ServiceAccount>,
    /// Life of a minted token; the cluster may grant less. Default `24h`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ttl: Option<Ttl>,
}

/// `status.atProvider` of a `KubernetesAuthConfig`.
#[derive(Clone, Debug, Default, Deserialize, Eq, JsonSchema, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct KubernetesAuthConfigObservation {
    /// Path of the auth method.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub mount: String,
    /// Address of the API server.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub kubernetes_host: String,
    /// The reviewer's token that Vault holds; not there when the token that logs in asks for itself.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reviewer: Option<ReviewerObservation>,
}

/// What is known of the reviewer's token that Vault holds.
#[derive(Clone, Debug, Default, Deserialize, Eq, JsonSchema, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct ReviewerObservation {
    /// Tells whether another token is wanted; the token cannot be had from it.
    pub fingerprint: String,
    /// When a minted token ends.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(extend("format" = "date-time"))]
    pub expires_at: Option<String>,
    /// When a minted token is renewed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(extend("format" = "date-time"))]
    pub renew_at: Option<String>,
}

impl KubernetesAuthConfigParameters {
    /// What is written with the key `key` of the connection Secret `secret` for host and CA.
    pub fn of_connection(mount: impl Into<String>, secret: &str) -> Self {
        let key = |key: &str| SecretKeyRef {
            name: secret.to_owned(),
            key: key.to_owned(),
        };
        Self {
            mount: Some(mount.into()),
            kubernetes_host_secret_ref: Some(key("endpoint")),
            kubernetes_ca_cert_secret_ref: Some(key("ca-cert")),
            ..Self::default()
        }
    }
}

impl Kind for KubernetesAuthConfig {
    const GROUP: &'static str = super::GROUP;
    const KIND: &'static str = "KubernetesAuthConfig";
    const PLURAL: &'static str = "kubernetesauthconfigs";
    const DESCRIPTION: &'static str =
        "The configuration of an auth method of type kubernetes of Vault or OpenBao.";
    const CATEGORY: &'static str = super::CATEGORY;

    type Parameters = KubernetesAuthConfigParameters;
    type Observation = KubernetesAuthConfigObservation;

    fn external_name(parameters: &Self::Parameters) -> Option<String> {
        parameters.mount.clone()
    }

    fn inputs(parameters: &Self::Parameters) -> Inputs {
        let reviewer = parameters.reviewer.as_ref();
        [
            parameters.kubernetes_host_secret_ref.as_ref(),
            parameters.kubernetes_ca_cert_secret_ref.as_ref(),
            reviewer.and_then(|reviewer| reviewer.jwt_secret_ref.as_ref()),
            reviewer.and_then(|reviewer| reviewer.kubeconfig_secret_ref.as_ref()),
        ]
        .into_iter()
        .flatten()
        .map(Input::secret)
        .collect()
    }

    fn references(parameters: &mut Self::Parameters) -> Vec<Reference<'_>> {
        vec![Reference {
            field: "mount".into(),
            target: Target::of::<AuthMount>(),
            value: &mut parameters.mount,
            reference: parameters.mount_ref.as_ref(),
            selector: parameters.mount_selector.as_ref(),
        }]
    }
}
