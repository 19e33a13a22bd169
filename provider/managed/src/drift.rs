//! Drift as a value: which field differs, what is wanted, what was found.

use std::fmt;

use k8s_openapi::apimachinery::pkg::apis::meta::v1::Time;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// What stands for a secret wherever a value may be shown.
pub const SENSITIVE: &str = "(sensitive)";

/// Values longer than this are cut when shown, so a condition stays readable.
const LONGEST_SHOWN: usize = 120;

/// A value as a user may see it. Secrets are redacted when the value is made, not when it is shown.
#[derive(Clone, Debug, Deserialize, Eq, JsonSchema, PartialEq, Serialize)]
#[serde(transparent)]
pub struct Shown(String);

impl Shown {
    /// A value that may be seen by anyone who may read the resource.
    pub fn plain(value: impl fmt::Display) -> Self {
        let mut text = value.to_string();
        if text.len() > LONGEST_SHOWN {
            let end = (0..=LONGEST_SHOWN)
                .rev()
                .find(|at| text.is_char_boundary(*at))
                .unwrap_or(0);
            text.truncate(end);
            text.push('…');
        }
        Self(text)
    }

    /// A value that must not be seen.
    pub fn secret() -> Self {
        Self(SENSITIVE.into())
    }

    /// A field that is not there.
    pub fn absent() -> Self {
        Self("(none)".into())
    }

    /// The text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for Shown {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// One field whose observed value differs from the desired one.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Drift {
    /// Path below `spec.forProvider`, for example `connectionLimit` or `settings.work_mem`.
    pub field: String,
    /// What the spec asks for.
    pub desired: Shown,
    /// What was found.
    pub observed: Shown,
}

impl Drift {
    /// A field whose values may be shown.
    pub fn plain(
        field: impl Into<String>,
        desired: impl fmt::Display,
        observed: impl fmt::Display,
    ) -> Self {
        Self {
            field: field.into(),
            desired: Shown::plain(desired),
            observed: Shown::plain(observed),
        }
    }

    /// A field whose values must not be shown.
    pub fn secret(field: impl Into<String>) -> Self {
        Self {
            field: field.into(),
            desired: Shown::secret(),
            observed: Shown::secret(),
        }
    }

    /// Compares two values and notes the difference.
    pub fn compare<T: PartialEq + fmt::Display>(
        drift: &mut Vec<Self>,
        field: impl Into<String>,
        desired: &T,
        observed: &T,
    ) {
        if desired != observed {
            drift.push(Self::plain(field, desired, observed));
        }
    }
}

impl fmt::Display for Drift {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "{}: want {}, found {}",
            self.field, self.desired, self.observed
        )
    }
}

/// What to do about drift.
#[derive(Clone, Copy, Debug, Default, Deserialize, Eq, JsonSchema, PartialEq, Serialize)]
pub enum DriftPolicy {
    /// Change the external resource back.
    #[default]
    Correct,
    /// Say what differs and leave it. Changes of the spec are applied all the same.
    Report,
}

/// Why a field differs.
#[derive(Clone, Copy, Debug, Deserialize, Eq, JsonSchema, PartialEq, Serialize)]
pub enum Cause {
    /// Somebody changed the external resource.
    External,
    /// The spec, or something it reads, was changed and is not applied yet.
    SpecChanged,
    /// Nobody changed anything: what is there is about to expire and is made anew in time.
    Renewal,
}

/// One entry of `status.drift`.
#[derive(Clone, Debug, Deserialize, Eq, JsonSchema, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct DriftedField {
    /// Path below `spec.forProvider`.
    pub field: String,
    /// What the spec asks for; secrets are shown as `(sensitive)`.
    pub desired: Shown,
    /// What was found; secrets are shown as `(sensitive)`.
    pub observed: Shown,
    /// Who changed it.
    pub cause: Cause,
    /// When the difference was first seen.
    pub since: Time,
}

/// `status.lastDrift`: the last time the external resource was found changed by somebody else.
#[derive(Clone, Debug, Deserialize, Eq, JsonSchema, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct LastDrift {
    /// When it was found.
    pub at: Time,
    /// Which fields differed.
    pub fields: Vec<String>,
    /// Whether it was changed back.
    pub corrected: bool,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_long_value_is_cut_at_a_character_boundary() {
        let shown = Shown::plain("ä".repeat(100));
        assert!(shown.as_str().ends_with('…'));
        assert!(shown.as_str().len() <= LONGEST_SHOWN + '…'.len_utf8());
    }

    #[test]
    fn a_secret_difference_names_the_field_only() {
        assert_eq!(
            Drift::secret("password").to_string(),
            "password: want (sensitive), found (sensitive)"
        );
    }
}
