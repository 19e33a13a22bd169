//! What the status of a resource says about a cluster that is reached through a kubeconfig, and the
//! fields by which resources refer to one. The same for every kind.

use managed::input::SecretKeyRef;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// The kubeconfig of a cluster is there and usable.
pub const KUBECONFIG_AVAILABLE: &str = "KubeconfigAvailable";
/// The cluster's API server answers, and knows the credential.
pub const API_REACHABLE: &str = "APIReachable";
/// The certificates of the kubeconfig are valid, and for a while yet.
pub const CERTIFICATE_VALID: &str = "CertificateValid";

/// Where a cluster is reached, if not where its kubeconfig says.
#[derive(Clone, Debug, Default, Deserialize, Eq, JsonSchema, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Endpoint {
    /// `https` URL of the API server, such as `https://dev-k8s-api.kubevirt-vms.svc:6443`. Default: the
    /// kubeconfig's.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(
        length(min = 9, max = 512),
        regex(pattern = r"^https://[^\s/@?#]+[^\s@?#]*$")
    )]
    pub server: Option<String>,
    /// Name in the server's certificate, if it is not the host of the URL. Default: the kubeconfig's
    /// `tls-server-name` when `server` is not set.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(min = 1, max = 253))]
    pub tls_server_name: Option<String>,
}

/// A kubeconfig in a Secret, and where its cluster is reached.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Source<'p> {
    /// The Secret's key.
    pub secret: &'p SecretKeyRef,
    /// Where the cluster is reached instead.
    pub endpoint: Option<&'p Endpoint>,
}

/// What was found out about the credential.
#[derive(Clone, Debug, Default, Deserialize, Eq, JsonSchema, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct CredentialStatus {
    /// `ClientCertificate` or `Token`.
    #[serde(default, rename = "type", skip_serializing_if = "Option::is_none")]
    pub kind: Option<String>,
    /// Whom the cluster takes the credential for.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub username: Option<String>,
    /// Until when it is good.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(extend("format" = "date-time"))]
    pub expires_at: Option<String>,
}

/// What was found out about the certificates.
#[derive(Clone, Debug, Default, Deserialize, Eq, JsonSchema, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct CertificateStatus {
    /// From when the client certificate is valid.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(extend("format" = "date-time"))]
    pub not_before: Option<String>,
    /// Until when the client certificate is valid.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(extend("format" = "date-time"))]
    pub not_after: Option<String>,
    /// SHA-256 of the client certificate in hexadecimal.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub fingerprint: Option<String>,
    /// Until when the cluster's CA is valid.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(extend("format" = "date-time"))]
    pub ca_not_after: Option<String>,
}

/// What was found out about a cluster.
#[derive(Clone, Debug, Default, Deserialize, Eq, JsonSchema, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct ClusterStatus {
    /// URL of the API server as it is published.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub endpoint: Option<String>,
    /// Version of Kubernetes.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub kubernetes_version: Option<String>,
    /// Issuer of the cluster's `ServiceAccount` tokens.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub issuer: Option<String>,
    /// The credential.
    #[serde(default)]
    pub credential: CredentialStatus,
    /// The certificates.
    #[serde(default)]
    pub certificate: CertificateStatus,
}
