//! How a session becomes somebody: the token it sends, where that comes from, when it must be new.
//!
//! A `ServiceAccount` token is requested, or read from its file, for each login and never kept. The
//! Vault token is kept in memory only, renewed after two thirds of its life, and replaced when Vault
//! will not prolong it any more.

use std::{fmt, time::Duration};

use managed::{external::ResolvedConfig, input::Value as Secret};
use secrecy::ExposeSecret;
use serde_json::{Value, json};
use tokio::time::Instant;
use vaultrs::client::VaultClient;

use super::{
    call::Call, error::Error, jwt::Jwt, path::checked, settings::Settings, transport::Transport,
};

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
                mount: checked("auth.kubernetes.mount", &kubernetes.mount)?.to_owned(),
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn neither_an_identity_nor_a_login_shows_its_token() {
        let _already_installed = rustls::crypto::aws_lc_rs::default_provider().install_default();
        let identity = Identity::Token(Secret::from("canary"));
        let mut settings = Settings::new("http://vault:8200", "role");
        settings.allow_http = Some(true);
        let transport = Transport::new(&settings, None).unwrap();
        let auth = json!({ "client_token": "canary", "lease_duration": 60, "renewable": true });
        let login = Login::read(&transport, &Call::get("x"), &auth, Instant::now()).unwrap();
        let shown = format!("{identity:?} {login:?}");
        assert!(!shown.contains("canary"), "{shown}");
    }

    #[test]
    fn a_token_that_cannot_be_a_header_is_refused_without_showing_it() {
        let mut settings = Settings::new("http://vault:8200", "role");
        settings.allow_http = Some(true);
        let _already_installed = rustls::crypto::aws_lc_rs::default_provider().install_default();
        let transport = Transport::new(&settings, None).unwrap();
        assert!(
            transport.client("canary\n").is_ok(),
            "a trailing newline is trimmed"
        );
        let Err(refused) = transport.client("can\nary") else {
            panic!("it was accepted")
        };
        assert!(!refused.to_string().contains("ary"), "{refused}");
    }
}
