//! The proof that a role lets the right one in and no further: a login that is really made.
//!
//! A short-lived token of a `ServiceAccount` is minted in the cluster that the role is for, presented to
//! the mount, used for one path that must be readable and one that must not, and the login is revoked.

#![expect(
    unreachable_pub,
    reason = "KubeSchema derives through a copy of the struct"
)]

use kube::KubeSchema;
use managed::input::{Input, SecretKeyRef};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

#[cfg(feature = "backends")]
mod record;
#[cfg(feature = "backends")]
mod trial;

#[cfg(feature = "backends")]
pub(super) use record::{life, verdict};
#[cfg(feature = "backends")]
pub(super) use trial::Trial;

/// The condition that tells the outcome.
pub const VAULT_LOGIN_PROVEN: &str = "VaultLoginProven";

/// A login to try and what it must and must not reach. The provider mints a token for the
/// `ServiceAccount`, which needs the verb `create` on its `serviceaccounts/token` in that cluster.
#[derive(Clone, Debug, Deserialize, Eq, KubeSchema, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
#[x_kube(validation = (
    "self.allowedPath != self.deniedPath",
    "allowedPath and deniedPath are the same; name a path that must not be readable"
))]
pub struct LoginProof {
    /// Kubeconfig of the cluster that the role is for, such as the key `kubeconfig` of the
    /// connection Secret of a `VCluster`.
    pub kubeconfig_secret_ref: SecretKeyRef,
    /// `ServiceAccount` in that cluster to log in as.
    pub service_account: ServiceAccount,
    /// Audience of the minted token. Default: the first audience of the role.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(min = 1, max = 256))]
    pub audience: Option<String>,
    /// Path below `/v1/` that the login must be able to read, such as `secret/data/clusters/dev`.
    /// That nothing is there (404) is no objection. Name no path that makes something when it is
    /// read, such as `database/creds/app`.
    #[schemars(length(min = 1, max = 512))]
    pub allowed_path: String,
    /// Path below `/v1/` that the login must not be able to read, such as `secret/data/clusters/prod`.
    #[schemars(length(min = 1, max = 512))]
    pub denied_path: String,
}

/// A `ServiceAccount` of the cluster that a kubeconfig leads to.
#[derive(Clone, Debug, Deserialize, Eq, JsonSchema, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct ServiceAccount {
    /// Namespace of the `ServiceAccount`.
    #[schemars(length(min = 1, max = 63))]
    pub namespace: String,
    /// Name of the `ServiceAccount`.
    #[schemars(length(min = 1, max = 253))]
    pub name: String,
}

/// `status.atProvider.proof`: the last proof that was tried.
#[derive(Clone, Debug, Default, Deserialize, Eq, JsonSchema, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct ProofObservation {
    /// When it was tried.
    #[schemars(extend("format" = "date-time"))]
    pub at: String,
    /// `Proven`, or what went wrong: `TokenRefused`, `LoginRefused`, `AllowedPathDenied`,
    /// `AllowedPathUnknown`, `DeniedPathReadable`.
    pub reason: String,
    /// What happened, in words.
    pub message: String,
    /// Since when it cannot be proven; not set when it is. It is tried again after two seconds, and then
    /// after as long as it has failed, at most a minute.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(extend("format" = "date-time"))]
    pub failing_since: Option<String>,
    /// What the proof depends on: a change of role, mount, keys or paths changes it.
    pub fingerprint: String,
}

impl LoginProof {
    /// What it reads from the cluster of the provider.
    pub fn input(&self) -> Input {
        Input::secret(&self.kubeconfig_secret_ref)
    }
}
