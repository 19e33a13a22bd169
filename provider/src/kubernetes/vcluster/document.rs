//! The configuration that the control plane reads: the profile's, with the overlay merged in. Pure.

use std::fmt::Write;

use managed::external::ExternalError;
use serde_json::json;
use sha2::{Digest, Sha256};

use super::{overlay, target::Target};

/// The configuration and its hash.
#[derive(Clone, Debug)]
pub(super) struct Document {
    /// `config.yaml`. It is JSON, which every reader of YAML reads.
    pub(super) text: String,
    /// SHA-256 of the text; a new one restarts the control plane.
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
        let mut hash = String::with_capacity(64);
        for byte in Sha256::digest(text.as_bytes()) {
            let _infallible = write!(hash, "{byte:02x}");
        }
        Ok(Self { text, hash })
    }
}

#[cfg(test)]
mod tests;
