//! What a request to the fake API server is about.

use k8s_openapi::jiff::Timestamp;
use serde_json::{Value, json};

use super::{
    api_server::Request,
    objects::{Key, Objects, Refused},
};

/// What a path points to.
#[derive(Clone, Debug, Default)]
pub(super) struct Target {
    pub(super) plural: String,
    pub(super) namespace: String,
    name: String,
    is_status: bool,
    /// The version from which on changes are watched.
    pub(super) watched_since: Option<u64>,
    /// Before the changes comes what is there.
    pub(super) streams_list: bool,
}

impl Target {
    /// `None` for discovery.
    pub(super) fn of(path: &str, query: &str) -> Option<Self> {
        let mut parts: Vec<_> = path.split('/').filter(|part| !part.is_empty()).collect();
        parts.drain(..if parts.first() == Some(&"api") { 2 } else { 3 });
        let mut target = Self::default();
        if parts.first() == Some(&"namespaces") && parts.len() > 2 {
            parts[1].clone_into(&mut target.namespace);
            parts.drain(..2);
        }
        let mut parts = parts.into_iter();
        parts.next()?.clone_into(&mut target.plural);
        parts
            .next()
            .unwrap_or_default()
            .clone_into(&mut target.name);
        target.is_status = parts.next() == Some("status");
        target.watched_since = parameter(query, "watch")
            .map(|_| parameter(query, "resourceVersion").and_then(|version| version.parse().ok()))
            .map(Option::unwrap_or_default);
        target.streams_list = parameter(query, "sendInitialEvents") == Some("true");
        Some(target)
    }

    pub(super) fn key(&self) -> Key {
        (
            self.plural.clone(),
            self.namespace.clone(),
            self.name.clone(),
        )
    }

    pub(super) fn what(&self, method: &http::Method) -> String {
        let verb = match method.as_str() {
            "GET" if self.watched_since.is_some() => "watch",
            "GET" if self.name.is_empty() => "list",
            "GET" => "get",
            "POST" => "create",
            "PATCH" => "patch",
            _ => "delete",
        };
        let name = Some(&self.name).filter(|name| !name.is_empty());
        let name = name.map(|name| format!("/{name}")).unwrap_or_default();
        let status = if self.is_status { "/status" } else { "" };
        format!("{verb} {}{name}{status}", self.plural)
    }

    pub(super) fn carry_out(
        mut self,
        objects: &mut Objects,
        method: &http::Method,
        request: &Request,
        manager: &str,
        now: Timestamp,
    ) -> Result<Value, Refused> {
        match method.as_str() {
            "GET" if self.name.is_empty() => {
                let items = objects.list(&self.plural, &self.namespace);
                let metadata = json!({ "resourceVersion": objects.version().to_string() });
                Ok(
                    json!({ "kind": "List", "apiVersion": "v1", "metadata": metadata, "items": items }),
                )
            }
            "GET" => objects
                .get(&self.key())
                .cloned()
                .ok_or(Refused(404, "NotFound")),
            "POST" => {
                let name = request.body["metadata"]["name"].as_str();
                name.unwrap_or_default().clone_into(&mut self.name);
                objects.create(self.key(), request.body.clone(), now)
            }
            "PATCH" if self.is_status => objects.apply_status(&self.key(), manager, &request.body),
            "PATCH" => objects.merge(&self.key(), &request.body),
            _ => objects
                .delete(&self.key(), now)
                .map(|()| json!({ "kind": "Status", "apiVersion": "v1", "status": "Success" })),
        }
    }
}

/// A parameter of a query.
pub(super) fn parameter<'a>(query: &'a str, wanted: &str) -> Option<&'a str> {
    let mut pairs = query.split('&').filter_map(|pair| pair.split_once('='));
    pairs
        .find(|(key, _)| *key == wanted)
        .map(|(_, value)| value)
}
