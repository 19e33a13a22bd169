//! Sends requests to one Vault server.
//!
//! Redirects are not followed: the client would send token and body to whatever host the answer
//! names. Every request has a time limit, and nothing is taken from the environment.

use std::time::Duration;

use reqwest::{
    Certificate, Url,
    header::{CONTENT_TYPE, HeaderValue},
    redirect::Policy,
};
use rustify::{
    client::Client as _,
    clients::reqwest::Client as Http,
    endpoint::{Endpoint as _, MiddleWare as _},
    errors::ClientError,
};
use vaultrs::{
    api::EndpointMiddleware,
    client::{VaultClient, VaultClientSettings},
};

use super::{
    answer::Answer,
    call::{Call, Reply, Verb},
    error::Error,
    settings::Settings,
};

/// Time to connect.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(3);
/// Time for one request, answer included.
const REQUEST_TIMEOUT: Duration = Duration::from_secs(10);
/// Content type of a JSON merge patch; Vault refuses any other for PATCH.
const MERGE_PATCH: HeaderValue = HeaderValue::from_static("application/merge-patch+json");

/// The way to one server: connections, TLS and namespace, without a token.
#[derive(Clone)]
pub(super) struct Transport {
    http: reqwest::Client,
    address: Url,
    namespace: Option<String>,
}

impl Transport {
    /// Prepares connections; sends nothing. `ca` is PEM.
    pub(super) fn new(settings: &Settings, ca: Option<&[u8]>) -> Result<Self, Error> {
        let address = address(settings)?;
        let namespace = settings.namespace.clone();
        if namespace
            .as_deref()
            .is_some_and(|namespace| HeaderValue::from_str(namespace).is_err())
        {
            return Err(config(
                "namespace contains control characters",
                "correct namespace",
            ));
        }
        let builder = reqwest::Client::builder()
            .tls_backend_rustls()
            .redirect(Policy::none())
            .no_proxy()
            .connect_timeout(CONNECT_TIMEOUT)
            .timeout(REQUEST_TIMEOUT)
            .user_agent(concat!("provider-tenancy/", env!("CARGO_PKG_VERSION")));
        let builder = match (ca, address.scheme()) {
            (Some(pem), _) => builder.tls_certs_only(certificates(pem)?),
            // The platform's verifier cannot be built without a CA bundle, not even unused.
            (None, "http") => builder.tls_certs_only([]),
            (None, _) => builder,
        };
        let http = builder.build().map_err(|error| {
            config(
                format!("cannot prepare TLS: {}", innermost(&error)),
                "set caSecretRef",
            )
        })?;
        Ok(Self {
            http,
            address,
            namespace,
        })
    }

    /// The address, for messages.
    pub(super) fn address(&self) -> &str {
        self.address.as_str().trim_end_matches('/')
    }

    /// A client that sends the given token. It shares the connections of all others.
    pub(super) fn client(&self, token: &str) -> Result<VaultClient, Error> {
        let token = token.trim();
        if HeaderValue::from_str(token).is_err() {
            return Err(config(
                "the vault token contains control characters",
                "correct the token's Secret",
            ));
        }
        let middle = EndpointMiddleware {
            token: token.to_owned(),
            version: "v1".into(),
            wrap: None,
            namespace: self.namespace.clone(),
        };
        let http = Http::new(self.address.as_str(), self.http.clone());
        Ok(VaultClient {
            http,
            middle,
            settings: self.settings(),
        })
    }

    // The token is not repeated here, because the settings' Debug would show it.
    fn settings(&self) -> VaultClientSettings {
        VaultClientSettings {
            address: self.address.clone(),
            ca_certs: Vec::new(),
            identity: None,
            timeout: Some(REQUEST_TIMEOUT),
            token: String::new(),
            verify: true,
            version: 1,
            wrapping: false,
            namespace: self.namespace.clone(),
            proxy: None,
        }
    }

    /// Sends one request, once.
    pub(super) async fn send(&self, client: &VaultClient, call: &Call) -> Result<Reply, Error> {
        let garbled = |_| Error::Garbled {
            operation: call.operation(),
        };
        let mut request = call.request(client.http.base()).map_err(garbled)?;
        client.middle.request(call, &mut request).map_err(garbled)?;
        if call.verb == Verb::Patch {
            request.headers_mut().insert(CONTENT_TYPE, MERGE_PATCH);
        }
        let response = client
            .http
            .send(request)
            .await
            .map_err(|error| self.failed(call, &error))?;
        let (head, body) = response.into_parts();
        Answer {
            address: &self.address,
            call,
            status: head.status.as_u16(),
            headers: &head.headers,
        }
        .classify(&body)
    }

    fn failed(&self, call: &Call, error: &ClientError) -> Error {
        let (sent, cause) = match error {
            ClientError::RequestError { source, .. } | ClientError::ResponseError { source } => {
                let refused = source
                    .downcast_ref::<reqwest::Error>()
                    .is_some_and(reqwest::Error::is_connect);
                (!refused, innermost(source.as_ref()))
            }
            _ => (false, error.to_string()),
        };
        let address = self.address().to_owned();
        if sent && call.verb.changes() {
            Error::Lost {
                address,
                operation: call.operation(),
                cause,
            }
        } else {
            Error::Unreachable { address, cause }
        }
    }
}

fn address(settings: &Settings) -> Result<Url, Error> {
    let remedy = "write address as https://host:port";
    let url = Url::parse(settings.address.trim())
        .map_err(|error| config(format!("address is not a URL: {error}"), remedy))?;
    let plain_allowed = settings.allow_http.unwrap_or(false);
    match url.scheme() {
        "https" => {}
        "http" if plain_allowed => {}
        "http" => {
            return Err(config(
                "address is plain http",
                "use https, or set allowHttp",
            ));
        }
        _ => return Err(config("address is neither https nor http", remedy)),
    }
    let extra = !url.username().is_empty() || url.password().is_some() || url.query().is_some();
    if extra || url.path() != "/" || url.host().is_none() {
        return Err(config(
            "address has more than scheme, host and port",
            remedy,
        ));
    }
    Ok(url)
}

fn certificates(pem: &[u8]) -> Result<Vec<Certificate>, Error> {
    let remedy = "store the CA as PEM in the Secret of caSecretRef";
    let bundle = Certificate::from_pem_bundle(pem)
        .map_err(|error| config(format!("the CA is not PEM: {}", innermost(&error)), remedy))?;
    if bundle.is_empty() {
        Err(config("the CA holds no certificate", remedy))
    } else {
        Ok(bundle)
    }
}

fn config(cause: impl Into<String>, remedy: &'static str) -> Error {
    Error::Config {
        cause: cause.into(),
        remedy,
    }
}

/// The last cause of a chain, which is the one that says what happened.
fn innermost(error: &(dyn std::error::Error + 'static)) -> String {
    let mut last = error;
    while let Some(source) = last.source() {
        last = source;
    }
    last.to_string()
}
