//! Inputs become values: keys of Secrets and `ConfigMap`s, fields of objects.
//!
//! Every object is read once per pass, however many of its values are used, and noted whether it was
//! found or not.

use std::{collections::HashMap, sync::Mutex};

use k8s_openapi::api::core::v1::{ConfigMap, Secret};
use kube::{
    Api, Client,
    api::{ApiResource, DynamicObject, GroupVersionKind},
};
use serde_json::Value as Json;

use crate::{
    dependents::{ObjectId, Seen, Source},
    external::{ExternalError, Failure},
    input::{Input, Resolved, Value},
    persist::is_status,
};

/// Reads inputs from the API server. Needs get on Secrets, `ConfigMap`s and the kinds read.
pub(crate) struct Reader {
    client: Client,
    resources: Mutex<HashMap<(String, String), ApiResource>>,
}

/// Objects read in one pass, so that several keys of one Secret cost one request.
type Objects = HashMap<ObjectId, Option<Json>>;

impl Reader {
    /// A reader.
    pub(crate) fn new(client: Client) -> Self {
        Self {
            client,
            resources: Mutex::default(),
        }
    }

    /// Reads inputs on behalf of something in `namespace`.
    pub(crate) async fn read(
        &self,
        namespace: &str,
        inputs: &[Input],
        seen: &mut Seen,
    ) -> Result<Resolved, ExternalError> {
        let mut objects = Objects::new();
        let mut values = Resolved::default();
        let mut first_failure = None;
        for input in inputs {
            match self.read_one(namespace, input, &mut objects, seen).await {
                Ok(value) => values.insert(input.clone(), value),
                Err(failure) => drop(first_failure.get_or_insert(failure)),
            }
        }
        first_failure.map_or(Ok(values), Err)
    }

    /// The resource behind `apiVersion` and kind; asks the API server once per kind.
    pub(crate) async fn resource(
        &self,
        api_version: &str,
        kind: &str,
    ) -> Result<ApiResource, ExternalError> {
        let key = (api_version.to_owned(), kind.to_owned());
        if let Some(known) = self
            .resources
            .lock()
            .expect("no panic while held")
            .get(&key)
        {
            return Ok(known.clone());
        }
        let (group, version) = api_version.split_once('/').unwrap_or(("", api_version));
        let gvk = GroupVersionKind::gvk(group, version, kind);
        let (resource, _) = kube::discovery::pinned_kind(&self.client, &gvk)
            .await
            .map_err(|error| {
                ExternalError::blocked(
                    format!("kind {kind}"),
                    format!("the API server does not know kind {kind} in {api_version}: {error}"),
                    "correct apiVersion and kind, or install the CRD",
                )
            })?;
        self.resources
            .lock()
            .expect("no panic while held")
            .insert(key, resource.clone());
        Ok(resource)
    }

    async fn read_one(
        &self,
        namespace: &str,
        input: &Input,
        objects: &mut Objects,
        seen: &mut Seen,
    ) -> Result<Value, ExternalError> {
        let id = Self::id(namespace, input);
        if !objects.contains_key(&id) {
            let object = self.fetch(input, &id).await?;
            let version = object
                .as_ref()
                .and_then(|object| object["metadata"]["resourceVersion"].as_str());
            seen.insert(
                Source::Object(id.clone()),
                version.unwrap_or_default().to_owned(),
            );
            objects.insert(id.clone(), object);
        }
        let object = objects.get(&id).and_then(Option::as_ref);
        let object = object.ok_or_else(|| missing_object(&id))?;
        value(object, input).ok_or_else(|| missing_value(object, input, &id))
    }

    fn id(own: &str, input: &Input) -> ObjectId {
        match input {
            Input::SecretKey {
                namespace, name, ..
            } => ObjectId::secret(namespace.as_deref().unwrap_or(own), name),
            Input::ConfigMapKey { name, .. } => ObjectId::config_map(own, name),
            Input::Field {
                api_version,
                kind,
                name,
                ..
            } => ObjectId {
                group: api_version
                    .split_once('/')
                    .map_or("", |(group, _)| group)
                    .into(),
                kind: kind.clone(),
                namespace: own.into(),
                name: name.clone(),
            },
        }
    }

    async fn fetch(&self, input: &Input, id: &ObjectId) -> Result<Option<Json>, ExternalError> {
        let client = self.client.clone();
        let found = match input {
            Input::SecretKey { .. } => {
                let api: Api<Secret> = Api::namespaced(client, &id.namespace);
                api.get_opt(&id.name)
                    .await
                    .map(|found| found.map(serde_json::to_value))
            }
            Input::ConfigMapKey { .. } => {
                let api: Api<ConfigMap> = Api::namespaced(client, &id.namespace);
                api.get_opt(&id.name)
                    .await
                    .map(|found| found.map(serde_json::to_value))
            }
            Input::Field {
                api_version, kind, ..
            } => {
                let resource = self.resource(api_version, kind).await?;
                let api: Api<DynamicObject> =
                    Api::namespaced_with(client, &id.namespace, &resource);
                api.get_opt(&id.name)
                    .await
                    .map(|found| found.map(serde_json::to_value))
            }
        };
        let found = found.map_err(|error| cannot_read(id, &error))?;
        found.transpose().map_err(|error| unreadable(id, &error))
    }
}

fn value(object: &Json, input: &Input) -> Option<Value> {
    match input {
        // Serialised Secrets carry base64 text; decoding is what `ByteString` is for.
        Input::SecretKey { key, .. } => {
            let encoded = object["data"].get(key)?;
            let bytes: k8s_openapi::ByteString = serde_json::from_value(encoded.clone()).ok()?;
            Some(Value::new(bytes.0))
        }
        Input::ConfigMapKey { key, .. } => object["data"].get(key)?.as_str().map(Value::from),
        Input::Field { path, .. } => match field(object, path)? {
            Json::Null => None,
            Json::String(text) if text.is_empty() => None,
            Json::String(text) => Some(Value::from(text.as_str())),
            other => Some(Value::from(other.to_string())),
        },
    }
}

/// Follows a path such as `status.conditions[0].reason` or `metadata.annotations[a.b/c]`.
fn field<'a>(object: &'a Json, path: &str) -> Option<&'a Json> {
    let mut at = object;
    let mut rest = path;
    while !rest.is_empty() {
        let step;
        (step, rest) = match rest.strip_prefix('[') {
            Some(inside) => inside.split_once(']')?,
            None => rest.split_at(rest.find(['.', '[']).unwrap_or(rest.len())),
        };
        rest = rest.strip_prefix('.').unwrap_or(rest);
        at = match at {
            Json::Array(items) => items.get(step.parse::<usize>().ok()?)?,
            _ => at.get(step.trim_matches(['\'', '"']))?,
        };
    }
    Some(at)
}

fn described(id: &ObjectId) -> String {
    format!("{} {}/{}", id.kind, id.namespace, id.name)
}

fn missing_object(id: &ObjectId) -> ExternalError {
    ExternalError::blocked(
        described(id),
        format!("{} does not exist", described(id)),
        "create it",
    )
}

fn missing_value(object: &Json, input: &Input, id: &ObjectId) -> ExternalError {
    match input {
        Input::SecretKey { key, .. } | Input::ConfigMapKey { key, .. } => {
            let keys: Vec<_> = object["data"]
                .as_object()
                .into_iter()
                .flatten()
                .map(|(key, _)| key.as_str())
                .collect();
            let held = if keys.is_empty() {
                "no key".to_owned()
            } else {
                keys.join(", ")
            };
            ExternalError::blocked(
                described(id),
                format!("{} has no key {key:?}, it holds {held}", described(id)),
                format!("add the key {key:?}, or correct the reference"),
            )
        }
        Input::Field { path, .. } => ExternalError::blocked(
            described(id),
            format!("{path} of {} is not set yet", described(id)),
            "wait for it, or correct the field path",
        ),
    }
}

fn cannot_read(id: &ObjectId, error: &kube::Error) -> ExternalError {
    let cause = format!("cannot read {}: {error}", described(id));
    if is_status(error, 403) {
        return ExternalError::Denied(Failure::new(
            cause,
            "give the provider's ServiceAccount the verb get on it",
        ));
    }
    ExternalError::Other(Failure::new(cause, "nothing to do, it is retried"))
}

fn unreadable(id: &ObjectId, error: &serde_json::Error) -> ExternalError {
    ExternalError::Other(Failure::new(
        format!("cannot decode {}: {error}", described(id)),
        "check the object",
    ))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn a_path_descends_through_objects_lists_and_quoted_keys() {
        let object = json!({
            "status": { "atProvider": { "host": "db" }, "list": [{ "a": 1 }] },
            "metadata": { "annotations": { "a.b/c": "d" } },
        });
        assert_eq!(field(&object, "status.atProvider.host"), Some(&json!("db")));
        assert_eq!(field(&object, "status.list[0].a"), Some(&json!(1)));
        assert_eq!(
            field(&object, "metadata.annotations[a.b/c]"),
            Some(&json!("d"))
        );
        assert_eq!(
            field(&object, "metadata.annotations['a.b/c']"),
            Some(&json!("d"))
        );
        assert_eq!(field(&object, "status.nothing.there"), None);
    }

    #[test]
    fn a_missing_key_names_the_keys_that_are_there() {
        let object = json!({ "data": { "user": "eA==" } });
        let input = Input::SecretKey {
            namespace: None,
            name: "s".into(),
            key: "password".into(),
        };
        let failure = missing_value(&object, &input, &ObjectId::secret("shop", "s"));
        assert_eq!(
            failure.to_string(),
            "Secret shop/s has no key \"password\", it holds user; add the key \"password\", or correct the reference"
        );
    }
}
