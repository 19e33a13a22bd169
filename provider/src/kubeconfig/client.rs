//! A client for an [`Access`]: verified TLS, no retries of its own, a limit for every wait.

use std::{future::Future, time::Duration};

use base64::{Engine, prelude::BASE64_STANDARD};
use kube::{Client, Config, config::AuthInfo};
use secrecy::SecretString;

use super::{
    access::{Access, Credential},
    certificate,
    error::{Error, Refusal},
};

/// Time to connect, handshake included.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(5);
/// Time for one call, answer included.
pub(super) const CALL_TIMEOUT: Duration = Duration::from_secs(10);

impl Access {
    /// A client with connections of its own. [`Remotes`](super::Remotes) shares clients; this does not.
    ///
    /// # Errors
    /// [`Error::Unusable`] when the TLS library refuses what the kubeconfig holds.
    pub fn client(&self) -> Result<Client, Error> {
        let config = self.config()?;
        Client::try_from(config).map_err(|_| {
            // The library's message may quote the key.
            Error::from(Refusal::new(
                "CredentialMalformed",
                "the kubeconfig's certificates cannot be used for TLS",
                "renew the kubeconfig",
            ))
        })
    }

    fn config(&self) -> Result<Config, Error> {
        let uri = self.server.parse().map_err(|_| {
            Refusal::new(
                "ServerInvalid",
                "the server is no URL",
                "correct the server",
            )
        })?;
        let mut config = Config::new(uri);
        config.connect_timeout = Some(CONNECT_TIMEOUT);
        config.read_timeout = Some(CALL_TIMEOUT);
        config.write_timeout = Some(CALL_TIMEOUT);
        config.reset_reader_on_write = true;
        config.default_retry = false;
        config.disable_compression = self.disable_compression;
        config.tls_server_name.clone_from(&self.tls_server_name);
        config.root_cert = self.ca.as_deref().map(|pem| {
            certificate::ders(pem)
                .iter()
                .map(|der| der.to_vec())
                .collect()
        });
        config.auth_info = auth_info(&self.credential);
        Ok(config)
    }
}

fn auth_info(credential: &Credential) -> AuthInfo {
    let secret = |text: String| Some(SecretString::from(text));
    match credential {
        Credential::ClientCertificate { certificate, key } => AuthInfo {
            client_certificate_data: Some(BASE64_STANDARD.encode(certificate)),
            client_key_data: secret(BASE64_STANDARD.encode(key.expose())),
            ..AuthInfo::default()
        },
        Credential::Token(token) => AuthInfo {
            token: secret(token.expose_str().unwrap_or_default().to_owned()),
            ..AuthInfo::default()
        },
    }
}

/// Waits for a call, at most ten seconds, and says what failed. `operation` completes "cannot …".
///
/// # Errors
/// [`Error::Call`] with the reason.
pub async fn within<T>(
    operation: &str,
    call: impl Future<Output = Result<T, kube::Error>>,
) -> Result<T, Error> {
    match tokio::time::timeout(CALL_TIMEOUT, call).await {
        Ok(answer) => answer.map_err(|error| Error::call(operation, &error)),
        Err(_elapsed) => Err(Error::timeout(operation, CALL_TIMEOUT)),
    }
}

/// A request for a path that is no object's.
pub(super) fn get(path: &str) -> http::Request<Vec<u8>> {
    http::Request::get(path)
        .body(Vec::new())
        .expect("a path without spaces is a request")
}
