//! The external system of [`Fake`]: things in memory that fail, get lost and change when told to.

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::{Arc, Mutex},
    time::Duration,
};

use futures::{StreamExt, stream};
use tokio::sync::mpsc::{UnboundedReceiver, UnboundedSender, unbounded_channel};

use super::Trail;
use crate::{
    change::{Changed, Changes},
    external::{ExternalError, Failure, SeenSecret},
};

/// One thing in the external system.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub struct Thing {
    /// Its size.
    pub size: i64,
    /// Its colour.
    pub color: Option<String>,
    /// What logs in to it.
    pub password: Option<String>,
    /// With whom it is shared.
    pub shares: BTreeSet<String>,
    /// UID of the object that made it.
    pub maker: String,
    /// What is wrong with it; reported as the condition `Healthy`.
    pub ailment: Option<String>,
    /// The colour it has where nobody asks for one.
    pub natural_color: Option<String>,
    /// How long it still holds.
    pub expires_in: Option<Duration>,
    /// The Secret that it depends on, as it was.
    pub made_of: Option<SeenSecret>,
    /// What it holds has to be made anew now.
    pub is_due: bool,
}

type Hook = Box<dyn FnOnce() + Send>;

#[derive(Default)]
#[expect(
    clippy::struct_excessive_bools,
    reason = "each is one way to behave that a test asks for"
)]
pub(super) struct State {
    pub(super) things: BTreeMap<String, Thing>,
    failures: Vec<(&'static str, ExternalError)>,
    lost: Vec<&'static str>,
    meanwhile: Vec<(&'static str, Hook)>,
    slowness: Option<(&'static str, Duration)>,
    is_down: bool,
    forbids_create: bool,
    is_never_rehearsed: bool,
    pub(super) knows_shares_by_ledger: bool,
    pub(super) passwords: u32,
    pub(super) connections: u32,
    listeners: Vec<UnboundedSender<Changed>>,
}

/// The external system. Clones are the same system.
#[derive(Clone)]
pub struct World {
    state: Arc<Mutex<State>>,
    trail: Trail,
}

impl World {
    /// A system without things.
    pub fn new(trail: Trail) -> Self {
        Self {
            state: Arc::default(),
            trail,
        }
    }

    /// Tells whoever listens. True when somebody does.
    pub fn tell(&self, changed: &Changed) -> bool {
        self.with(|state| {
            state
                .listeners
                .retain(|listener| listener.send(changed.clone()).is_ok());
            !state.listeners.is_empty()
        })
    }

    pub(super) fn changes(&self) -> Changes {
        let (listener, changes) = unbounded_channel();
        self.with(|state| state.listeners.push(listener));
        let next = async |mut changes: UnboundedReceiver<Changed>| {
            changes.recv().await.map(|changed| (changed, changes))
        };
        stream::unfold(changes, next).boxed()
    }

    /// Whether whoever logs in may create things, as far as they are told.
    pub fn forbid_create(&self, forbids: bool) {
        self.with(|state| state.forbids_create = forbids);
    }

    /// Refuses a thing whose shares the ledger does not know, as a system does that has no place for a mark.
    pub fn know_shares_by_ledger(&self) {
        self.with(|state| state.knows_shares_by_ledger = true);
    }

    /// Has no way of telling what it would do.
    pub fn never_rehearse(&self) {
        self.with(|state| state.is_never_rehearsed = true);
    }

    pub(super) fn is_rehearsed(&self) -> bool {
        self.with(|state| !state.is_never_rehearsed)
    }

    pub(super) fn may_create(&self) -> bool {
        self.with(|state| !state.forbids_create)
    }

    /// A thing, if it is there.
    pub fn thing(&self, name: &str) -> Option<Thing> {
        self.with(|state| state.things.get(name).cloned())
    }

    /// The names of all things.
    pub fn names(&self) -> Vec<String> {
        self.with(|state| state.things.keys().cloned().collect())
    }

    /// Makes a thing by hand.
    pub fn put(&self, name: &str, thing: Thing) {
        self.with(|state| state.things.insert(name.into(), thing));
    }

    /// Changes a thing by hand.
    pub fn edit(&self, name: &str, edit: impl FnOnce(&mut Thing)) {
        self.with(|state| {
            edit(
                state
                    .things
                    .get_mut(name)
                    .expect("the thing to edit exists"),
            );
        });
    }

    /// Removes a thing by hand.
    pub fn remove(&self, name: &str) {
        self.with(|state| state.things.remove(name));
    }

    /// Has the next call of this operation fail without an effect.
    pub fn fail_next(&self, operation: &'static str, error: ExternalError) {
        self.with(|state| state.failures.push((operation, error)));
    }

    /// Has the next call of this operation take effect and its answer get lost.
    pub fn lose_next(&self, operation: &'static str) {
        self.with(|state| state.lost.push(operation));
    }

    /// Has every call of this operation take effect after this time only.
    pub fn slow_down(&self, operation: &'static str, time: Duration) {
        self.with(|state| state.slowness = Some((operation, time)));
    }

    /// Does something while the next call of this operation is under way, before its effect.
    pub fn meanwhile(&self, operation: &'static str, hook: impl FnOnce() + Send + 'static) {
        self.with(|state| state.meanwhile.push((operation, Box::new(hook))));
    }

    /// While it is down, nothing answers.
    pub fn set_down(&self, is_down: bool) {
        self.with(|state| state.is_down = is_down);
    }

    /// How many sessions were opened.
    pub fn connections(&self) -> u32 {
        self.with(|state| state.connections)
    }

    pub(super) async fn call<T>(
        &self,
        operation: &'static str,
        name: &str,
        effect: impl FnOnce(&mut State) -> Result<T, ExternalError>,
    ) -> Result<T, ExternalError> {
        let step = self
            .trail
            .begin(format!("external {operation} {name}"))
            .await;
        if let Some((slow, time)) = self.with(|state| state.slowness)
            && slow == operation
        {
            tokio::time::sleep(time).await;
        }
        if let Some(hook) = self.with(|state| state.hook(operation)) {
            hook();
        }
        let result = self.with(|state| {
            state.refuse(operation)?;
            let result = effect(state)?;
            state.lose(operation).map(|()| result)
        });
        self.trail.end(step).await;
        result
    }

    pub(super) fn with<T>(&self, change: impl FnOnce(&mut State) -> T) -> T {
        change(&mut self.state.lock().expect("no panic while held"))
    }
}

impl std::fmt::Debug for World {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_tuple("World").field(&self.names()).finish()
    }
}

impl State {
    fn hook(&mut self, operation: &str) -> Option<Hook> {
        let at = self.meanwhile.iter().position(|(at, _)| *at == operation)?;
        Some(self.meanwhile.remove(at).1)
    }

    pub(super) fn refuse(&mut self, operation: &str) -> Result<(), ExternalError> {
        if self.is_down {
            let failure = Failure::new(
                "nobody answers at fake:1",
                "check the server and the network",
            );
            return Err(ExternalError::Unreachable(failure));
        }
        match self.failures.iter().position(|(at, _)| *at == operation) {
            Some(at) => Err(self.failures.remove(at).1),
            None => Ok(()),
        }
    }

    fn lose(&mut self, operation: &str) -> Result<(), ExternalError> {
        match self.lost.iter().position(|at| *at == operation) {
            Some(at) => {
                self.lost.remove(at);
                let failure = Failure::new("the answer was lost", "nothing to do, it is retried");
                Err(ExternalError::UnknownOutcome(failure))
            }
            None => Ok(()),
        }
    }
}
