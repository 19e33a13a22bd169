//! From the parameters to the manifest that is applied: checked, filled with secrets, marked. Pure.

use base64::{Engine, prelude::BASE64_STANDARD};
use managed::external::{Desired, ExternalError};
use serde_json::{Map, Value as Json, json};

use super::{
    RemoteObject,
    value::{self, Filled},
};
use crate::kubernetes::{
    manifest::{Mark, pruned, set},
    object::ObjectRef,
};

/// What a manifest's metadata may hold.
const METADATA: [&str; 5] = ["name", "namespace", "labels", "annotations", "finalizers"];

/// What is applied. It holds secrets, so it has no `Debug`.
pub(super) struct Wanted {
    /// Which object.
    pub(super) object: ObjectRef,
    /// The manifest, with values and mark.
    pub(super) manifest: Json,
    /// The texts that must not be shown, as they stand in the manifest.
    secrets: Vec<String>,
    is_secret: bool,
}

impl Wanted {
    /// What a resource asks for.
    pub(super) fn of(desired: &Desired<RemoteObject>) -> Result<Self, ExternalError> {
        let parameters = &desired.parameters;
        let object = ObjectRef::of(&parameters.manifest).ok_or_else(|| {
            invalid(
                "the manifest lacks apiVersion, kind or metadata.name",
                "complete the manifest",
            )
        })?;
        let mut wanted = Self {
            is_secret: object.kind.group.is_empty() && object.kind.kind == "Secret",
            object,
            manifest: pruned(parameters.manifest.clone()),
            secrets: Vec::new(),
        };
        wanted.check()?;
        for value in value::filled(&parameters.values, &desired.inputs)? {
            wanted.put(&value)?;
        }
        wanted.encode();
        Mark::of(&desired.owner).put(&mut wanted.manifest);
        Ok(wanted)
    }

    fn check(&self) -> Result<(), ExternalError> {
        let unknown = |name: &&String| !METADATA.contains(&name.as_str());
        let metadata = self.manifest["metadata"].as_object();
        if let Some(name) = metadata.and_then(|fields| fields.keys().find(unknown)) {
            let cause = format!("the manifest names metadata.{name}, which is the server's");
            return Err(invalid(cause, "remove it from the manifest"));
        }
        if !self.manifest["status"].is_null() {
            return Err(invalid(
                "the manifest has a status",
                "remove it from the manifest",
            ));
        }
        let in_clear = ["data", "stringData"]
            .iter()
            .any(|field| !self.manifest[field].is_null());
        if self.is_secret && in_clear {
            return Err(invalid(
                "the manifest of a Secret holds values in clear",
                "put them in by values with secretKeyRef",
            ));
        }
        Ok(())
    }

    fn put(&mut self, filled: &Filled<'_>) -> Result<(), ExternalError> {
        let text = self.text(filled)?;
        for reserved in ["apiVersion", "kind", "metadata", "status"] {
            if filled.path.split(['.', '[']).next() == Some(reserved) {
                return Err(invalid(
                    format!("toFieldPath {} leads into {reserved}", filled.path),
                    "put values into spec or data only",
                ));
            }
        }
        set(&mut self.manifest, filled.path, text.clone().into()).ok_or_else(|| {
            invalid(
                format!("toFieldPath {} leads nowhere", filled.path),
                "correct toFieldPath",
            )
        })?;
        if filled.is_secret {
            let encoded = BASE64_STANDARD.encode(filled.value.expose());
            self.secrets.extend([text, encoded]);
        }
        Ok(())
    }

    /// A value as its place in the manifest takes it.
    fn text(&self, filled: &Filled<'_>) -> Result<String, ExternalError> {
        let path = filled.path;
        if self.is_secret && (path.starts_with("data.") || path.starts_with("data[")) {
            return Ok(BASE64_STANDARD.encode(filled.value.expose()));
        }
        let text = filled.value.expose_str().map(str::to_owned);
        text.ok_or_else(|| {
            let cause = format!("the value for {path} is not text");
            invalid(cause, "use data of a Secret")
        })
    }

    /// `stringData` is write-only: what it says is compared, and taken back, as `data`.
    fn encode(&mut self) {
        let Some(fields) = self.manifest.as_object_mut().filter(|_| self.is_secret) else {
            return;
        };
        let Some(Json::Object(plain)) = fields.remove("stringData") else {
            return;
        };
        let data = fields.entry("data").or_insert_with(|| json!({}));
        let encoded = plain.into_iter().filter_map(|(key, value)| {
            Some((key, Json::from(BASE64_STANDARD.encode(value.as_str()?))))
        });
        let encoded: Map<_, _> = encoded.collect();
        if let Some(data) = data.as_object_mut() {
            data.extend(encoded);
        }
    }

    /// True when a value at a path must not be shown.
    pub(super) fn hides(&self, path: &str, value: &Json) -> bool {
        let in_data = self.is_secret && path.starts_with("data");
        in_data || self.holds(value)
    }

    fn holds(&self, value: &Json) -> bool {
        match value {
            Json::String(text) => self.secrets.contains(text),
            Json::Array(items) => items.iter().any(|item| self.holds(item)),
            Json::Object(fields) => fields.values().any(|field| self.holds(field)),
            _ => false,
        }
    }

    /// True when a text quotes one of the secrets.
    pub(super) fn is_quoted_in(&self, text: &str) -> bool {
        let mut secrets = self.secrets.iter().filter(|secret| !secret.is_empty());
        secrets.any(|secret| {
            let escaped = Json::from(secret.as_str()).to_string();
            text.contains(secret.as_str()) || text.contains(escaped.trim_matches('"'))
        })
    }
}

fn invalid(cause: impl Into<String>, remedy: &str) -> ExternalError {
    ExternalError::invalid(cause, remedy)
}

#[cfg(test)]
mod tests;
