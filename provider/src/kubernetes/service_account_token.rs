//! The kind `ServiceAccountToken`: a token of a `ServiceAccount` in a cluster, renewed before it ends.
//!
//! For whoever needs a cluster from outside and should not have its administrator's certificate. The
//! account and its rights are somebody else's business, such as a `RemoteObject`'s; the token is proven
//! before it is published. A token cannot be taken back: deleting the resource deletes its Secret, and
//! the token ends by itself, or with its account.

use managed::{
    input::{Input, Inputs, SecretKeyRef},
    kind::Kind,
};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::status::{API_REACHABLE, CredentialStatus, Endpoint, Source};

#[cfg(feature = "backends")]
mod external;

/// A token of a `ServiceAccount` in a cluster.
#[derive(Clone, Debug)]
pub struct ServiceAccountToken;

/// `spec.forProvider` of a `ServiceAccountToken`.
#[derive(Clone, Debug, Deserialize, Eq, JsonSchema, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct ServiceAccountTokenParameters {
    /// Secret in the namespace of this resource with the kubeconfig of the cluster. It must allow
    /// `get` on `serviceaccounts` and `create` on `serviceaccounts/token`.
    pub kubeconfig_secret_ref: SecretKeyRef,
    /// Where the cluster is reached, if not where the kubeconfig says. What is published says so, too.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub endpoint: Option<Endpoint>,
    /// The `ServiceAccount` in the cluster; it must exist.
    pub service_account: AccountName,
    /// Life of a token in seconds, at least 600. The cluster may grant less. Default 86400, a day. It is
    /// renewed when four fifths of its life are over.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(range(min = 600, max = 31_536_000))]
    pub expiration_seconds: Option<i64>,
}

/// A `ServiceAccount`.
#[derive(Clone, Debug, Deserialize, Eq, JsonSchema, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct AccountName {
    /// Namespace in the cluster.
    #[schemars(length(min = 1, max = 63))]
    pub namespace: String,
    /// Name.
    #[schemars(length(min = 1, max = 253))]
    pub name: String,
}

/// `status.atProvider` of a `ServiceAccountToken`.
#[derive(Clone, Debug, Default, Deserialize, Eq, JsonSchema, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct ServiceAccountTokenObservation {
    /// URL of the API server as it is published.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub endpoint: Option<String>,
    /// The token.
    #[serde(default)]
    pub credential: CredentialStatus,
    /// When the token is renewed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(extend("format" = "date-time"))]
    pub renew_at: Option<String>,
}

impl ServiceAccountTokenParameters {
    /// A token of the usual life.
    pub fn new(kubeconfig_secret_ref: SecretKeyRef, namespace: &str, name: &str) -> Self {
        Self {
            kubeconfig_secret_ref,
            endpoint: None,
            service_account: AccountName {
                namespace: namespace.to_owned(),
                name: name.to_owned(),
            },
            expiration_seconds: None,
        }
    }

    /// Where the cluster is.
    pub fn source(&self) -> Source<'_> {
        Source {
            secret: &self.kubeconfig_secret_ref,
            endpoint: self.endpoint.as_ref(),
        }
    }
}

impl Kind for ServiceAccountToken {
    const GROUP: &'static str = super::GROUP;
    const KIND: &'static str = "ServiceAccountToken";
    const PLURAL: &'static str = "serviceaccounttokens";
    const DESCRIPTION: &'static str =
        "A token of a ServiceAccount in a cluster, proven, published, and renewed before it ends.";
    const CATEGORY: &'static str = super::CATEGORY;
    const CONDITIONS: &'static [&'static str] = &[API_REACHABLE];

    type Parameters = ServiceAccountTokenParameters;
    type Observation = ServiceAccountTokenObservation;

    fn inputs(parameters: &Self::Parameters) -> Inputs {
        [Input::secret(&parameters.kubeconfig_secret_ref)]
            .into_iter()
            .collect()
    }

    fn external_name(parameters: &Self::Parameters) -> Option<String> {
        let account = &parameters.service_account;
        Some(format!("{}/{}", account.namespace, account.name))
    }
}
