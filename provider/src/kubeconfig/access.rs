//! The way to one cluster: address, whom to trust, how to log in.

use std::fmt;

use managed::input::Value;
use sha2::{Digest, Sha256};

use super::{
    error::{Error, Refusal},
    parse,
};

/// What a kubeconfig says, as a value. `Debug` shows neither key nor token.
#[derive(Clone, Eq, PartialEq)]
pub struct Access {
    /// `https` URL of the API server without a trailing slash.
    pub server: String,
    /// Name in the server's certificate, if it is not the host of `server`.
    pub tls_server_name: Option<String>,
    /// Certificates in PEM of the authorities that may sign the server's certificate. `None` trusts
    /// those of the provider's image.
    pub ca: Option<String>,
    /// How to log in.
    pub credential: Credential,
    /// Answers are not to be compressed.
    pub disable_compression: bool,
}

/// How to log in to an API server.
#[derive(Clone, Eq, PartialEq)]
pub enum Credential {
    /// A client certificate.
    ClientCertificate {
        /// Certificate and intermediates in PEM.
        certificate: String,
        /// Private key in PEM.
        key: Value,
    },
    /// A bearer token.
    Token(Value),
}

impl Credential {
    /// `ClientCertificate` or `Token`.
    pub const fn kind(&self) -> &'static str {
        match self {
            Self::ClientCertificate { .. } => "ClientCertificate",
            Self::Token(_) => "Token",
        }
    }
}

impl fmt::Debug for Credential {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.kind())
    }
}

impl fmt::Debug for Access {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Access")
            .field("server", &self.server)
            .field("tls_server_name", &self.tls_server_name)
            .field("credential", &self.credential)
            .finish_non_exhaustive()
    }
}

impl Access {
    /// Reads the current context of a kubeconfig in YAML or JSON, at most 512 KiB.
    ///
    /// # Errors
    /// [`Error::Unusable`], with the precise reason, for everything that cannot be used as it is.
    pub fn parse(kubeconfig: &Value) -> Result<Self, Error> {
        Ok(parse::parse(kubeconfig.expose())?)
    }

    /// The same access at another address, or to a certificate made out to another name. `None`
    /// leaves what the kubeconfig says; another server drops the kubeconfig's server name.
    ///
    /// # Errors
    /// [`Error::Unusable`] when `server` is no `https` URL.
    pub fn at(
        mut self,
        server: Option<&str>,
        tls_server_name: Option<&str>,
    ) -> Result<Self, Error> {
        if let Some(server) = server {
            self.server = address(server)?;
            self.tls_server_name = None;
        }
        if let Some(name) = tls_server_name {
            self.tls_server_name = Some(name.to_owned());
        }
        Ok(self)
    }

    /// The same cluster with another credential.
    #[must_use]
    pub fn with(mut self, credential: Credential) -> Self {
        self.credential = credential;
        self
    }

    /// Host name or address of the server, IPv6 without brackets.
    pub fn host(&self) -> String {
        let host = self.uri().host().unwrap_or_default().to_owned();
        host.trim_matches(['[', ']']).to_owned()
    }

    /// Port of the server.
    pub fn port(&self) -> u16 {
        self.uri().port_u16().unwrap_or(443)
    }

    /// True when the server is this process's own machine, or the name under which every cluster
    /// knows itself: elsewhere such an address means another server.
    pub fn is_local(&self) -> bool {
        let host = self.host().to_ascii_lowercase();
        let host = host.trim_end_matches('.');
        let is_loopback = host
            .parse::<std::net::IpAddr>()
            .is_ok_and(|address| address.is_loopback() || address.is_unspecified());
        let itself = ["kubernetes", "kubernetes.default", "kubernetes.default.svc"];
        is_loopback
            || host == "localhost"
            || host.ends_with(".localhost")
            || itself.contains(&host)
            || host.starts_with("kubernetes.default.svc.")
    }

    /// Identifies the content, credential included, without telling anything about it.
    pub fn digest(&self) -> [u8; 32] {
        let (first, second): (&[u8], &[u8]) = match &self.credential {
            Credential::ClientCertificate { certificate, key } => {
                (certificate.as_bytes(), key.expose())
            }
            Credential::Token(token) => (b"token", token.expose()),
        };
        let parts: [&[u8]; 6] = [
            self.server.as_bytes(),
            self.tls_server_name
                .as_deref()
                .unwrap_or_default()
                .as_bytes(),
            self.ca.as_deref().unwrap_or_default().as_bytes(),
            &[u8::from(self.disable_compression)],
            first,
            second,
        ];
        let mut hash = Sha256::new();
        for part in parts {
            hash.update(part.len().to_be_bytes());
            hash.update(part);
        }
        hash.finalize().into()
    }

    fn uri(&self) -> http::Uri {
        self.server.parse().unwrap_or_default()
    }
}

/// An address in the one form it is compared and published in.
pub(super) fn address(server: &str) -> Result<String, Refusal> {
    let server = server.trim().trim_end_matches('/');
    let uri = server.parse::<http::Uri>().ok();
    let authority = uri.as_ref().and_then(|uri| uri.authority());
    let is_usable = uri.as_ref().is_some_and(|uri| {
        uri.scheme_str() == Some("https")
            && uri.query().is_none()
            && uri.host().is_some_and(|host| !host.is_empty())
    });
    if !is_usable || server.contains('#') {
        return Err(Refusal::new(
            "ServerInvalid",
            "the server is not an https URL with a host",
            "write server as https://host:port",
        ));
    }
    if authority.is_some_and(|authority| authority.as_str().contains('@')) {
        return Err(Refusal::new(
            "ServerInvalid",
            "the server's URL holds a user name",
            "write server as https://host:port",
        ));
    }
    Ok(server.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn access(server: &str) -> Access {
        Access {
            server: address(server).unwrap(),
            tls_server_name: None,
            ca: None,
            credential: Credential::Token(Value::from("hunter2")),
            disable_compression: false,
        }
    }

    #[test]
    fn an_address_is_known_by_host_and_port() {
        let table = [
            ("https://api.example.org", "api.example.org", 443),
            ("https://api.example.org:6443/", "api.example.org", 6443),
            ("https://[2001:db8::1]:8443", "2001:db8::1", 8443),
            ("https://10.0.0.1:6443/k8s/clusters/c-1/", "10.0.0.1", 6443),
        ];
        for (server, host, port) in table {
            let access = access(server);
            assert_eq!((access.host().as_str(), access.port()), (host, port));
            assert!(!access.server.ends_with('/'));
        }
    }

    #[test]
    fn an_address_that_is_no_https_url_is_refused() {
        for server in [
            "",
            "http://api.example.org",
            "api.example.org:6443",
            "https://",
            "https://me:pw@api.example.org",
            "https://api.example.org?x=1",
            "https://api.example.org#x",
            "https://a b",
        ] {
            assert!(address(server).is_err(), "{server}");
        }
    }

    #[test]
    fn an_address_that_means_another_server_elsewhere_is_local() {
        for server in [
            "https://localhost:6443",
            "https://127.0.0.1:6443",
            "https://[::1]:6443",
            "https://0.0.0.0:6443",
            "https://kubernetes.default.svc",
            "https://KUBERNETES.default.svc.cluster.local.:443",
            "https://kubernetes",
        ] {
            assert!(access(server).is_local(), "{server}");
        }
        for server in [
            "https://dev.vc-dev.svc:443",
            "https://10.0.0.1",
            "https://kubernetes.example.org",
        ] {
            assert!(!access(server).is_local(), "{server}");
        }
    }

    #[test]
    fn another_server_does_not_keep_the_name_of_the_old_certificate() {
        let mut before = access("https://10.0.0.1:6443");
        before.tls_server_name = Some("old".into());
        let after = before.clone().at(Some("https://new:1/"), None).unwrap();
        assert_eq!(after.server, "https://new:1");
        assert_eq!(after.tls_server_name, None);
        let renamed = before.at(None, Some("other")).unwrap();
        assert_eq!(renamed.tls_server_name.as_deref(), Some("other"));
    }

    #[test]
    fn the_digest_follows_every_part_and_debug_shows_no_secret() {
        let first = access("https://a");
        let mut second = first.clone();
        second.credential = Credential::Token(Value::from("hunter3"));
        assert_ne!(first.digest(), second.digest());
        assert_eq!(first.digest(), first.clone().digest());
        assert!(!format!("{first:?}").contains("hunter"));
    }
}
