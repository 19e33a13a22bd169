//! Durations as Vault writes them, compared as whole seconds.
//!
//! `90m`, `1h30m`, `5400s` and `5400` are the same duration and never differ from one another.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// A duration such as `1h30m`, `7d` or `3600s`; a number alone counts seconds.
#[derive(Clone, Debug, Deserialize, Eq, JsonSchema, PartialEq, Serialize)]
#[serde(transparent)]
pub struct Ttl(
    #[schemars(
        length(max = 32),
        regex(
            pattern = r"^([0-9]{1,10}|([0-9]{1,7}d)?([0-9]{1,8}h)?([0-9]{1,9}m)?([0-9]{1,10}s)?)$"
        )
    )]
    String,
);

impl Ttl {
    /// A duration as it stands in a manifest.
    pub fn new(text: impl Into<String>) -> Self {
        Self(text.into())
    }

    /// The whole seconds; `None` when the text is not a duration.
    pub fn seconds(&self) -> Option<u64> {
        seconds(&self.0)
    }

    /// The text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

/// Seconds of a text such as `1h30m`. The empty text is no duration.
fn seconds(text: &str) -> Option<u64> {
    if let Ok(seconds) = text.parse() {
        return Some(seconds);
    }
    let mut rest = text;
    let mut total: u64 = 0;
    while !rest.is_empty() {
        let end = rest.find(|letter: char| !letter.is_ascii_digit())?;
        let (number, tail) = rest.split_at(end);
        let unit = match tail.as_bytes().first()? {
            b'd' => 86_400,
            b'h' => 3_600,
            b'm' => 60,
            b's' => 1,
            _ => return None,
        };
        let count: u64 = number.parse().ok()?;
        total = total.checked_add(count.checked_mul(unit)?)?;
        rest = &tail[1..];
    }
    (!text.is_empty()).then_some(total)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_way_to_write_a_duration_means_its_seconds() {
        let table = [
            ("5400", Some(5_400)),
            ("5400s", Some(5_400)),
            ("90m", Some(5_400)),
            ("1h30m", Some(5_400)),
            ("7d", Some(604_800)),
            ("1d1h1m1s", Some(90_061)),
            ("0", Some(0)),
            ("", None),
            ("h", None),
            ("1h30", None),
            ("-1h", None),
            ("1.5h", None),
            ("1w", None),
            ("99999999999999999999s", None),
            ("999999999999999999d", None),
        ];
        for (text, expected) in table {
            assert_eq!(Ttl::new(text).seconds(), expected, "{text:?}");
        }
    }
}
