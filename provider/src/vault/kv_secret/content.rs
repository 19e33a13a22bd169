//! What a path shall hold: the keys of the spec with their values filled in. Pure.
//!
//! A source that is missing or empty stops everything: half a credential is worse than the old one.

use std::collections::{BTreeMap, BTreeSet};

use base64::{Engine, engine::general_purpose::STANDARD};
use managed::{
    external::ExternalError,
    input::{Input, Resolved, Value},
};

use super::{
    KvSecretParameters,
    source::{Encoding, ValueSource},
};
use crate::template;

/// Keys and values; `Debug` shows the keys only.
pub(super) type Wanted = BTreeMap<String, Value>;

/// Fills in the values. Keys with templates come last, because they refer to the others.
pub(super) fn wanted(
    parameters: &KvSecretParameters,
    inputs: &Resolved,
) -> Result<Wanted, ExternalError> {
    let mut wanted = Wanted::new();
    for (key, source) in &parameters.data {
        check_name(key)?;
        if let Some(value) = plain(key, source, inputs)? {
            wanted.insert(key.clone(), encoded(key, source, &value)?);
        }
    }
    let keys: BTreeSet<&str> = parameters.data.keys().map(String::as_str).collect();
    let rendered = parameters.data.iter().filter_map(|(key, source)| {
        let template = source.template.as_ref()?;
        Some(
            rendered(key, template, &wanted, &keys)
                .and_then(|value| Ok((key.clone(), encoded(key, source, &value)?))),
        )
    });
    let rendered = rendered.collect::<Result<Vec<_>, _>>()?;
    wanted.extend(rendered);
    Ok(wanted)
}

/// The value of a source that is no template.
fn plain(
    key: &str,
    source: &ValueSource,
    inputs: &Resolved,
) -> Result<Option<Value>, ExternalError> {
    match (
        &source.value,
        &source.secret_key_ref,
        &source.field_ref,
        &source.template,
    ) {
        (Some(value), None, None, None) => Ok(Some(Value::from(value.as_str()))),
        (None, Some(secret), None, None) => read(&Input::secret(secret), inputs).map(Some),
        (None, None, Some(field), None) => read(&field.input(), inputs).map(Some),
        (None, None, None, Some(_)) => Ok(None),
        _ => Err(ExternalError::invalid(
            format!(
                "data[{key:?}] needs exactly one of value, secretKeyRef, fieldRef and template"
            ),
            "remove the others",
        )),
    }
}

fn read(input: &Input, inputs: &Resolved) -> Result<Value, ExternalError> {
    let blocked = |cause| {
        ExternalError::blocked(
            input.to_string(),
            cause,
            "fill it, or correct the reference",
        )
    };
    match inputs.value(input) {
        None => Err(blocked(format!("{input} does not exist"))),
        Some(value) if value.expose().is_empty() => Err(blocked(format!("{input} is empty"))),
        Some(value) => Ok(value.clone()),
    }
}

fn encoded(key: &str, source: &ValueSource, value: &Value) -> Result<Value, ExternalError> {
    match (source.encoding.unwrap_or_default(), value.expose_str()) {
        (Encoding::Base64, _) => Ok(Value::from(STANDARD.encode(value.expose()))),
        (Encoding::None, Some(_)) => Ok(value.clone()),
        (Encoding::None, None) => Err(ExternalError::invalid(
            format!("the value of data[{key:?}] is not UTF-8"),
            "set encoding: Base64",
        )),
    }
}

fn rendered(
    key: &str,
    template: &str,
    values: &Wanted,
    keys: &BTreeSet<&str>,
) -> Result<Value, ExternalError> {
    let value = |name: &str| values.get(name).and_then(Value::expose_str);
    template::render(template, value)
        .map(Value::from)
        .map_err(|error| match &error {
            template::Error::UnknownKey(name) if keys.contains(name.as_str()) => {
                ExternalError::invalid(
                    format!(
                        "the template of data[{key:?}] refers to {name:?}, which is a template"
                    ),
                    "refer to keys that are no templates",
                )
            }
            _ => ExternalError::invalid(
                format!("the template of data[{key:?}] cannot be filled in: {error}"),
                "correct the template",
            ),
        })
}

/// Names are listed in the owner mark and stand in templates.
fn check_name(key: &str) -> Result<(), ExternalError> {
    let is_forbidden =
        |letter: char| letter.is_whitespace() || letter.is_control() || ",|{}".contains(letter);
    if key.is_empty() || key.contains(is_forbidden) {
        Err(ExternalError::invalid(
            format!("data has a key {key:?} with a space or one of , | {{ }}"),
            "rename the key",
        ))
    } else {
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::vault::kv_secret::FieldRef;

    fn field() -> FieldRef {
        FieldRef {
            api_version: "postgresql.pnats.cloud/v1alpha1".into(),
            kind: "Role".into(),
            name: "app".into(),
            field_path: "metadata.name".into(),
        }
    }

    fn parameters() -> KvSecretParameters {
        KvSecretParameters::new(
            "a",
            [
                ("host", ValueSource::literal("db")),
                ("password", ValueSource::secret("conn", "password")),
                ("username", ValueSource::field(field())),
                (
                    "url",
                    ValueSource::template("{{ username }}:{{ password | urlencode }}@{{ host }}"),
                ),
            ],
        )
    }

    fn inputs(password: &[u8]) -> Resolved {
        let secret = ValueSource::secret("conn", "password").input().unwrap();
        [
            (secret, Value::new(password.to_vec())),
            (field().input(), Value::from("app")),
        ]
        .into_iter()
        .collect()
    }

    #[test]
    fn every_source_is_filled_in() {
        let wanted = wanted(&parameters(), &inputs(b"p/w")).unwrap();
        let shown: Vec<_> = wanted
            .iter()
            .map(|(key, value)| (key.as_str(), value.expose_str().unwrap()))
            .collect();
        let expected = [
            ("host", "db"),
            ("password", "p/w"),
            ("url", "app:p%2Fw@db"),
            ("username", "app"),
        ];
        assert_eq!(shown, expected);
        assert!(!format!("{wanted:?}").contains("p/w"));
    }

    #[test]
    fn a_source_that_is_missing_or_empty_is_named_and_stops_everything() {
        let missing = wanted(&parameters(), &Resolved::default()).unwrap_err();
        assert_eq!(missing.class(), "blocked");
        assert!(
            missing
                .to_string()
                .starts_with(r#"key "password" of Secret conn does not exist"#)
        );
        let empty = wanted(&parameters(), &inputs(b"")).unwrap_err();
        assert!(
            empty
                .to_string()
                .starts_with(r#"key "password" of Secret conn is empty"#)
        );
    }

    #[test]
    fn bytes_that_are_no_text_need_an_encoding() {
        let mut parameters = parameters();
        parameters.data.remove("url");
        let refused = wanted(&parameters, &inputs(b"\xff\x00canary")).unwrap_err();
        assert!(
            refused
                .to_string()
                .contains(r#"data["password"] is not UTF-8"#)
        );
        assert!(!refused.to_string().contains("canary"));
        parameters.data.get_mut("password").unwrap().encoding = Some(Encoding::Base64);
        assert_eq!(
            wanted(&parameters, &inputs(b"\xff\x00")).unwrap()["password"].expose_str(),
            Some("/wA=")
        );
    }

    #[test]
    fn a_template_sees_plain_keys_only_and_never_shows_a_value() {
        let mut parameters = parameters();
        parameters
            .data
            .insert("again".into(), ValueSource::template("{{ url }}"));
        let nested = wanted(&parameters, &inputs(b"canary"))
            .unwrap_err()
            .to_string();
        assert!(
            nested.contains("which is a template") && !nested.contains("canary"),
            "{nested}"
        );
        parameters.data.insert(
            "again".into(),
            ValueSource::template("{{ password }}{{ nobody }}"),
        );
        let unknown = wanted(&parameters, &inputs(b"canary"))
            .unwrap_err()
            .to_string();
        assert!(
            unknown.contains(r#"no key "nobody""#) && !unknown.contains("canary"),
            "{unknown}"
        );
    }

    #[test]
    fn names_that_could_be_misread_are_refused() {
        for name in ["", "a b", "a,b", "a|b", "{a", "a\n"] {
            let parameters = KvSecretParameters::new("a", [(name, ValueSource::literal("x"))]);
            assert_eq!(
                wanted(&parameters, &Resolved::default())
                    .unwrap_err()
                    .class(),
                "invalid",
                "{name:?}"
            );
        }
    }
}
