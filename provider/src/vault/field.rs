//! Fields of an object of Vault's API: what to write, and what differs from what was read. Pure.
//!
//! A list without order is compared as a set, a duration in seconds, a certificate without the white
//! space around it, and what Vault leaves out of an answer counts as its default. So a write that was
//! accepted never shows as drift.

use std::collections::{BTreeMap, BTreeSet};

use managed::{Drift, Shown};
use serde_json::{Map, Value, json};

use super::duration::Ttl;

/// The fields of one object.
#[derive(Clone, Debug, Default)]
pub(super) struct Fields(Vec<Field>);

#[derive(Clone, Debug)]
struct Field {
    /// Path below `spec.forProvider`.
    name: &'static str,
    /// Vault's name.
    key: &'static str,
    wanted: Form,
}

/// A value, and how it is compared.
#[derive(Clone, Debug, Eq, PartialEq)]
enum Form {
    Text(String),
    Number(u64),
    Truth(bool),
    Set(BTreeSet<String>),
    Map(BTreeMap<String, BTreeSet<String>>),
    Texts(BTreeMap<String, String>),
}

impl Fields {
    /// A text; the same as absent when it is empty.
    pub(super) fn text(&mut self, name: &'static str, key: &'static str, value: &str) {
        self.push(name, key, Form::Text(pem(value)));
    }

    /// A duration in seconds; not set is zero, which means the server's default.
    pub(super) fn ttl(&mut self, name: &'static str, key: &'static str, value: Option<&Ttl>) {
        let seconds = value.and_then(Ttl::seconds).unwrap_or(0);
        self.number(name, key, seconds);
    }

    /// A number; not negative.
    pub(super) fn number(&mut self, name: &'static str, key: &'static str, value: u64) {
        self.push(name, key, Form::Number(value));
    }

    /// True or false.
    pub(super) fn truth(&mut self, name: &'static str, key: &'static str, value: bool) {
        self.push(name, key, Form::Truth(value));
    }

    /// A list whose order means nothing.
    pub(super) fn set<S: AsRef<str>>(
        &mut self,
        name: &'static str,
        key: &'static str,
        values: impl IntoIterator<Item = S>,
    ) {
        let values = values.into_iter().map(|value| pem(value.as_ref()));
        self.push(name, key, Form::Set(values.collect()));
    }

    /// Names, each with values whose order means nothing.
    pub(super) fn sets(
        &mut self,
        name: &'static str,
        key: &'static str,
        values: &BTreeMap<String, Vec<String>>,
    ) {
        let entries = values
            .iter()
            .map(|(name, values)| (name.clone(), values.iter().cloned().collect()));
        self.push(name, key, Form::Map(entries.collect()));
    }

    /// Names with one value each.
    pub(super) fn texts(
        &mut self,
        name: &'static str,
        key: &'static str,
        values: &BTreeMap<String, String>,
    ) {
        self.push(name, key, Form::Texts(values.clone()));
    }

    fn push(&mut self, name: &'static str, key: &'static str, wanted: Form) {
        self.0.push(Field { name, key, wanted });
    }

    /// The body of a write.
    pub(super) fn body(&self) -> Map<String, Value> {
        let entries = self
            .0
            .iter()
            .map(|field| (field.key.to_owned(), field.wanted.json()));
        entries.collect()
    }

    /// The fields that differ from the `data` of an answer.
    pub(super) fn drift(&self, found: &Value) -> Vec<Drift> {
        let differs = |field: &Field| {
            let observed = field.wanted.like(&found[field.key]);
            (observed != field.wanted).then(|| Drift {
                field: field.name.to_owned(),
                desired: field.wanted.shown(),
                observed: observed.shown(),
            })
        };
        self.0.iter().filter_map(differs).collect()
    }
}

impl Form {
    fn json(&self) -> Value {
        match self {
            Self::Text(text) => json!(text),
            Self::Number(number) => json!(number),
            Self::Truth(truth) => json!(truth),
            Self::Set(set) => json!(set),
            Self::Map(map) => json!(map),
            Self::Texts(texts) => json!(texts),
        }
    }

    /// What was read, in the form of what is wanted.
    fn like(&self, found: &Value) -> Self {
        match self {
            Self::Text(_) => Self::Text(pem(found.as_str().unwrap_or_default())),
            Self::Number(_) => Self::Number(number(found)),
            Self::Truth(_) => Self::Truth(found.as_bool().unwrap_or_default()),
            Self::Set(_) => Self::Set(set(found)),
            Self::Map(_) => Self::Map(entries(found, set)),
            Self::Texts(_) => Self::Texts(entries(found, text)),
        }
    }

    fn shown(&self) -> Shown {
        let text = match self {
            Self::Text(text) => text.clone(),
            Self::Number(number) => number.to_string(),
            Self::Truth(truth) => truth.to_string(),
            Self::Set(set) => joined(set.iter().cloned()),
            Self::Map(map) => joined(
                map.iter()
                    .map(|(name, values)| format!("{name}={}", joined(values.iter().cloned()))),
            ),
            Self::Texts(texts) => {
                joined(texts.iter().map(|(name, value)| format!("{name}={value}")))
            }
        };
        if text.is_empty() {
            Shown::absent()
        } else {
            Shown::plain(text)
        }
    }
}

/// Vault keeps the white space around a certificate as it was written.
fn pem(text: &str) -> String {
    text.replace("\r\n", "\n").trim().to_owned()
}

/// Vault writes durations as numbers, or as text such as `3600s`.
fn number(found: &Value) -> u64 {
    let text = || found.as_str().and_then(|text| Ttl::new(text).seconds());
    found.as_u64().or_else(text).unwrap_or(0)
}

fn text(found: &Value) -> String {
    found.as_str().unwrap_or_default().to_owned()
}

/// One value may stand for a list of one.
fn set(found: &Value) -> BTreeSet<String> {
    match found {
        Value::Array(values) => values.iter().map(|value| pem(&text(value))).collect(),
        Value::String(value) => [pem(value)].into(),
        _ => BTreeSet::new(),
    }
}

fn entries<T>(found: &Value, read: impl Fn(&Value) -> T) -> BTreeMap<String, T> {
    let found = found.as_object().into_iter().flatten();
    found
        .map(|(name, value)| (name.clone(), read(value)))
        .collect()
}

fn joined(values: impl Iterator<Item = String>) -> String {
    values.collect::<Vec<_>>().join(", ")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn fields() -> Fields {
        let mut fields = Fields::default();
        fields.text("ca", "ca_pem", "-----BEGIN\r\nX\r\n");
        fields.ttl("ttl", "token_ttl", Some(&Ttl::new("1h")));
        fields.ttl("period", "token_period", None);
        fields.truth("strict", "strict", false);
        fields.set("names", "bound_names", ["b", "a"]);
        fields.sets(
            "claims",
            "bound_claims",
            &[("team".to_owned(), vec!["y".to_owned(), "x".to_owned()])].into(),
        );
        fields.texts("mappings", "mappings", &BTreeMap::new());
        fields
    }

    #[test]
    fn a_write_that_was_accepted_is_not_drift_however_it_is_read_back() {
        let answers = [
            json!({ "ca_pem": "-----BEGIN\nX", "token_ttl": 3600, "token_period": 0, "strict": false,
                "bound_names": ["a", "b"], "bound_claims": { "team": ["x", "y"] }, "mappings": {} }),
            json!({ "ca_pem": "-----BEGIN\nX\n\n", "token_ttl": "3600s",
                "bound_names": ["b", "a"], "bound_claims": { "team": ["y", "x"] }, "mappings": null }),
            Value::Object(fields().body()),
        ];
        for answer in answers {
            assert_eq!(fields().drift(&answer), [], "{answer}");
        }
    }

    #[test]
    fn each_field_that_differs_is_named_as_in_the_manifest() {
        let answer = json!({ "ca_pem": "", "token_ttl": 60, "token_period": 5, "strict": true,
            "bound_names": ["a", "*"], "bound_claims": { "team": "x" }, "mappings": { "a": "b" } });
        let drift = fields().drift(&answer);
        let shown: Vec<_> = drift.iter().map(ToString::to_string).collect();
        assert_eq!(
            shown,
            [
                "ca: want -----BEGIN\nX, found (none)",
                "ttl: want 3600, found 60",
                "period: want 0, found 5",
                "strict: want false, found true",
                "names: want a, b, found *, a",
                "claims: want team=x, y, found team=x",
                "mappings: want (none), found a=b",
            ]
        );
    }
}
