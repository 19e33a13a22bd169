//! One request to Vault and its answer.
//!
//! One endpoint serves every API, because the typed calls of the client library know neither PATCH
//! nor the answers of all supported servers. Bodies and answers may hold secrets: neither shows them.

use std::fmt;

use managed::drift::SENSITIVE;
use rustify::{
    endpoint::Endpoint,
    enums::{RequestMethod, RequestType, ResponseType},
    errors::ClientError,
};
use serde_json::Value;

/// What a request does. It decides the HTTP method, the capability it needs, and whether a lost
/// answer leaves the outcome unknown.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum Verb {
    /// Reads.
    Get,
    /// Writes.
    Post,
    /// Changes a part, by JSON merge patch.
    Patch,
    /// Deletes.
    Delete,
}

impl Verb {
    /// The HTTP method.
    pub(super) const fn method(self) -> &'static str {
        match self {
            Self::Get => "GET",
            Self::Post => "POST",
            Self::Patch => "PATCH",
            Self::Delete => "DELETE",
        }
    }

    /// The capabilities that a policy must list, as they stand in a policy.
    pub(super) const fn capabilities(self) -> &'static str {
        match self {
            Self::Get => r#""read""#,
            Self::Post => r#""create", "update""#,
            Self::Patch => r#""patch""#,
            Self::Delete => r#""delete""#,
        }
    }

    /// True when the request may change something.
    pub(super) const fn changes(self) -> bool {
        !matches!(self, Self::Get)
    }
}

/// One request. The path is below `/v1/` and its segments are not yet percent-encoded.
#[derive(Clone)]
pub(super) struct Call {
    /// What it does.
    pub(super) verb: Verb,
    /// Path such as `secret/data/a`.
    pub(super) path: String,
    query: Option<&'static str>,
    body: Option<Vec<u8>>,
    shown: Showing,
}

/// How much of a body may be shown where a request is planned.
#[derive(Clone)]
enum Showing {
    /// Its shape.
    Nothing,
    /// All of it but what is below these keys.
    AllBut(Vec<String>),
}

impl Call {
    /// Reads a path.
    pub(super) fn get(path: impl Into<String>) -> Self {
        Self {
            verb: Verb::Get,
            path: path.into(),
            query: None,
            body: None,
            shown: Showing::Nothing,
        }
    }

    /// Writes to a path.
    pub(super) fn post(path: impl Into<String>, body: &Value) -> Self {
        Self {
            verb: Verb::Post,
            path: path.into(),
            query: None,
            body: Some(body.to_string().into_bytes()),
            shown: Showing::Nothing,
        }
    }

    /// Changes a part of what is at a path.
    pub(super) fn patch(path: impl Into<String>, body: &Value) -> Self {
        Self {
            verb: Verb::Patch,
            ..Self::post(path, body)
        }
    }

    /// Deletes a path.
    pub(super) fn delete(path: impl Into<String>) -> Self {
        Self {
            verb: Verb::Delete,
            path: path.into(),
            query: None,
            body: None,
            shown: Showing::Nothing,
        }
    }

    /// The same with a query string.
    #[must_use]
    pub(super) fn with_query(self, query: &'static str) -> Self {
        Self {
            query: Some(query),
            ..self
        }
    }

    /// The same; where it is planned, its body is shown but for what is below these keys. Without this
    /// every value in it counts as secret.
    #[must_use]
    pub(super) fn showing_all_but<'a>(self, keys: impl IntoIterator<Item = &'a str>) -> Self {
        Self {
            shown: Showing::AllBut(keys.into_iter().map(str::to_owned).collect()),
            ..self
        }
    }

    /// The whole request as a plan shows it.
    pub(super) fn planned(&self) -> String {
        let Some(body) = self.body.as_deref() else {
            return self.operation();
        };
        let mut body = serde_json::from_slice(body).unwrap_or_default();
        match &self.shown {
            Showing::Nothing => mask(&mut body),
            Showing::AllBut(keys) => {
                for key in keys {
                    body.get_mut(key).map(mask);
                }
            }
        }
        format!("{} {body}", self.operation())
    }

    /// Method and path, for messages.
    pub(super) fn operation(&self) -> String {
        format!("{} {}", self.verb.method(), self.path)
    }

    /// The line that a policy needs for this request. Vault wants root rights to change auth methods.
    pub(super) fn policy(&self) -> String {
        let is_root = self.verb.changes() && self.path.starts_with("sys/auth/");
        format!(
            r#"path "{}" {{ capabilities = [{}{}] }}"#,
            self.path,
            self.verb.capabilities(),
            if is_root { r#", "sudo""# } else { "" },
        )
    }
}

/// Leaves the shape and no value.
fn mask(value: &mut Value) {
    match value {
        Value::Object(entries) => entries.values_mut().for_each(mask),
        Value::Array(items) => items.iter_mut().for_each(mask),
        value => *value = SENSITIVE.into(),
    }
}

impl fmt::Debug for Call {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.operation())
    }
}

impl Endpoint for Call {
    type Response = Value;
    const REQUEST_BODY_TYPE: RequestType = RequestType::JSON;
    const RESPONSE_BODY_TYPE: ResponseType = ResponseType::JSON;

    fn path(&self) -> String {
        self.path.clone()
    }

    fn method(&self) -> RequestMethod {
        match self.verb {
            Verb::Get => RequestMethod::GET,
            Verb::Post => RequestMethod::POST,
            Verb::Patch => RequestMethod::PATCH,
            Verb::Delete => RequestMethod::DELETE,
        }
    }

    fn query(&self) -> Result<Option<String>, ClientError> {
        Ok(self.query.map(str::to_owned))
    }

    fn body(&self) -> Result<Option<Vec<u8>>, ClientError> {
        Ok(self.body.clone())
    }
}

/// The answer to a request: success, or "there is nothing" (404).
pub(super) struct Reply {
    /// True when the server says that there is nothing, or nothing any more.
    pub(super) not_found: bool,
    /// The whole body; null when there is none.
    pub(super) body: Value,
}

impl Reply {
    /// Success without a word.
    pub(super) const fn empty() -> Self {
        Self {
            not_found: false,
            body: Value::Null,
        }
    }

    /// What the API calls `data`, or null.
    pub(super) fn data(&self) -> &Value {
        &self.body["data"]
    }

    /// What the API calls `data`, taken out.
    pub(super) fn into_data(mut self) -> Value {
        self.body["data"].take()
    }
}

impl fmt::Debug for Reply {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Reply")
            .field("not_found", &self.not_found)
            .finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn neither_request_nor_answer_shows_its_body() {
        let call = Call::post(
            "secret/data/a",
            &json!({ "data": { "password": "canary" } }),
        );
        let reply = Reply {
            not_found: false,
            body: json!({ "data": "canary" }),
        };
        assert!(!format!("{call:?} {reply:?}").contains("canary"));
    }

    #[test]
    fn a_planned_request_shows_what_is_known_to_be_harmless_and_nothing_else() {
        let body = json!({ "options": { "cas": 3 }, "data": { "password": "canary", "list": ["canary"] } });
        let call = Call::post("secret/data/a", &body);
        assert_eq!(
            call.planned(),
            r#"POST secret/data/a {"data":{"list":["(sensitive)"],"password":"(sensitive)"},"options":{"cas":"(sensitive)"}}"#
        );
        assert_eq!(
            call.showing_all_but(["data"]).planned(),
            r#"POST secret/data/a {"data":{"list":["(sensitive)"],"password":"(sensitive)"},"options":{"cas":3}}"#
        );
        assert_eq!(
            Call::delete("secret/metadata/a").planned(),
            "DELETE secret/metadata/a"
        );
    }

    #[test]
    fn a_request_knows_the_policy_it_needs() {
        let call = Call::post("secret/data/a", &json!({}));
        assert_eq!(
            call.policy(),
            r#"path "secret/data/a" { capabilities = ["create", "update"] }"#
        );
        assert_eq!(
            Call::delete("sys/auth/jwt").policy(),
            r#"path "sys/auth/jwt" { capabilities = ["delete", "sudo"] }"#
        );
    }
}
