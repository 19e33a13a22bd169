//! Changes that an external system tells of by itself, so that nobody has to wait for a poll.
//!
//! A [`Connector`](crate::external::Connector) whose system can tell (a watch, LISTEN, a stream of
//! events) hands out a stream per session. The runtime listens for as long as the session is open and
//! looks at what was named at once; many tellings of the same thing are one look. Nothing relies on
//! it: what is missed is found by the next poll.

use std::{fmt, sync::Arc};

use futures::{StreamExt, stream::BoxStream};
use tokio::task::JoinHandle;

use crate::{kind::Kind, reference::Target};

/// Something changed outside.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Changed {
    pub(crate) target: Target,
    pub(crate) subject: Subject,
}

/// How a change names what it is about.
#[derive(Clone, Debug, Eq, PartialEq)]
pub(crate) enum Subject {
    /// The managed resource itself.
    Object { namespace: String, name: String },
    /// Its identity in the external system.
    External(String),
}

/// Changes as they happen. The stream reconnects by itself; when it ends, only polling is left.
pub type Changes = BoxStream<'static, Changed>;

impl Changed {
    /// What a managed resource of kind `K` stands for, known by the resource's own name.
    pub fn object<K: Kind>(namespace: impl Into<String>, name: impl Into<String>) -> Self {
        Self {
            target: Target::of::<K>(),
            subject: Subject::Object {
                namespace: namespace.into(),
                name: name.into(),
            },
        }
    }

    /// What managed resources of kind `K` stand for, known by its name in the external system.
    pub fn external<K: Kind>(external_name: impl Into<String>) -> Self {
        Self {
            target: Target::of::<K>(),
            subject: Subject::External(external_name.into()),
        }
    }
}

/// Where changes go.
pub(crate) type Heard = Arc<dyn Fn(Changed) + Send + Sync>;

/// Listens to one session, until this is dropped.
pub(crate) struct Listening(JoinHandle<()>);

impl Listening {
    pub(crate) fn to(mut changes: Changes, heard: Heard) -> Self {
        Self(tokio::spawn(async move {
            while let Some(changed) = changes.next().await {
                heard(changed);
            }
        }))
    }
}

impl Drop for Listening {
    fn drop(&mut self) {
        self.0.abort();
    }
}

impl fmt::Debug for Listening {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Listening")
    }
}
