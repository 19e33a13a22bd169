//! Reads and writes the configuration of auth methods of type kubernetes.

use std::{collections::BTreeSet, time::Duration};

use k8s_openapi::jiff::Timestamp;
use managed::{
    ConnectionDetails, Drift,
    external::{Desired, ExternalClient, ExternalError, Observation},
};
use serde_json::{Map, Value, json};

use super::{
    KubernetesAuthConfig, KubernetesAuthConfigObservation, ReviewerObservation,
    reviewer::{self, Source},
};
use crate::vault::{
    auth_method::{Subject, mount},
    field::Fields,
    note::now,
    pem,
    session::Session,
};

impl ExternalClient<KubernetesAuthConfig> for Session {
    async fn observe(
        &self,
        desired: &Desired<KubernetesAuthConfig>,
    ) -> Result<Observation<KubernetesAuthConfig>, ExternalError> {
        // Vault cannot forget a configuration.
        if desired.deleting {
            return Ok(Observation::Absent);
        }
        let (subject, source) = (subject(desired)?, Source::of(desired)?);
        let noted = self.known().reviewers.get(&subject.api);
        let known = noted.or_else(|| desired.last.reviewer.clone());
        let token = |found: &Value| {
            let drift = reviewer::drift(source.as_ref(), known.as_ref(), found, now());
            drift.into_iter().collect()
        };
        let Some(seen) = subject.look(self, desired, true, token).await? else {
            return Ok(Observation::Absent);
        };
        let is_due = reviewer::is_due(source.as_ref(), known.as_ref());
        let known = known.filter(|_| source.is_some());
        let again = known.as_ref().and_then(until_renewal);
        let at_provider = at_provider(&subject.mount, &seen.found, known);
        let observed =
            Observation::present(at_provider, seen.drift).renewing(is_due.then_some("reviewer"));
        Ok(match again {
            Some(again) => observed.again_within(again),
            None => observed,
        })
    }

    fn ledger(&self, desired: &Desired<KubernetesAuthConfig>) -> BTreeSet<String> {
        subject(desired).map_or_else(|_| BTreeSet::new(), |subject| subject.ledger())
    }

    async fn create(
        &self,
        desired: &Desired<KubernetesAuthConfig>,
    ) -> Result<ConnectionDetails, ExternalError> {
        let (subject, source) = (subject(desired)?, Source::of(desired)?);
        let mut more = Map::new();
        if let Some(source) = source {
            let (token, noted) = source.obtain(self).await?;
            let token = token.expose_str().unwrap_or_default().trim();
            more.insert("token_reviewer_jwt".into(), json!(token));
            subject.write(self, more).await?;
            self.known().reviewers.put(&subject.api, noted);
        } else {
            subject.write(self, more).await?;
            self.known().reviewers.forget(&subject.api);
        }
        self.known().written.put(&subject.mount, now());
        Ok(ConnectionDetails::none())
    }

    async fn update(
        &self,
        desired: &Desired<KubernetesAuthConfig>,
        _drift: &[Drift],
    ) -> Result<ConnectionDetails, ExternalError> {
        self.create(desired).await
    }

    async fn delete(&self, _desired: &Desired<KubernetesAuthConfig>) -> Result<(), ExternalError> {
        Ok(())
    }
}

fn subject(desired: &Desired<KubernetesAuthConfig>) -> Result<Subject, ExternalError> {
    let parameters = &desired.parameters;
    let mount = mount(parameters.mount.as_deref(), &desired.last.mount)?;
    Ok(Subject::config(mount, fields(desired)?, parameters.adopt))
}

fn fields(desired: &Desired<KubernetesAuthConfig>) -> Result<Fields, ExternalError> {
    let parameters = &desired.parameters;
    let host = pem::literal_or_secret(
        parameters.kubernetes_host.as_deref(),
        parameters.kubernetes_host_secret_ref.as_ref(),
        &desired.inputs,
    )?;
    let ca = pem::literal_or_secret(
        parameters.kubernetes_ca_cert.as_deref(),
        parameters.kubernetes_ca_cert_secret_ref.as_ref(),
        &desired.inputs,
    )?;
    let ca = ca
        .map(|ca| pem::certificates("kubernetesCaCert", ca))
        .transpose()?;
    let host = host.unwrap_or_default().trim_end_matches('/');
    if !host.starts_with("https://") {
        return Err(ExternalError::invalid(
            "kubernetesHost is not an address with https",
            "write it as https://host:port",
        ));
    }
    let mut fields = Fields::default();
    fields.text("kubernetesHost", "kubernetes_host", host);
    fields.text(
        "kubernetesCaCert",
        "kubernetes_ca_cert",
        ca.unwrap_or_default(),
    );
    let disable_local = parameters.disable_local_ca_jwt.unwrap_or(true);
    fields.truth("disableLocalCaJwt", "disable_local_ca_jwt", disable_local);
    // Keys set by hand would let in whoever they sign for.
    fields.set("pemKeys", "pem_keys", [""; 0]);
    Ok(fields)
}

fn at_provider(
    mount: &str,
    found: &Value,
    reviewer: Option<ReviewerObservation>,
) -> KubernetesAuthConfigObservation {
    KubernetesAuthConfigObservation {
        mount: mount.to_owned(),
        kubernetes_host: found["kubernetes_host"]
            .as_str()
            .unwrap_or_default()
            .to_owned(),
        reviewer,
    }
}

fn until_renewal(reviewer: &ReviewerObservation) -> Option<Duration> {
    let renew_at: Timestamp = reviewer.renew_at.as_deref()?.parse().ok()?;
    let seconds = renew_at.as_second() - now().as_second();
    Some(Duration::from_secs(
        u64::try_from(seconds).unwrap_or(0).max(1),
    ))
}
