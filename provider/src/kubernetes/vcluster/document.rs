//! The configuration that the control plane reads: the profile's, with the overlay merged in. Pure.

use std::fmt::Write;

use managed::external::ExternalError;
use serde_json::json;
use sha2::{Digest, Sha256};

use super::{overlay, target::Target};

/// Where the control plane finds what is in the Secret of the configuration.
pub(super) const DIRECTORY: &str = "/var/lib/vcluster";
/// Key of [`Document::oidc_authorities`] in that Secret, and name of the file.
pub(super) const OIDC_AUTHORITIES: &str = "oidc-ca.crt";

/// The configuration and its hash.
#[derive(Clone, Debug)]
pub(super) struct Document {
    /// `config.yaml`. It is JSON, which every reader of YAML reads.
    pub(super) text: String,
    /// The authorities that sign the certificate of the `OpenID` Connect provider.
    pub(super) oidc_authorities: Option<String>,
    /// SHA-256 of all that; a new one restarts the control plane.
    pub(super) hash: String,
}

impl Document {
    /// Renders the configuration, or says which path of the overlay cannot be set.
    pub(super) fn of(target: &Target<'_>) -> Result<Self, ExternalError> {
        let mut document = (target.profile.document)(target);
        let overlay = json!(target.parameters.config);
        overlay::check(&overlay, target.profile)?;
        overlay::merge(&mut document, &overlay);
        let text = format!("{document:#}\n");
        let oidc = target.parameters.oidc.as_ref();
        let oidc_authorities = oidc.and_then(|oidc| oidc.ca_cert.clone());
        let hash = sha256(&[&text, oidc_authorities.as_deref().unwrap_or_default()]);
        Ok(Self {
            text,
            oidc_authorities,
            hash,
        })
    }
}

fn sha256(parts: &[&str]) -> String {
    let digest = Sha256::digest(parts.concat().as_bytes());
    digest.iter().fold(String::new(), |mut hash, byte| {
        let _infallible = write!(hash, "{byte:02x}");
        hash
    })
}

#[cfg(test)]
mod tests;
