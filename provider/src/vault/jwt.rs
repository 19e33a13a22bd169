//! The `ServiceAccount` token that a login presents.
//!
//! It is requested, or read from its file, for each login and never kept.

use std::{fmt, path::PathBuf};

use k8s_openapi::api::{
    authentication::v1::{SelfSubjectReview, TokenRequest, TokenRequestSpec},
    core::v1::ServiceAccount,
};
use kube::{Api, Client, api::PostParams};
use managed::external::ResolvedConfig;
use secrecy::SecretString;

use super::{
    error::Error,
    settings::{KubernetesAuth, Settings},
};

/// Life of a `ServiceAccount` token; the shortest that Kubernetes grants. It is used at once.
const JWT_SECONDS: i64 = 600;
/// How a user name of a `ServiceAccount` begins.
const SERVICE_ACCOUNT: &str = "system:serviceaccount:";

/// Where a `ServiceAccount` token comes from.
#[derive(Clone)]
pub(super) enum Jwt {
    /// A file that the kubelet keeps fresh.
    File(PathBuf),
    /// The Kubernetes API.
    Request {
        /// Client of the provider.
        client: Client,
        /// Namespace and name; `None` is the provider's own `ServiceAccount`.
        account: Option<(String, String)>,
        /// Audience of the token.
        audience: String,
    },
}

impl Jwt {
    /// What a provider config asks for, if it may.
    pub(super) fn of(
        config: &ResolvedConfig<Settings>,
        auth: &KubernetesAuth,
    ) -> Result<Self, Error> {
        let refused = |cause: &str, remedy| Error::Config {
            cause: cause.into(),
            remedy,
        };
        let request = |account| Self::Request {
            client: config.client.clone(),
            account,
            audience: auth.audience.clone(),
        };
        match (
            &auth.service_account_ref,
            &auth.token_path,
            &config.namespace,
        ) {
            (Some(_), Some(_), _) => Err(refused(
                "auth.kubernetes has both serviceAccountRef and tokenPath",
                "remove one of the two",
            )),
            (Some(account), None, Some(own)) => match account.namespace.as_ref() {
                Some(other) if other != own => Err(refused(
                    "a ProviderConfig cannot use a ServiceAccount of another namespace",
                    "use a ServiceAccount of its own namespace",
                )),
                _ => Ok(request(Some((own.clone(), account.name.clone())))),
            },
            (Some(account), None, None) => match account.namespace.clone() {
                Some(namespace) => Ok(request(Some((namespace, account.name.clone())))),
                None => Err(refused(
                    "serviceAccountRef has no namespace",
                    "set serviceAccountRef.namespace",
                )),
            },
            (None, _, Some(_)) => Err(refused(
                "a ProviderConfig cannot use the provider's own identity",
                "set serviceAccountRef, or use ClusterProviderConfig",
            )),
            (None, Some(path), None) => Ok(Self::File(path.into())),
            (None, None, None) => Ok(request(None)),
        }
    }

    /// A fresh token.
    pub(super) async fn obtain(&self) -> Result<SecretString, Error> {
        match self {
            // A few hundred bytes in memory; not worth a thread.
            Self::File(path) => match std::fs::read_to_string(path) {
                Ok(token) => Ok(SecretString::from(token.trim().to_owned())),
                Err(error) => Err(Error::Config {
                    cause: format!("cannot read {}: {error}", path.display()),
                    remedy: "project a ServiceAccount token there",
                }),
            },
            Self::Request {
                client,
                account: Some(account),
                audience,
            } => request(client, account, audience).await,
            Self::Request {
                client,
                account: None,
                audience,
            } => request(client, &own_account(client).await?, audience).await,
        }
    }
}

impl fmt::Display for Jwt {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::File(path) => write!(f, "token from {}", path.display()),
            Self::Request {
                account: Some((namespace, name)),
                audience,
                ..
            } => {
                write!(
                    f,
                    "ServiceAccount {namespace}/{name} with audience {audience:?}"
                )
            }
            Self::Request {
                account: None,
                audience,
                ..
            } => {
                write!(
                    f,
                    "the provider's ServiceAccount with audience {audience:?}"
                )
            }
        }
    }
}

async fn request(
    client: &Client,
    account: &(String, String),
    audience: &str,
) -> Result<SecretString, Error> {
    let (namespace, name) = account;
    let accounts: Api<ServiceAccount> = Api::namespaced(client.clone(), namespace);
    let wanted = TokenRequest {
        spec: TokenRequestSpec {
            audiences: vec![audience.to_owned()],
            expiration_seconds: Some(JWT_SECONDS),
            ..TokenRequestSpec::default()
        },
        ..TokenRequest::default()
    };
    let answer = accounts
        .create_token_request(name, &PostParams::default(), &wanted)
        .await;
    let token = answer.map_err(|error| no_token(namespace, name, &error))?;
    Ok(SecretString::from(
        token.status.map(|status| status.token).unwrap_or_default(),
    ))
}

fn no_token(namespace: &str, name: &str, error: &kube::Error) -> Error {
    let code = match error {
        kube::Error::Api(status) => status.code,
        _ => 0,
    };
    let by = format!("ServiceAccount {namespace}/{name}");
    match code {
        404 => Error::Missing {
            cause: format!("{by} does not exist"),
            by,
            remedy: "create it, or correct serviceAccountRef",
        },
        403 => Error::Missing {
            cause: format!("the provider may not request a token for {by}"),
            by,
            remedy: "let it create serviceaccounts/token there",
        },
        _ => Error::Unavailable {
            address: "kubernetes".into(),
            operation: format!("a token for {by}"),
            cause: error.to_string(),
        },
    }
}

async fn own_account(client: &Client) -> Result<(String, String), Error> {
    let reviews: Api<SelfSubjectReview> = Api::all(client.clone());
    let review = reviews
        .create(&PostParams::default(), &SelfSubjectReview::default())
        .await;
    let review = review.map_err(|error| Error::Unavailable {
        address: "kubernetes".into(),
        operation: "who the provider is".into(),
        cause: error.to_string(),
    })?;
    let user = review
        .status
        .and_then(|status| status.user_info)
        .and_then(|user| user.username);
    let user = user.unwrap_or_default();
    let account = user
        .strip_prefix(SERVICE_ACCOUNT)
        .and_then(|account| account.split_once(':'));
    account
        .map(|(namespace, name)| (namespace.to_owned(), name.to_owned()))
        .ok_or_else(|| Error::Config {
            cause: format!("the provider runs as {user:?}, which is no ServiceAccount"),
            remedy: "set serviceAccountRef",
        })
}
