//! The `config` of an Argo CD cluster Secret: Argo CD's own JSON for an [`Access`]. Pure.
//!
//! | kubeconfig | JSON |
//! |---|---|
//! | `certificate-authority-data` | `tlsClientConfig.caData` |
//! | `tls-server-name` | `tlsClientConfig.serverName` |
//! | `client-certificate-data`, `client-key-data` | `tlsClientConfig.certData`, `keyData` |
//! | `token` | `bearerToken` |
//! | `disable-compression` | `disableCompression` |
//!
//! The data fields are base64 of PEM, the very strings of a kubeconfig.

use base64::{Engine, prelude::BASE64_STANDARD};
use managed::input::Value;
use serde_json::{Map, Value as Json};

use crate::kubeconfig::{Access, Credential};

/// Paths of the values in the JSON that must not be shown.
pub const SECRET_PATHS: [&str; 2] = ["bearerToken", "tlsClientConfig.keyData"];

/// The JSON, as an object. Holds the credential.
pub fn object(access: &Access) -> Map<String, Json> {
    let mut tls = Map::new();
    tls.insert("insecure".into(), false.into());
    if let Some(name) = &access.tls_server_name {
        tls.insert("serverName".into(), name.clone().into());
    }
    if let Some(ca) = &access.ca {
        tls.insert("caData".into(), BASE64_STANDARD.encode(ca).into());
    }
    let mut config = Map::new();
    match &access.credential {
        Credential::ClientCertificate { certificate, key } => {
            tls.insert(
                "certData".into(),
                BASE64_STANDARD.encode(certificate).into(),
            );
            tls.insert(
                "keyData".into(),
                BASE64_STANDARD.encode(key.expose()).into(),
            );
        }
        Credential::Token(token) => {
            config.insert("bearerToken".into(), token.expose_str().into());
        }
    }
    config.insert("tlsClientConfig".into(), tls.into());
    if access.disable_compression {
        config.insert("disableCompression".into(), true.into());
    }
    config
}

/// The JSON as text.
pub fn text(access: &Access) -> Value {
    Value::from(Json::from(object(access)).to_string())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn access(credential: Credential) -> Access {
        Access {
            server: "https://dev.vc-dev.svc".into(),
            tls_server_name: Some("dev".into()),
            ca: Some("CA".into()),
            credential,
            disable_compression: false,
        }
    }

    fn json(access: &Access) -> String {
        text(access).expose_str().unwrap().to_owned()
    }

    #[test]
    fn a_token_and_a_certificate_become_argo_cds_own_json() {
        let token = access(Credential::Token(Value::from("t")));
        assert_eq!(
            json(&token),
            r#"{"bearerToken":"t","tlsClientConfig":{"caData":"Q0E=","insecure":false,"serverName":"dev"}}"#
        );
        let certificate = access(Credential::ClientCertificate {
            certificate: "CERT".into(),
            key: Value::from("KEY"),
        });
        assert_eq!(
            json(&certificate),
            r#"{"tlsClientConfig":{"caData":"Q0E=","certData":"Q0VSVA==","insecure":false,"keyData":"S0VZ","serverName":"dev"}}"#
        );
    }

    #[test]
    fn what_is_not_set_is_not_written() {
        let mut access = access(Credential::Token(Value::from("t")));
        (access.ca, access.tls_server_name) = (None, None);
        access.disable_compression = true;
        assert_eq!(
            json(&access),
            r#"{"bearerToken":"t","disableCompression":true,"tlsClientConfig":{"insecure":false}}"#
        );
    }
}
