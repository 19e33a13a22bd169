//! Sessions with the testbed's Vault server, with settings and rights as a test wants them.

use managed::config::{ConfigSecretKeyRef, ProviderSettings};
use managed::external::{Connector as _, ExternalError, ResolvedConfig};
use managed::input::{Input, Value as Secret};
use provider_tenancy::vault::settings::Auth;
use provider_tenancy::vault::{Connector, Session, Settings};
use rand::distr::{Alphanumeric, SampleString};
use serde_json::json;
use testbed::Testbed;
use testbed::openbao::client::Client;

/// A config as the runtime resolves it.
pub(crate) fn resolved(
    testbed: &Testbed,
    settings: &Settings,
    token: &str,
) -> ResolvedConfig<Settings> {
    let ca = testbed.openbao().ca_pem().unwrap();
    let inputs = settings.inputs().into_iter().map(|input| {
        let value = match &input {
            Input::SecretKey { key, .. } if key == "token" => token.to_owned(),
            _ => ca.clone(),
        };
        (input, Secret::from(value))
    });
    ResolvedConfig {
        name: "ClusterProviderConfig default".into(),
        namespace: None,
        inputs: inputs.collect(),
        settings: settings.clone(),
        client: testbed.client(),
    }
}

/// Opens a session.
pub(crate) async fn connect(
    testbed: &Testbed,
    settings: &Settings,
    token: &str,
) -> Result<Session, ExternalError> {
    Connector.connect(&resolved(testbed, settings, token)).await
}

/// Settings for the testbed's server with its CA.
pub(crate) fn settings(testbed: &Testbed) -> Settings {
    let mut settings = Settings::new(&testbed.openbao().address, "nobody");
    settings.ca_secret_ref = Some(key("ca.crt"));
    settings
}

/// The same with a token from a Secret.
pub(crate) fn token_settings(testbed: &Testbed) -> Settings {
    let auth = Auth {
        kubernetes: None,
        token_secret_ref: Some(key("token")),
    };
    Settings {
        auth,
        ..settings(testbed)
    }
}

/// A new token with a policy of its own.
pub(crate) async fn token(root: &Client, policy: &str) -> String {
    let name = format!("test-{}", word());
    root.write(
        &format!("sys/policies/acl/{name}"),
        &json!({"policy": policy}),
    )
    .await
    .unwrap();
    let wanted = json!({"policies": [name], "ttl": "1h"});
    let answer = root.write("auth/token/create", &wanted).await.unwrap();
    answer["auth"]["client_token"].as_str().unwrap().to_owned()
}

/// A word nobody else uses.
pub(crate) fn word() -> String {
    Alphanumeric
        .sample_string(&mut rand::rng(), 8)
        .to_lowercase()
}

fn key(key: &str) -> ConfigSecretKeyRef {
    ConfigSecretKeyRef {
        namespace: Some("vault".into()),
        name: "vault".into(),
        key: key.into(),
    }
}
