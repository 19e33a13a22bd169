//! The requests of a KV v2 secrets engine.
//!
//! Every write carries check-and-set with the version it was decided on; zero means that there was
//! never one. A part is changed by writing the whole, so that there is one kind of write and no policy
//! needs `patch` on data. One read tells the content, the version and the custom metadata. What is
//! stored is never shown.

use std::{collections::BTreeMap, fmt};

use serde_json::{Map, Value, json};

use super::{call::Call, error::Error, path::checked, session::Session};

/// One path of one KV v2 secrets engine.
#[derive(Clone, Debug)]
pub(super) struct Location {
    mount: String,
    path: String,
}

/// Keys and values as Vault holds them. `Debug` shows the keys only.
#[derive(Clone, Default, Eq, PartialEq)]
pub(super) struct Content(pub(super) Map<String, Value>);

/// What a path holds now.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub(super) struct Current {
    /// The current version; zero when none was ever written.
    pub(super) version: i64,
    /// When the current version was written.
    pub(super) created_time: String,
    /// Its state.
    pub(super) state: State,
    /// The custom metadata of the path.
    pub(super) custom: BTreeMap<String, String>,
}

/// The state of the current version.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub(super) enum State {
    /// No version was ever written.
    #[default]
    Nothing,
    /// Deleted; it can be undeleted.
    Deleted,
    /// Destroyed for good.
    Destroyed,
    /// Readable.
    Live(Content),
}

/// A change of the custom metadata: `None` removes the entry.
pub(super) type CustomPatch = BTreeMap<String, Option<String>>;

impl Location {
    /// A path below a mount, if both mean what they say.
    pub(super) fn new(mount: &str, path: &str) -> Result<Self, Error> {
        let mount = checked("mount", mount)?.to_owned();
        let path = checked("path", path)?.to_owned();
        Ok(Self { mount, path })
    }

    fn api(&self, prefix: &str) -> String {
        format!("{}/{prefix}/{}", self.mount, self.path)
    }

    /// Makes sure that a KV v2 secrets engine is there; `again` asks even if it was found before.
    pub(super) async fn expect_mounted(&self, session: &Session, again: bool) -> Result<(), Error> {
        session.expect_kv_v2(&self.mount, &self.path, again).await
    }

    /// Reads content, version and custom metadata.
    pub(super) async fn read(&self, session: &Session) -> Result<Current, Error> {
        let call = Call::get(self.api("data"));
        let reply = session.send(&call).await?;
        let not_found = reply.not_found;
        match reply.into_data() {
            Value::Null if not_found => Ok(Current::default()),
            data => Current::parse(data).ok_or_else(|| Error::Garbled {
                operation: call.operation(),
            }),
        }
    }

    /// Writes all keys at once, if the current version is still `version`.
    pub(super) async fn put(
        &self,
        session: &Session,
        version: i64,
        content: &Content,
    ) -> Result<(), Error> {
        let body = json!({ "options": { "cas": version }, "data": content.0 });
        let call = Call::post(self.api("data"), &body).showing_all_but(["data"]);
        session.send(&call).await.map(drop)
    }

    /// Changes custom metadata and leaves all other entries alone.
    pub(super) async fn mark(&self, session: &Session, change: &CustomPatch) -> Result<(), Error> {
        let body = json!({ "custom_metadata": change });
        let call = Call::patch(self.api("metadata"), &body).showing_all_but([]);
        session.send(&call).await.map(drop)
    }

    /// Numbers of the versions that are not destroyed.
    pub(super) async fn versions(&self, session: &Session) -> Result<Vec<i64>, Error> {
        let call = Call::get(self.api("metadata"));
        let reply = session.send(&call).await?;
        let versions = reply.data()["versions"].as_object();
        let kept = versions
            .into_iter()
            .flatten()
            .filter(|(_, version)| version["destroyed"] != true);
        Ok(kept.filter_map(|(number, _)| number.parse().ok()).collect())
    }

    /// Deletes versions so that they can be undeleted.
    pub(super) async fn delete(&self, session: &Session, versions: &[i64]) -> Result<(), Error> {
        let body = json!({ "versions": versions });
        let call = Call::post(self.api("delete"), &body).showing_all_but([]);
        session.send(&call).await.map(drop)
    }

    /// Destroys the data of versions for good.
    pub(super) async fn destroy(&self, session: &Session, versions: &[i64]) -> Result<(), Error> {
        let body = json!({ "versions": versions });
        let call = Call::post(self.api("destroy"), &body).showing_all_but([]);
        session.send(&call).await.map(drop)
    }

    /// Removes all versions and all metadata for good.
    pub(super) async fn purge(&self, session: &Session) -> Result<(), Error> {
        session
            .send(&Call::delete(self.api("metadata")))
            .await
            .map(drop)
    }
}

impl fmt::Display for Location {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.mount, self.path)
    }
}

impl Current {
    fn parse(mut data: Value) -> Option<Self> {
        let content = data["data"].take();
        let metadata = &data["metadata"];
        let state = match content {
            Value::Object(keys) => State::Live(Content(keys)),
            _ if metadata["destroyed"] == true => State::Destroyed,
            _ => State::Deleted,
        };
        let custom = metadata["custom_metadata"].as_object();
        let custom = custom
            .into_iter()
            .flatten()
            .filter_map(|(key, value)| Some((key.clone(), value.as_str()?.to_owned())));
        Some(Self {
            version: metadata["version"].as_i64()?,
            created_time: metadata["created_time"].as_str()?.to_owned(),
            custom: custom.collect(),
            state,
        })
    }

    /// The content, if the current version can be read.
    pub(super) fn live(&self) -> Option<&Content> {
        match &self.state {
            State::Live(content) => Some(content),
            State::Nothing | State::Deleted | State::Destroyed => None,
        }
    }
}

impl Content {
    /// Names of the keys in order.
    pub(super) fn keys(&self) -> Vec<String> {
        let mut keys: Vec<_> = self.0.keys().cloned().collect();
        keys.sort();
        keys
    }
}

impl fmt::Debug for Content {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_set().entries(self.0.keys()).finish()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn answer(data: &Value, destroyed: bool) -> Value {
        json!({
            "data": data,
            "metadata": {
                "version": 3, "created_time": "2026-11-24T21:58:11Z", "deletion_time": "", "destroyed": destroyed,
                "custom_metadata": { "team": "payments" }, "created_by": { "actor": "x" },
            },
        })
    }

    #[test]
    fn an_answer_tells_content_version_and_custom_metadata() {
        let current = Current::parse(answer(&json!({ "a": "1" }), false)).unwrap();
        assert_eq!(
            (current.version, current.custom["team"].as_str()),
            (3, "payments")
        );
        assert_eq!(current.live().unwrap().keys(), ["a"]);
    }

    #[test]
    fn a_deleted_and_a_destroyed_version_keep_their_number() {
        let deleted = Current::parse(answer(&Value::Null, false)).unwrap();
        let destroyed = Current::parse(answer(&Value::Null, true)).unwrap();
        assert_eq!((deleted.version, &deleted.state), (3, &State::Deleted));
        assert_eq!(
            (destroyed.version, &destroyed.state),
            (3, &State::Destroyed)
        );
    }

    #[test]
    fn content_shows_its_keys_and_never_its_values() {
        let current = Current::parse(answer(&json!({ "password": "canary" }), false)).unwrap();
        let shown = format!("{current:?}");
        assert!(shown.contains("password") && !shown.contains("canary"));
    }
}
