//! Provider config of the group: where Vault is, how to log in, how to know it is the right one.
//!
//! A namespaced `ProviderConfig` logs in as a `ServiceAccount` of its own namespace or with a token
//! from a Secret there. Only a `ClusterProviderConfig` may use the provider's own identity: otherwise
//! whoever may write configs could send the provider's token to a server of their choice.

#![expect(
    unreachable_pub,
    reason = "KubeSchema derives through a copy of the struct"
)]

use kube::KubeSchema;
use managed::{
    config::{ConfigSecretKeyRef, ProviderSettings},
    input::Input,
};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// `spec` of `ProviderConfig` and `ClusterProviderConfig`.
#[derive(Clone, Debug, Deserialize, Eq, KubeSchema, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
#[x_kube(validation = (
    "self.address.startsWith('https://') || (self.address.startsWith('http://') && has(self.allowHttp) && self.allowHttp)",
    "address must start with https://; or set allowHttp, which sends every secret in clear"
))]
pub struct Settings {
    /// Where Vault is, such as `https://vault.vault.svc:8200`.
    #[schemars(length(min = 8, max = 512))]
    pub address: String,
    /// How to log in.
    pub auth: Auth,
    /// Certificates in PEM of the authorities that may sign Vault's certificate; no others are then
    /// trusted. Not set: those of the provider's image.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ca_secret_ref: Option<ConfigSecretKeyRef>,
    /// Vault namespace (Vault Enterprise, `OpenBao` 2.3 and later) of the login and of every path.
    /// Not set: the root namespace.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(min = 1, max = 256))]
    pub namespace: Option<String>,
    /// Name of this Kubernetes cluster in the owner marks left in Vault. When it is set, a resource
    /// takes over what a resource of the same kind, namespace and name in a cluster of the same name
    /// has left, so that a cluster rebuilt from Git finds its paths again. It must then be unique
    /// among the clusters that write to this Vault.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(min = 1, max = 63))]
    pub cluster_name: Option<String>,
    /// Accept an address that starts with `http://`. Everything, secrets included, is then sent in
    /// clear. Default false.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub allow_http: Option<bool>,
}

/// How to log in: exactly one of the fields.
#[derive(Clone, Debug, Default, Deserialize, Eq, KubeSchema, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
#[x_kube(validation = (
    "has(self.kubernetes) != has(self.tokenSecretRef)",
    "set exactly one of kubernetes and tokenSecretRef"
))]
pub struct Auth {
    /// Log in as a Kubernetes `ServiceAccount` through Vault's kubernetes auth method.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub kubernetes: Option<KubernetesAuth>,
    /// Use the Vault token in a key of a Secret. It is neither renewed nor revoked.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub token_secret_ref: Option<ConfigSecretKeyRef>,
}

/// A login through Vault's kubernetes auth method.
#[derive(Clone, Debug, Deserialize, Eq, KubeSchema, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
#[x_kube(validation = (
    "!(has(self.serviceAccountRef) && has(self.tokenPath))",
    "set at most one of serviceAccountRef and tokenPath"
))]
pub struct KubernetesAuth {
    /// Role of the auth method. Its bindings must name the `ServiceAccount`, and its audience, if it
    /// has one, must be `audience`.
    #[schemars(length(min = 1, max = 256))]
    pub role: String,
    /// Mount of the auth method. Default `kubernetes`.
    #[serde(default = "default_mount")]
    #[schemars(length(min = 1, max = 256))]
    pub mount: String,
    /// Audience of the `ServiceAccount`'s token, so that it is worth nothing elsewhere. Default
    /// `vault`. Not used with `tokenPath`.
    #[serde(default = "default_audience")]
    #[schemars(length(min = 1, max = 256))]
    pub audience: String,
    /// `ServiceAccount` to log in as, with a token that is requested for each login. Not set: the
    /// provider's own, which only a `ClusterProviderConfig` may use. The provider needs the right to
    /// create `serviceaccounts/token` there.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub service_account_ref: Option<ServiceAccountRef>,
    /// File in the provider's pod with a projected `ServiceAccount` token, read at each login. Only
    /// in a `ClusterProviderConfig`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(min = 1, max = 512))]
    pub token_path: Option<String>,
}

/// A `ServiceAccount` as a provider config names it.
#[derive(Clone, Debug, Deserialize, Eq, JsonSchema, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct ServiceAccountRef {
    /// Namespace of the `ServiceAccount`. Required in a `ClusterProviderConfig`; a `ProviderConfig`
    /// uses only those of its own namespace.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub namespace: Option<String>,
    /// Name of the `ServiceAccount`.
    pub name: String,
}

impl Settings {
    /// Settings that log in with the given role as the provider's own `ServiceAccount`.
    pub fn new(address: impl Into<String>, role: impl Into<String>) -> Self {
        Self {
            address: address.into(),
            auth: Auth {
                kubernetes: Some(KubernetesAuth::new(role)),
                token_secret_ref: None,
            },
            ca_secret_ref: None,
            namespace: None,
            cluster_name: None,
            allow_http: None,
        }
    }
}

impl KubernetesAuth {
    /// A login as the provider's own `ServiceAccount` at the usual mount.
    pub fn new(role: impl Into<String>) -> Self {
        Self {
            role: role.into(),
            mount: default_mount(),
            audience: default_audience(),
            service_account_ref: None,
            token_path: None,
        }
    }
}

impl ProviderSettings for Settings {
    const GROUP: &'static str = super::GROUP;
    const CATEGORY: &'static str = super::CATEGORY;

    fn inputs(&self) -> Vec<Input> {
        let references = [&self.ca_secret_ref, &self.auth.token_secret_ref];
        references
            .into_iter()
            .flatten()
            .map(ConfigSecretKeyRef::input)
            .collect()
    }
}

fn default_mount() -> String {
    "kubernetes".into()
}

fn default_audience() -> String {
    "vault".into()
}
