//! What changed on the fake API server, for those who watch.

use hyper::body::Bytes;
use serde_json::{Value, json};
use tokio::sync::watch;

use super::objects::Key;

/// How far the history goes, and how often watches were closed.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub(super) struct Now {
    version: u64,
    closings: u64,
}

impl Now {
    /// True when a watch that was opened at `self` has been closed by `later`.
    pub(super) fn is_closed_at(self, later: Self) -> bool {
        self.closings != later.closings
    }
}

#[derive(Debug)]
struct Change {
    version: u64,
    plural: String,
    namespace: String,
    event: Value,
}

/// Every change in order.
#[derive(Debug, Default)]
pub(super) struct History {
    changes: Vec<Change>,
    now: watch::Sender<Now>,
}

impl History {
    pub(super) fn note(&mut self, version: u64, key: &Key, what: &str, object: &Value) {
        self.changes.push(Change {
            version,
            plural: key.0.clone(),
            namespace: key.1.clone(),
            event: json!({ "type": what, "object": object }),
        });
        self.now.send_modify(|now| now.version = version);
    }

    /// Ends every watch that is open.
    pub(super) fn close_watches(&self) {
        self.now.send_modify(|now| now.closings += 1);
    }

    pub(super) fn subscribe(&self) -> watch::Receiver<Now> {
        self.now.subscribe()
    }

    /// The events after a version, one per line, and the version they lead to.
    pub(super) fn since(&self, version: u64, plural: &str, namespace: &str) -> (u64, Bytes) {
        let mut lines = String::new();
        for change in &self.changes {
            let matches =
                change.plural == plural && ["", change.namespace.as_str()].contains(&namespace);
            if change.version > version && matches {
                lines.push_str(&change.event.to_string());
                lines.push('\n');
            }
        }
        (self.now.borrow().version, Bytes::from(lines))
    }
}
