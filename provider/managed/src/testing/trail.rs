//! What happened, in order, and where to stop.

use std::sync::{Arc, Mutex};

use tokio::sync::Notify;

/// Before or after a step takes effect.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Moment {
    /// The step was not taken.
    Before,
    /// The step was taken, and nobody learnt of it.
    After,
}

#[derive(Debug, Default)]
struct State {
    steps: Vec<String>,
    stop: Option<(usize, Moment)>,
}

/// Writes to the API server and calls of the external system, in order. Clones write the same trail.
#[derive(Clone, Debug, Default)]
pub struct Trail {
    state: Arc<Mutex<State>>,
    stopped: Arc<Notify>,
}

impl Trail {
    /// The steps so far, such as `create secrets/a` or `external create a`.
    pub fn steps(&self) -> Vec<String> {
        self.with(|state| state.steps.clone())
    }

    /// The steps so far; the trail is empty afterwards.
    pub fn take(&self) -> Vec<String> {
        self.with(|state| std::mem::take(&mut state.steps))
    }

    /// Has whoever takes this step, counted from zero, never come back from it.
    pub fn stop_at(&self, step: usize, moment: Moment) {
        self.with(|state| state.stop = Some((step, moment)));
    }

    /// Lets everything happen again.
    pub fn go_on(&self) {
        self.with(|state| state.stop = None);
    }

    /// Waits until somebody is stopped.
    pub async fn stopped(&self) {
        self.stopped.notified().await;
    }

    pub(super) async fn begin(&self, what: String) -> usize {
        let step = self.with(|state| {
            state.steps.push(what);
            state.steps.len() - 1
        });
        self.stop(step, Moment::Before).await;
        step
    }

    pub(super) async fn end(&self, step: usize) {
        self.stop(step, Moment::After).await;
    }

    async fn stop(&self, step: usize, moment: Moment) {
        if self.with(|state| state.stop == Some((step, moment))) {
            self.stopped.notify_one();
            std::future::pending::<()>().await;
        }
    }

    fn with<T>(&self, change: impl FnOnce(&mut State) -> T) -> T {
        change(&mut self.state.lock().expect("no panic while held"))
    }
}
