//! Connection details of a cluster: the same keys for every kind of cluster. Pure.
//!
//! | key | value |
//! |---|---|
//! | `kubeconfig` | kubeconfig in YAML with one context |
//! | `endpoint`, `api-url` | `https` URL of the API server |
//! | `host`, `port` | its parts |
//! | `ca-cert` | CA in PEM |
//! | `client-certificate`, `client-key` | in PEM, unless the credential is a token |
//! | `admin-token` | the token, if the credential is one |
//! | `argocd-config`, `argocd-server` | `config` and `server` of Argo CD's cluster Secret |
//! | `service-account-issuer`, `service-account-public-keys` | issuer and keys (PEM) of the cluster's `ServiceAccount` tokens |
//!
//! They are published only after the credential was proven, and all at once, so that nobody reads a
//! new certificate beside an old CA.

use managed::ConnectionDetails;

use super::argocd_config;
use crate::kubeconfig::{Access, Credential, issuer::Issuer};

/// Key of the kubeconfig.
pub const KUBECONFIG: &str = "kubeconfig";
/// Key of the issuer of `ServiceAccount` tokens.
pub const ISSUER: &str = "service-account-issuer";
/// Key of the public keys that such tokens are verified with.
pub const PUBLIC_KEYS: &str = "service-account-public-keys";

/// The details of a proven access. `name` becomes the name of the kubeconfig's context. Without an
/// issuer its keys are left out.
pub fn details(access: &Access, name: &str, issuer: Option<&Issuer>) -> ConnectionDetails {
    let mut details = ConnectionDetails::none()
        .with(KUBECONFIG, access.kubeconfig(name))
        .with("endpoint", access.server.as_str())
        .with("api-url", access.server.as_str())
        .with("host", access.host())
        .with("port", access.port().to_string())
        .with("argocd-config", argocd_config::text(access))
        .with("argocd-server", access.server.as_str());
    if let Some(ca) = &access.ca {
        details.insert("ca-cert", ca.as_str());
    }
    match &access.credential {
        Credential::ClientCertificate { certificate, key } => {
            details.insert("client-certificate", certificate.as_str());
            details.insert("client-key", key.clone());
        }
        Credential::Token(token) => details.insert("admin-token", token.clone()),
    }
    if let Some(Issuer {
        issuer,
        public_keys,
    }) = issuer
    {
        details.insert(ISSUER, issuer.as_str());
        details.insert(PUBLIC_KEYS, public_keys.concat());
    }
    details
}
