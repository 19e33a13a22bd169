//! How a session becomes somebody: the token it sends, where that comes from, when it must be new.
//!
//! A `ServiceAccount` token is requested, or read from its file, for each login and never kept. The
//! Vault token is kept in memory only, renewed after two thirds of its life, and replaced when Vault
//! will not prolong it any more.

use std::{fmt, path::PathBuf, time::Duration};

use k8s_openapi::api::{
    authentication::v1::{SelfSubjectReview, TokenRequest, TokenRequestSpec},
    core::v1::ServiceAccount,
};
use kube::{Api, Client, api::PostParams};
use managed::{external::ResolvedConfig, input::Value as Secret};
use secrecy::{ExposeSecret, SecretString};
use serde_json::{Value, json};
use tokio::time::Instant;
use vaultrs::client::VaultClient;

use super::{
    call::Call,
    error::Error,
    settings::{KubernetesAuth, Settings},
    transport::Transport,
};

/// Life of a `ServiceAccount` token; the shortest that Kubernetes grants. It is used at once.
const JWT_SECONDS: i64 = 600;
/// How a user name of a `ServiceAccount` begins.
const SERVICE_ACCOUNT: &str = "system:serviceaccount:";

/// Where the token of a session comes from.
#[derive(Clone)]
pub(super) enum Identity {
    /// A Vault token that somebody else looks after.
    Token(Secret),
    /// A login through the kubernetes auth method.
    Kubernetes {
        /// Mount of the auth method.
        mount: String,
        /// Role of the auth method.
        role: String,
        /// Where the `ServiceAccount` token comes from.
        jwt: Box<Jwt>,
    },
}

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

/// A token in use.
pub(super) struct Login {
    /// Sends the token.
    pub(super) client: VaultClient,
    /// When it was granted.
    pub(super) granted: Instant,
    /// How long it lives from then; `None` when that is not ours to watch.
    pub(super) ttl: Option<Duration>,
    /// Whether it can be prolonged.
    pub(super) renewable: bool,
}

impl Identity {
    /// The identity that a provider config asks for. A namespaced config gets none but its own
    /// namespace's.
    pub(super) fn of(config: &ResolvedConfig<Settings>) -> Result<Self, Error> {
        let auth = &config.settings.auth;
        match (&auth.kubernetes, &auth.token_secret_ref) {
            (Some(kubernetes), None) => Ok(Self::Kubernetes {
                mount: super::path::checked("auth.kubernetes.mount", &kubernetes.mount)?.to_owned(),
                role: kubernetes.role.clone(),
                jwt: Box::new(Jwt::of(config, kubernetes)?),
            }),
            (None, Some(reference)) => match config.inputs.value(&reference.input()) {
                Some(token) => Ok(Self::Token(token.clone())),
                None => Err(Error::Missing {
                    by: reference.input().to_string(),
                    cause: format!("{} does not exist", reference.input()),
                    remedy: "create it, or correct tokenSecretRef",
                }),
            },
            _ => Err(Error::Config {
                cause: "auth needs exactly one of kubernetes and tokenSecretRef".into(),
                remedy: "correct auth of the provider config",
            }),
        }
    }

    /// Logs in.
    pub(super) async fn log_in(&self, transport: &Transport) -> Result<Login, Error> {
        match self {
            Self::Token(token) => {
                let token = token.expose_str().unwrap_or_default();
                let client = transport.client(token)?;
                Ok(Login {
                    client,
                    granted: Instant::now(),
                    ttl: None,
                    renewable: false,
                })
            }
            Self::Kubernetes { mount, role, jwt } => {
                let jwt = jwt.obtain().await?;
                let body = json!({ "role": role, "jwt": jwt.expose_secret() });
                let call = Call::post(format!("auth/{mount}/login"), &body);
                let granted = Instant::now();
                let anonymous = transport.client("")?;
                let reply = transport
                    .send(&anonymous, &call)
                    .await
                    .map_err(|error| self.refused(error))?;
                Login::read(transport, &call, &reply.body["auth"], granted)
            }
        }
    }

    /// True when a new token can be had without a human.
    pub(super) const fn can_log_in_again(&self) -> bool {
        matches!(self, Self::Kubernetes { .. })
    }

    // A refused login is an answer, so its outcome is known; what was presented helps to find out why.
    fn refused(&self, error: Error) -> Error {
        let Self::Kubernetes { mount, role, jwt } = self else {
            return error;
        };
        let words = match error {
            Error::Denied { cause, .. }
            | Error::Refused {
                status: 400 | 500,
                cause,
                ..
            } => cause,
            Error::Lost { address, cause, .. } => return Error::Unreachable { address, cause },
            Error::Mount { .. } => {
                return Error::Mount {
                    cause: format!("no auth method is mounted at auth/{mount}"),
                    remedy: "enable kubernetes auth there, or correct mount",
                };
            }
            other => return other,
        };
        Error::LoginRefused {
            cause: format!("{words} (role {role:?} at auth/{mount}, {jwt})"),
            remedy: "check the role's bindings and audience",
        }
    }
}

impl fmt::Debug for Identity {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Token(_) => f.write_str("a token from a Secret"),
            Self::Kubernetes { mount, role, jwt } => {
                write!(f, "role {role:?} at auth/{mount} as {jwt}")
            }
        }
    }
}

impl Login {
    /// The token of an answer to a login or to a renewal.
    pub(super) fn read(
        transport: &Transport,
        call: &Call,
        auth: &Value,
        granted: Instant,
    ) -> Result<Self, Error> {
        let garbled = || Error::Garbled {
            operation: call.operation(),
        };
        let token = auth["client_token"].as_str().ok_or_else(garbled)?;
        if auth["num_uses"].as_u64().unwrap_or(0) > 0 {
            return Err(Error::LoginRefused {
                cause: "the role's tokens can be used only a few times".into(),
                remedy: "set token_num_uses of the role to 0",
            });
        }
        let seconds = auth["lease_duration"].as_u64().unwrap_or(0);
        Ok(Self {
            client: transport.client(token)?,
            granted,
            ttl: Some(Duration::from_secs(seconds)).filter(|ttl| !ttl.is_zero()),
            renewable: auth["renewable"].as_bool().unwrap_or(false),
        })
    }

    /// True when two thirds of the token's life are over.
    pub(super) fn is_ageing(&self) -> bool {
        self.ttl
            .is_some_and(|ttl| self.granted.elapsed() >= ttl * 2 / 3)
    }

    /// True when the token's life is over.
    pub(super) fn is_over(&self) -> bool {
        self.ttl.is_some_and(|ttl| self.granted.elapsed() >= ttl)
    }
}

impl fmt::Debug for Login {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Login")
            .field("ttl", &self.ttl)
            .finish_non_exhaustive()
    }
}

impl Jwt {
    fn of(config: &ResolvedConfig<Settings>, auth: &KubernetesAuth) -> Result<Self, Error> {
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

    async fn obtain(&self) -> Result<SecretString, Error> {
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
