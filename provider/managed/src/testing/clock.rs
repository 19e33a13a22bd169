//! A clock that stands still until it is moved.

use std::{
    sync::{Arc, Mutex},
    time::Duration,
};

use k8s_openapi::jiff::Timestamp;

/// A clock that stands still until it is moved. Clones show the same time.
#[derive(Clone, Debug)]
pub struct Clock(Arc<Mutex<Timestamp>>);

impl Default for Clock {
    fn default() -> Self {
        let start = Timestamp::from_second(1_800_000_000).expect("within range");
        Self(Arc::new(Mutex::new(start)))
    }
}

impl Clock {
    /// What it shows.
    pub fn now(&self) -> Timestamp {
        *self.0.lock().expect("no panic while held")
    }

    /// Moves it forward.
    pub fn advance(&self, by: Duration) {
        let mut now = self.0.lock().expect("no panic while held");
        *now = now.checked_add(by).expect("within range");
    }
}
