//! Facts about certificates: until when they are valid, and whether they belong to a key.

use std::fmt::Write;

use k8s_openapi::jiff::Timestamp;
use managed::input::Value;
use rustls::{crypto::aws_lc_rs::sign::any_supported_type, sign::CertifiedKey};
use rustls_pki_types::{CertificateDer, PrivateKeyDer, pem::PemObject};
use sha2::{Digest, Sha256};
use x509_cert::{Certificate, der::Decode, time::Time};

use super::{
    access::{Access, Credential},
    error::Refusal,
};

/// What is worth knowing about the certificates of an [`Access`].
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub struct Facts {
    /// From when the client certificate is valid; `None` with a token.
    pub not_before: Option<Timestamp>,
    /// Until when the client certificate is valid; `None` with a token.
    pub not_after: Option<Timestamp>,
    /// SHA-256 of the client certificate in hexadecimal; `None` with a token.
    pub fingerprint: Option<String>,
    /// Until when the authority that goes first is valid; `None` without a CA.
    pub ca_not_after: Option<Timestamp>,
}

/// The facts. What cannot be read was refused when the kubeconfig was.
pub fn facts(access: &Access) -> Facts {
    let mut facts = Facts {
        ca_not_after: access
            .ca
            .iter()
            .flat_map(|pem| ders(pem))
            .filter_map(|der| validity(&der).map(|(_, until)| until))
            .min(),
        ..Facts::default()
    };
    if let Credential::ClientCertificate { certificate, .. } = &access.credential
        && let Some(leaf) = ders(certificate).into_iter().next()
    {
        facts.fingerprint = Some(fingerprint(&leaf));
        if let Some((from, until)) = validity(&leaf) {
            (facts.not_before, facts.not_after) = (Some(from), Some(until));
        }
    }
    facts
}

/// Whether text holds certificates that can be read.
pub(crate) fn are_certificates(pem: &str) -> bool {
    let certificates = ders(pem);
    !certificates.is_empty() && certificates.iter().all(|der| validity(der).is_some())
}

/// Refuses text that holds no certificate, or one that cannot be read.
pub(super) fn check_authorities(pem: &str) -> Result<(), Refusal> {
    if are_certificates(pem) {
        return Ok(());
    }
    Err(Refusal::new(
        "CAMalformed",
        "certificate-authority-data holds no certificate that can be read",
        "correct the kubeconfig's CA",
    ))
}

/// Refuses a certificate and a key that do not belong together.
pub(super) fn check_pair(certificate: &str, key: &Value) -> Result<(), Refusal> {
    let refused = |cause: &str| {
        Refusal::new(
            "CredentialMalformed",
            cause,
            "renew the kubeconfig's credential",
        )
    };
    let chain = ders(certificate);
    if chain.first().is_none_or(|leaf| validity(leaf).is_none()) {
        return Err(refused(
            "client-certificate-data holds no certificate that can be read",
        ));
    }
    let private = PrivateKeyDer::from_pem_slice(key.expose())
        .ok()
        .and_then(|der| any_supported_type(&der).ok())
        .ok_or_else(|| refused("client-key-data holds no private key that can be read"))?;
    match CertifiedKey::new(chain, private).keys_match() {
        Err(rustls::Error::InconsistentKeys(rustls::InconsistentKeys::KeyMismatch)) => Err(
            refused("the client's key does not belong to its certificate"),
        ),
        _ => Ok(()),
    }
}

pub(super) fn ders(pem: &str) -> Vec<CertificateDer<'static>> {
    CertificateDer::pem_slice_iter(pem.as_bytes())
        .collect::<Result<_, _>>()
        .unwrap_or_default()
}

fn validity(der: &[u8]) -> Option<(Timestamp, Timestamp)> {
    let certificate = Certificate::from_der(der).ok()?;
    let validity = certificate.tbs_certificate.validity;
    Some((
        timestamp(validity.not_before)?,
        timestamp(validity.not_after)?,
    ))
}

fn timestamp(time: Time) -> Option<Timestamp> {
    let seconds = i64::try_from(time.to_unix_duration().as_secs()).ok()?;
    Timestamp::from_second(seconds).ok()
}

fn fingerprint(der: &[u8]) -> String {
    let mut text = String::with_capacity(64);
    for byte in Sha256::digest(der) {
        let _infallible = write!(text, "{byte:02x}");
    }
    text
}
