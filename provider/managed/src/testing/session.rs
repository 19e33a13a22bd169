//! How a [`Fake`] is looked at and changed in a [`World`].

use std::collections::BTreeSet;

use super::{
    Fake, FakeObservation, FakeSettings,
    fake::HEALTHY,
    world::{State, Thing, World},
};
use crate::{
    change::Changes,
    condition::{Claim, Truth},
    config::{Diagnosis, InUse},
    connection::ConnectionDetails,
    drift::Drift,
    external::{Connector, Desired, ExternalClient, ExternalError, Observation, ResolvedConfig},
    rehearsal::Rehearsal,
};

/// Opens sessions to a [`World`].
#[derive(Clone, Debug)]
pub struct FakeConnector(pub World);

/// A session with a [`World`].
#[derive(Clone, Debug)]
pub struct FakeSession {
    world: World,
    rehearsal: Option<Rehearsal>,
}

impl FakeSession {
    /// Changes the world, or says what it would change.
    async fn change(
        &self,
        operation: &'static str,
        name: &str,
        effect: impl FnOnce(&mut State) -> Result<ConnectionDetails, ExternalError>,
    ) -> Result<ConnectionDetails, ExternalError> {
        let Some(rehearsal) = &self.rehearsal else {
            return self.world.call(operation, name, effect).await;
        };
        self.world.with(|state| state.refuse(operation))?;
        rehearsal.note("fake:1", format!("{operation} {name}"));
        Ok(ConnectionDetails::none())
    }
}

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
        Ok(FakeSession {
            world: self.0.clone(),
            rehearsal: None,
        })
    }

    fn changes(&self, session: &FakeSession) -> Changes {
        session.world.changes()
    }

    fn rehearsing(&self, session: &FakeSession, rehearsal: &Rehearsal) -> Option<FakeSession> {
        self.0.is_rehearsed().then(|| FakeSession {
            rehearsal: Some(rehearsal.clone()),
            ..session.clone()
        })
    }

    async fn probe(
        &self,
        session: &FakeSession,
        in_use: &InUse,
    ) -> Result<Diagnosis, ExternalError> {
        session.world.with(|state| state.refuse("probe"))?;
        let diagnosis = Diagnosis::of("fake 1.0");
        Ok(if session.world.may_create() || !in_use.contains("Fake") {
            diagnosis
        } else {
            diagnosis.lacking("CREATE", "kind Fake", "GRANT CREATE TO root")
        })
    }
}

impl ExternalClient<Fake> for FakeSession {
    async fn observe(&self, desired: &Desired<Fake>) -> Result<Observation<Fake>, ExternalError> {
        let observe = |state: &mut State| {
            let thing = state.things.get(&desired.external_name).cloned();
            let is_known = |thing: &Thing| thing.shares.is_subset(&desired.ledger);
            if state.knows_shares_by_ledger && !thing.as_ref().is_none_or(is_known) {
                return Err(ExternalError::invalid(
                    "it is somebody else's",
                    "choose another",
                ));
            }
            Ok(thing)
        };
        let Some(thing) = self
            .world
            .call("observe", &desired.external_name, observe)
            .await?
        else {
            return Ok(Observation::Absent);
        };
        let at_provider = FakeObservation {
            id: desired.external_name.clone(),
            size: thing.size,
        };
        let mut observation = Observation::present(at_provider, drift(desired, &thing))
            .publishing(published(desired))
            .telling(ailments(&thing));
        if let Some(color) = &thing.natural_color {
            let mut found = desired.parameters.clone();
            found.color = Some(color.clone());
            found.size = thing.size;
            observation = observation.filling(found);
        }
        if let Some(time) = thing.expires_in {
            observation = observation.again_within(time);
        }
        let observation = observation.renewing(thing.is_due.then_some("ticket"));
        Ok(observation.following(thing.made_of))
    }

    fn credentials(&self, desired: &Desired<Fake>, _: &Observation<Fake>) -> ConnectionDetails {
        let generate = || {
            self.world.with(|state| {
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
        self.change("create", &desired.external_name, create).await
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
        self.change("update", &desired.external_name, update).await
    }

    async fn delete(&self, desired: &Desired<Fake>) -> Result<(), ExternalError> {
        let delete = |state: &mut State| {
            state.things.remove(&desired.external_name);
            Ok(ConnectionDetails::none())
        };
        let deleted = self.change("delete", &desired.external_name, delete).await;
        deleted.map(drop)
    }
}

fn ailments(thing: &Thing) -> Vec<Claim> {
    let ailment = thing.ailment.iter();
    ailment
        .map(|ailment| Claim::new(HEALTHY, Truth::False, "Ill", ailment))
        .collect()
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
    thing.is_due = false;
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
    if thing.is_due {
        drift.push(Drift::plain("ticket", "a fresh one", "one that ends now"));
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
