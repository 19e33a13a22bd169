//! The external system of [`Fake`]: things in memory that fail, get lost and change when told to.

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::{Arc, Mutex},
};

use super::{Fake, FakeObservation, FakeSettings, Trail};
use crate::{
    connection::ConnectionDetails,
    drift::Drift,
    external::{
        Connector, Desired, ExternalClient, ExternalError, Failure, Observation, ResolvedConfig,
    },
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
}

type Hook = Box<dyn FnOnce() + Send>;

#[derive(Default)]
struct State {
    things: BTreeMap<String, Thing>,
    failures: Vec<(&'static str, ExternalError)>,
    lost: Vec<&'static str>,
    meanwhile: Vec<(&'static str, Hook)>,
    is_down: bool,
    passwords: u32,
    connections: u32,
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
            )
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

    async fn call<T>(
        &self,
        operation: &'static str,
        name: &str,
        effect: impl FnOnce(&mut State) -> Result<T, ExternalError>,
    ) -> Result<T, ExternalError> {
        let step = self
            .trail
            .begin(format!("external {operation} {name}"))
            .await;
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

    fn with<T>(&self, change: impl FnOnce(&mut State) -> T) -> T {
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

    fn refuse(&mut self, operation: &str) -> Result<(), ExternalError> {
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

/// Opens sessions to a [`World`].
#[derive(Clone, Debug)]
pub struct FakeConnector(pub World);

/// A session with a [`World`].
#[derive(Clone, Debug)]
pub struct FakeSession(World);

impl Connector for FakeConnector {
    type Settings = FakeSettings;
    type Session = FakeSession;

    async fn connect(
        &self,
        _config: &ResolvedConfig<FakeSettings>,
    ) -> Result<FakeSession, ExternalError> {
        self.0.with(|state| {
            state.refuse("connect")?;
            state.connections += 1;
            Ok(())
        })?;
        Ok(FakeSession(self.0.clone()))
    }

    async fn probe(&self, session: &FakeSession) -> Result<String, ExternalError> {
        session.0.with(|state| state.refuse("probe"))?;
        Ok("fake 1.0".into())
    }
}

impl ExternalClient<Fake> for FakeSession {
    async fn observe(&self, desired: &Desired<Fake>) -> Result<Observation<Fake>, ExternalError> {
        let observe = |state: &mut State| Ok(state.things.get(&desired.external_name).cloned());
        let Some(thing) = self
            .0
            .call("observe", &desired.external_name, observe)
            .await?
        else {
            return Ok(Observation::Absent);
        };
        let at_provider = FakeObservation {
            id: desired.external_name.clone(),
            size: thing.size,
        };
        let mut observation = Observation::present(at_provider, drift(desired, &thing));
        if let Observation::Present {
            connection_details, ..
        } = &mut observation
        {
            *connection_details = published(desired);
        }
        Ok(observation)
    }

    fn credentials(&self, desired: &Desired<Fake>, _: &Observation<Fake>) -> ConnectionDetails {
        let generate = || {
            self.0.with(|state| {
                state.passwords += 1;
                format!("generated-{}", state.passwords)
            })
        };
        published(desired).with("password", password(desired).unwrap_or_else(generate))
    }

    fn ledger(&self, desired: &Desired<Fake>) -> BTreeSet<String> {
        desired.parameters.shares.clone()
    }

    async fn create(&self, desired: &Desired<Fake>) -> Result<ConnectionDetails, ExternalError> {
        let create = |state: &mut State| {
            let thing = state
                .things
                .entry(desired.external_name.clone())
                .or_default();
            thing.maker.clone_from(&desired.owner.uid);
            adjust(thing, desired);
            Ok(ConnectionDetails::none())
        };
        self.0.call("create", &desired.external_name, create).await
    }

    async fn update(
        &self,
        desired: &Desired<Fake>,
        _drift: &[Drift],
    ) -> Result<ConnectionDetails, ExternalError> {
        let update = |state: &mut State| {
            let missing = || ExternalError::invalid("there is no such thing", "create it");
            adjust(
                state
                    .things
                    .get_mut(&desired.external_name)
                    .ok_or_else(missing)?,
                desired,
            );
            Ok(ConnectionDetails::none())
        };
        self.0.call("update", &desired.external_name, update).await
    }

    async fn delete(&self, desired: &Desired<Fake>) -> Result<(), ExternalError> {
        let delete = |state: &mut State| {
            state.things.remove(&desired.external_name);
            Ok(())
        };
        self.0.call("delete", &desired.external_name, delete).await
    }
}

/// The password that is wanted, if it is known.
fn password(desired: &Desired<Fake>) -> Option<String> {
    let from_secret = desired.parameters.password_secret_ref.as_ref();
    let from_secret = from_secret.and_then(|reference| desired.inputs.secret(reference));
    let value = from_secret.or_else(|| desired.stored("password"))?;
    value.expose_str().map(str::to_owned)
}

fn published(desired: &Desired<Fake>) -> ConnectionDetails {
    ConnectionDetails::none()
        .with("username", desired.external_name.as_str())
        .with("endpoint", "fake.example.org")
}

fn adjust(thing: &mut Thing, desired: &Desired<Fake>) {
    let wanted = &desired.parameters;
    thing.size = wanted.size;
    thing.color.clone_from(&wanted.color);
    thing.password = password(desired);
    thing.shares.retain(|share| !desired.ledger.contains(share));
    thing.shares.extend(wanted.shares.iter().cloned());
}

fn drift(desired: &Desired<Fake>, thing: &Thing) -> Vec<Drift> {
    let wanted = &desired.parameters;
    let mut drift = Vec::new();
    Drift::compare(&mut drift, "size", &wanted.size, &thing.size);
    if let Some(color) = &wanted.color {
        Drift::compare(
            &mut drift,
            "color",
            color,
            thing.color.as_ref().unwrap_or(&String::new()),
        );
    }
    let mut expected: BTreeSet<_> = thing.shares.difference(&desired.ledger).cloned().collect();
    expected.extend(wanted.shares.iter().cloned());
    if thing.shares != expected {
        drift.push(Drift::plain(
            "shares",
            listed(&expected),
            listed(&thing.shares),
        ));
    }
    let has_secret = desired.connection.is_some() || wanted.password_secret_ref.is_some();
    if has_secret
        && !desired.deleting
        && (thing.password.is_none() || thing.password != password(desired))
    {
        drift.push(Drift::secret("password"));
    }
    drift
}

fn listed(names: &BTreeSet<String>) -> String {
    names.iter().cloned().collect::<Vec<_>>().join(", ")
}
