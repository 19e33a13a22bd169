//! Reads and writes the configuration of auth methods of type jwt.

use std::collections::BTreeSet;

use managed::{
    ConnectionDetails, Drift,
    external::{Desired, ExternalClient, ExternalError, Observation},
    input::SecretKeyRef,
};
use serde_json::{Map, Value};

use super::{JwtAuthConfig, JwtAuthConfigObservation};
use crate::vault::{
    auth_method::{Subject, mount},
    field::Fields,
    note::now,
    pem,
    session::Session,
};

impl ExternalClient<JwtAuthConfig> for Session {
    async fn observe(
        &self,
        desired: &Desired<JwtAuthConfig>,
    ) -> Result<Observation<JwtAuthConfig>, ExternalError> {
        // Vault cannot forget a configuration.
        if desired.deleting {
            return Ok(Observation::Absent);
        }
        let subject = subject(desired)?;
        let seen = subject.look(self, desired, true, |_| Vec::new()).await?;
        Ok(seen.map_or(Observation::Absent, |seen| {
            Observation::present(at_provider(&subject.mount, &seen.found), seen.drift)
        }))
    }

    fn ledger(&self, desired: &Desired<JwtAuthConfig>) -> BTreeSet<String> {
        subject(desired).map_or_else(|_| BTreeSet::new(), |subject| subject.ledger())
    }

    async fn create(
        &self,
        desired: &Desired<JwtAuthConfig>,
    ) -> Result<ConnectionDetails, ExternalError> {
        let subject = subject(desired)?;
        subject.write(self, Map::new()).await?;
        self.known().written.put(&subject.mount, now());
        Ok(ConnectionDetails::none())
    }

    async fn update(
        &self,
        desired: &Desired<JwtAuthConfig>,
        _drift: &[Drift],
    ) -> Result<ConnectionDetails, ExternalError> {
        self.create(desired).await
    }

    async fn delete(&self, _desired: &Desired<JwtAuthConfig>) -> Result<(), ExternalError> {
        Ok(())
    }
}

fn subject(desired: &Desired<JwtAuthConfig>) -> Result<Subject, ExternalError> {
    let parameters = &desired.parameters;
    let mount = mount(parameters.mount.as_deref(), &desired.last.mount)?;
    Ok(Subject::config(mount, fields(desired)?, parameters.adopt))
}

fn fields(desired: &Desired<JwtAuthConfig>) -> Result<Fields, ExternalError> {
    let parameters = &desired.parameters;
    let ca = text(
        desired,
        parameters.ca_cert.as_deref(),
        parameters.ca_cert_secret_ref.as_ref(),
    )?;
    let ca = ca.map(|ca| pem::certificates("caCert", ca)).transpose()?;
    let ca_if = |wanted: bool| ca.filter(|_| wanted).unwrap_or_default();
    let issuer = text(
        desired,
        parameters.bound_issuer.as_deref(),
        parameters.bound_issuer_secret_ref.as_ref(),
    )?;
    let url = |url: &Option<String>| url.clone().unwrap_or_default();
    let mut fields = Fields::default();
    fields.set(
        "jwtValidationPubkeys",
        "jwt_validation_pubkeys",
        keys(desired)?,
    );
    fields.text("jwksUrl", "jwks_url", &url(&parameters.jwks_url));
    fields.text(
        "caCert",
        "jwks_ca_pem",
        ca_if(parameters.jwks_url.is_some()),
    );
    let discovery = &parameters.oidc_discovery_url;
    fields.text("oidcDiscoveryUrl", "oidc_discovery_url", &url(discovery));
    fields.text(
        "caCert",
        "oidc_discovery_ca_pem",
        ca_if(discovery.is_some()),
    );
    let issuer = issuer.unwrap_or_default().trim();
    fields.text("boundIssuer", "bound_issuer", issuer);
    let algorithms = &parameters.jwt_supported_algs;
    fields.set("jwtSupportedAlgs", "jwt_supported_algs", algorithms);
    let role = parameters.default_role.as_deref().unwrap_or_default();
    fields.text("defaultRole", "default_role", role);
    Ok(fields)
}

fn keys(desired: &Desired<JwtAuthConfig>) -> Result<Vec<String>, ExternalError> {
    let parameters = &desired.parameters;
    let reference = parameters.jwt_validation_pubkeys_secret_ref.as_ref();
    let listed = parameters.jwt_validation_pubkeys.iter().flatten();
    let listed = listed.map(String::as_str).collect::<Vec<_>>().join("\n");
    match pem::literal_or_secret(None, reference, &desired.inputs)? {
        Some(text) => pem::public_keys("jwtValidationPubkeysSecretRef", text),
        None if listed.is_empty() => Ok(Vec::new()),
        None => pem::public_keys("jwtValidationPubkeys", &listed),
    }
}

fn text<'a>(
    desired: &'a Desired<JwtAuthConfig>,
    literal: Option<&'a str>,
    reference: Option<&SecretKeyRef>,
) -> Result<Option<&'a str>, ExternalError> {
    pem::literal_or_secret(literal, reference, &desired.inputs)
}

fn at_provider(mount: &str, found: &Value) -> JwtAuthConfigObservation {
    let keys = found["jwt_validation_pubkeys"]
        .as_array()
        .map_or(0, Vec::len);
    JwtAuthConfigObservation {
        mount: mount.to_owned(),
        bound_issuer: found["bound_issuer"]
            .as_str()
            .unwrap_or_default()
            .to_owned(),
        public_keys: i64::try_from(keys).ok().filter(|keys| *keys > 0),
    }
}
