//! Provider config of the group: where the server is, how to log in, how to know it is the right one.
//!
//! TLS is on unless it is switched off by name: the default is `verify-full`, and nothing ever falls
//! back to an unencrypted connection.

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
    "!(self.sslMode in ['verify-ca', 'verify-full']) || has(self.caSecretRef)",
    "sslMode verify-ca and verify-full need caSecretRef; name the CA's Secret, or choose sslMode require"
))]
pub struct Settings {
    /// How to log in.
    pub credentials: Credentials,
    /// How the connection is protected: `verify-full` (default) checks the server's certificate and
    /// host name, `verify-ca` its certificate only, `require` encrypts without knowing the server,
    /// `disable` sends everything in clear.
    #[serde(default)]
    pub ssl_mode: SslMode,
    /// Certificates in PEM of the authorities that may sign the server's certificate. Needed for
    /// `verify-ca` and `verify-full`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ca_secret_ref: Option<ConfigSecretKeyRef>,
    /// Database for everything that is not inside another database. It is never dropped. Default
    /// `postgres`.
    #[serde(default = "default_database")]
    #[schemars(length(min = 1, max = 63))]
    pub default_database: String,
}

/// How to log in.
#[derive(Clone, Debug, Deserialize, Eq, JsonSchema, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Credentials {
    /// Where the credentials come from. Default `PostgreSQLConnectionSecret`.
    #[serde(default)]
    pub source: CredentialsSource,
    /// The Secret with the keys `username`, `password`, `endpoint` and `port`.
    pub connection_secret_ref: ConfigSecretRef,
    /// Other names for these keys.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub secret_key_mapping: Option<SecretKeyMapping>,
}

/// Where credentials come from.
#[derive(Clone, Copy, Debug, Default, Deserialize, Eq, JsonSchema, PartialEq, Serialize)]
pub enum CredentialsSource {
    /// A connection Secret.
    #[default]
    #[serde(rename = "PostgreSQLConnectionSecret")]
    PostgresqlConnectionSecret,
}

/// A Secret as a provider config names it.
#[derive(Clone, Debug, Default, Deserialize, Eq, JsonSchema, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct ConfigSecretRef {
    /// Namespace of the Secret. Required in a `ClusterProviderConfig`; a `ProviderConfig` reads only
    /// Secrets of its own namespace.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub namespace: Option<String>,
    /// Name of the Secret.
    pub name: String,
}

/// Names of the keys in the connection Secret.
#[derive(Clone, Debug, Default, Deserialize, Eq, JsonSchema, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct SecretKeyMapping {
    /// Key with the server's host name or address. Default `endpoint`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub endpoint: Option<String>,
    /// Key with the server's port. Default `port`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub port: Option<String>,
    /// Key with the administrator's name. Default `username`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub username: Option<String>,
    /// Key with the administrator's password. Default `password`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub password: Option<String>,
}

/// How a connection is protected, in the words of libpq.
#[derive(Clone, Copy, Debug, Default, Deserialize, Eq, JsonSchema, PartialEq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum SslMode {
    /// Not at all.
    Disable,
    /// Encrypted; the server may be anyone.
    Require,
    /// Encrypted, and the server's certificate is signed by the CA.
    VerifyCa,
    /// As `verify-ca`, and the certificate is made out to the host name.
    #[default]
    VerifyFull,
}

impl SslMode {
    /// As written in the API and in a connection URL.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Disable => "disable",
            Self::Require => "require",
            Self::VerifyCa => "verify-ca",
            Self::VerifyFull => "verify-full",
        }
    }
}

/// One of the four values in the connection Secret.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum ConnectionKey {
    /// Host name or address.
    Endpoint,
    /// Port.
    Port,
    /// Name of the administrator.
    Username,
    /// Password of the administrator.
    Password,
}

impl Settings {
    /// Settings that log in with the given Secret over `verify-full`.
    pub fn new(connection_secret_ref: ConfigSecretRef, ca_secret_ref: ConfigSecretKeyRef) -> Self {
        Self {
            credentials: Credentials {
                source: CredentialsSource::default(),
                connection_secret_ref,
                secret_key_mapping: None,
            },
            ssl_mode: SslMode::default(),
            ca_secret_ref: Some(ca_secret_ref),
            default_database: default_database(),
        }
    }

    /// Where one of the values in the connection Secret is found.
    pub fn input(&self, key: ConnectionKey) -> Input {
        let Credentials {
            connection_secret_ref: ConfigSecretRef { namespace, name },
            ..
        } = &self.credentials;
        let key = self.key(key).to_owned();
        Input::SecretKey {
            namespace: namespace.clone(),
            name: name.clone(),
            key,
        }
    }

    fn key(&self, key: ConnectionKey) -> &str {
        let mapping = self.credentials.secret_key_mapping.as_ref();
        let (mapped, usual) = match key {
            ConnectionKey::Endpoint => (
                mapping.and_then(|keys| keys.endpoint.as_deref()),
                "endpoint",
            ),
            ConnectionKey::Port => (mapping.and_then(|keys| keys.port.as_deref()), "port"),
            ConnectionKey::Username => (
                mapping.and_then(|keys| keys.username.as_deref()),
                "username",
            ),
            ConnectionKey::Password => (
                mapping.and_then(|keys| keys.password.as_deref()),
                "password",
            ),
        };
        mapped.unwrap_or(usual)
    }
}

impl ProviderSettings for Settings {
    const GROUP: &'static str = super::GROUP;
    const CATEGORY: &'static str = super::CATEGORY;

    fn inputs(&self) -> Vec<Input> {
        use ConnectionKey::{Endpoint, Password, Port, Username};
        let keys = [Endpoint, Port, Username, Password].map(|key| self.input(key));
        keys.into_iter()
            .chain(self.ca_secret_ref.as_ref().map(ConfigSecretKeyRef::input))
            .collect()
    }
}

fn default_database() -> String {
    "postgres".into()
}
