//! The values that are put into a manifest: from Secrets, and from templates over those. Pure.

use std::collections::BTreeMap;

use managed::{
    external::ExternalError,
    input::{Input, Resolved, SecretKeyRef, Value},
};

use super::ManifestValue;
use crate::template;

/// A value and its place in the manifest.
pub(super) struct Filled<'p> {
    /// Where it goes.
    pub(super) path: &'p str,
    /// The value.
    pub(super) value: Value,
    /// True unless it stands in the resource for everybody to read.
    pub(super) is_secret: bool,
}

/// Reads what stands for itself, then fills in the templates over it.
pub(super) fn filled<'p>(
    values: &'p [ManifestValue],
    inputs: &Resolved,
) -> Result<Vec<Filled<'p>>, ExternalError> {
    let mut known = BTreeMap::new();
    for value in values {
        if let Some(plain) = plain(value, inputs)? {
            known.insert(value.to_field_path.as_str(), plain);
        }
    }
    values.iter().map(|value| fill(value, &known)).collect()
}

/// The value of a Secret, or of text without placeholders. Admission refuses both at once; a resource
/// may be older than the rule.
fn plain(value: &ManifestValue, inputs: &Resolved) -> Result<Option<Value>, ExternalError> {
    match (&value.secret_key_ref, &value.template) {
        (Some(reference), None) => secret(reference, inputs).map(Some),
        (None, Some(template)) if template.contains("{{") => Ok(None),
        (None, Some(literal)) => Ok(Some(Value::from(literal.as_str()))),
        _ => Err(ExternalError::invalid(
            format!(
                "the value for {} needs exactly one of secretKeyRef and template",
                value.to_field_path
            ),
            "set one of them",
        )),
    }
}

fn fill<'p>(
    value: &'p ManifestValue,
    known: &BTreeMap<&str, Value>,
) -> Result<Filled<'p>, ExternalError> {
    let path = value.to_field_path.as_str();
    let (filled, is_secret) = match (known.get(path), &value.template) {
        (Some(plain), template) => (plain.clone(), template.is_none()),
        (None, template) => {
            let template = template.as_deref().unwrap_or_default();
            (rendered(path, template, known)?, true)
        }
    };
    Ok(Filled {
        path,
        value: filled,
        is_secret,
    })
}

fn secret(reference: &SecretKeyRef, inputs: &Resolved) -> Result<Value, ExternalError> {
    let found = inputs.secret(reference).cloned();
    found.ok_or_else(|| {
        let input = Input::secret(reference).to_string();
        let cause = format!("{input} does not exist");
        ExternalError::blocked(input, cause, "create it, or correct the reference")
    })
}

fn rendered(
    path: &str,
    template: &str,
    known: &BTreeMap<&str, Value>,
) -> Result<Value, ExternalError> {
    let value = |name: &str| known.get(name).and_then(Value::expose_str);
    let text = template::render(template, value).map_err(|error| {
        ExternalError::invalid(
            format!("the template for {path} cannot be filled in: {error}"),
            "name the toFieldPath of values that have no placeholders themselves",
        )
    })?;
    Ok(Value::from(text))
}
