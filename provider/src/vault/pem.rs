//! Certificates and public keys in PEM, given literally or in a Secret.
//!
//! Vault believes what it is given: some of its auth methods accept any text as a CA and fail at the
//! first login. So what is no PEM is refused before it is written. A private key never leaves here.

use managed::{
    external::ExternalError,
    input::{Input, Resolved, SecretKeyRef},
};

/// The value of whichever is given; `None` when neither is.
pub(super) fn literal_or_secret<'a>(
    literal: Option<&'a str>,
    reference: Option<&SecretKeyRef>,
    inputs: &'a Resolved,
) -> Result<Option<&'a str>, ExternalError> {
    let Some(reference) = reference else {
        return Ok(literal);
    };
    let input = Input::secret(reference);
    let Some(value) = inputs.value(&input) else {
        let cause = format!("{input} does not exist");
        return Err(ExternalError::blocked(
            input.to_string(),
            cause,
            "create it",
        ));
    };
    match value.expose_str().map(str::trim) {
        Some(text) if !text.is_empty() => Ok(Some(text)),
        _ => Err(ExternalError::invalid(
            format!("{input} is empty or not text"),
            "correct the Secret",
        )),
    }
}

/// The text, if it holds certificates and nothing else.
pub(super) fn certificates<'a>(field: &str, text: &'a str) -> Result<&'a str, ExternalError> {
    match blocks(text) {
        Some(blocks) if blocks.iter().all(|block| label(block) == "CERTIFICATE") => Ok(text),
        _ => Err(ExternalError::invalid(
            format!("{field} holds something else than certificates in PEM"),
            "store the CA's certificates there",
        )),
    }
}

/// The public keys of a text, one by one, if it holds nothing else.
pub(super) fn public_keys(field: &str, text: &str) -> Result<Vec<String>, ExternalError> {
    let is_public = |block: &String| {
        matches!(
            label(block),
            "PUBLIC KEY" | "RSA PUBLIC KEY" | "CERTIFICATE"
        )
    };
    match blocks(text) {
        Some(blocks) if blocks.iter().all(is_public) => Ok(blocks),
        _ => Err(ExternalError::invalid(
            format!("{field} holds something else than public keys in PEM"),
            "store the public keys there",
        )),
    }
}

/// The blocks of a text, if there is at least one and nothing between them.
fn blocks(text: &str) -> Option<Vec<String>> {
    const BEGIN: &str = "-----BEGIN ";
    let text = text.replace("\r\n", "\n");
    let (before, rest) = text.split_once(BEGIN)?;
    let blocks: Vec<_> = rest
        .split(BEGIN)
        .map(|block| format!("{BEGIN}{}", block.trim_end()))
        .collect();
    let is_whole = |block: &String| block.ends_with(&format!("-----END {}-----", label(block)));
    (before.trim().is_empty() && blocks.iter().all(is_whole)).then_some(blocks)
}

fn label(block: &str) -> &str {
    let label = block.trim_start_matches("-----BEGIN ");
    label.split_once("-----").map_or("", |(label, _)| label)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn block(label: &str, body: &str) -> String {
        format!("-----BEGIN {label}-----\n{body}\n-----END {label}-----")
    }

    #[test]
    fn several_keys_of_one_text_are_told_apart() {
        let (one, two) = (block("PUBLIC KEY", "AA"), block("RSA PUBLIC KEY", "BB"));
        let text = format!("\n{one}\n\n{two}\n").replace('\n', "\r\n");
        assert_eq!(public_keys("keys", &text).unwrap(), [one, two]);
    }

    #[test]
    fn what_is_no_certificate_or_public_key_is_refused_and_not_shown() {
        let private = block("PRIVATE KEY", "canary");
        let mixed = format!("{}\n{private}", block("PUBLIC KEY", "AA"));
        for text in ["", "x", "-----BEGIN PUBLIC KEY-----\nAA", &private, &mixed] {
            let refused = public_keys("keys", text).unwrap_err().to_string();
            assert!(!refused.contains("canary"), "{refused}");
            assert!(certificates("ca", text).is_err(), "{text}");
        }
        let certificate = block("CERTIFICATE", "AA");
        assert_eq!(certificates("ca", &certificate).unwrap(), certificate);
    }

    #[test]
    fn a_secret_that_does_not_exist_is_waited_for_and_an_empty_one_is_refused() {
        let reference = SecretKeyRef {
            name: "conn".into(),
            key: "ca-cert".into(),
        };
        let mut inputs = Resolved::default();
        let read = |inputs: &Resolved| {
            literal_or_secret(None, Some(&reference), inputs)
                .map(|text| text.map(str::to_owned))
                .map_err(|error| error.class())
        };
        assert_eq!(read(&inputs), Err("blocked"));
        inputs.insert(Input::secret(&reference), " \n".into());
        assert_eq!(read(&inputs), Err("invalid"));
        inputs.insert(Input::secret(&reference), "x\n".into());
        assert_eq!(read(&inputs), Ok(Some("x".into())));
    }
}
