//! Reads a path and carries out the decision on it.
//!
//! Needs on `data/`: read, create, update; on `metadata/`: patch. What deletion needs beyond that is
//! said in [`deletion`].

use std::{collections::BTreeSet, time::Duration};

use super::{
    KvSecret, KvSecretObservation, content,
    decision::{Change, Situation, decide},
    deletion::{self, is_mine},
    owner::{self, Holders},
};
use crate::vault::{
    error::Error,
    kv::{Content, Current, Location, State},
    session::Session,
};
use managed::{
    ConnectionDetails, Drift, Shown,
    external::{Desired, ExternalClient, ExternalError, Observation, Readiness},
};

/// How often a write is decided anew when somebody else wrote in between.
const ATTEMPTS: u32 = 3;
/// How long a standby may lag behind before its answer is believed.
const LAG: Duration = Duration::from_millis(500);

impl ExternalClient<KvSecret> for Session {
    async fn observe(
        &self,
        desired: &Desired<KvSecret>,
    ) -> Result<Observation<KvSecret>, ExternalError> {
        let location = location(desired)?;
        match self.look(&location, desired).await {
            Ok(current) if desired.deleting => Ok(self.observe_deleting(desired, &current)),
            Ok(current) => self.compare(desired, &location, &current),
            // Nothing is left where nothing is mounted any more.
            Err(Error::Mount { .. }) if desired.deleting => Ok(Observation::Absent),
            Err(error) => Err(error.into()),
        }
    }

    fn ledger(&self, desired: &Desired<KvSecret>) -> BTreeSet<String> {
        desired.parameters.data.keys().cloned().collect()
    }

    async fn create(
        &self,
        desired: &Desired<KvSecret>,
    ) -> Result<ConnectionDetails, ExternalError> {
        let location = location(desired)?;
        location.expect_mounted(self, true).await?;
        self.converge(desired, &location).await?;
        Ok(ConnectionDetails::none())
    }

    async fn update(
        &self,
        desired: &Desired<KvSecret>,
        _drift: &[Drift],
    ) -> Result<ConnectionDetails, ExternalError> {
        self.converge(desired, &location(desired)?).await?;
        Ok(ConnectionDetails::none())
    }

    async fn delete(&self, desired: &Desired<KvSecret>) -> Result<(), ExternalError> {
        let me = owner::claimant(desired, self.cluster());
        Ok(deletion::delete(self, desired, &location(desired)?, &me).await?)
    }
}

impl Session {
    async fn look(
        &self,
        location: &Location,
        desired: &Desired<KvSecret>,
    ) -> Result<Current, Error> {
        location.expect_mounted(self, false).await?;
        let current = location.read(self).await?;
        if desired.deleting || !is_behind(&current, &desired.last) {
            return Ok(current);
        }
        tokio::time::sleep(LAG).await;
        location.read(self).await
    }

    fn observe_deleting(
        &self,
        desired: &Desired<KvSecret>,
        current: &Current,
    ) -> Observation<KvSecret> {
        let me = owner::claimant(desired, self.cluster());
        if is_mine(desired, current, &Holders::read(&current.custom, &me)) {
            Observation::present(at_provider(desired, current), Vec::new())
        } else {
            Observation::Absent
        }
    }

    fn compare(
        &self,
        desired: &Desired<KvSecret>,
        location: &Location,
        current: &Current,
    ) -> Result<Observation<KvSecret>, ExternalError> {
        let change = self.decide(desired, location, current)?;
        if change.is_absent {
            return Ok(Observation::Absent);
        }
        let ready = readiness(current, &change);
        Ok(Observation::present(at_provider(desired, current), change.drift).being(ready))
    }

    fn decide(
        &self,
        desired: &Desired<KvSecret>,
        location: &Location,
        current: &Current,
    ) -> Result<Change, ExternalError> {
        decide(&Situation {
            location: &location.to_string(),
            parameters: &desired.parameters,
            wanted: &content::wanted(&desired.parameters, &desired.inputs)?,
            me: &owner::claimant(desired, self.cluster()),
            ledger: &desired.ledger,
            current,
        })
    }

    async fn converge(
        &self,
        desired: &Desired<KvSecret>,
        location: &Location,
    ) -> Result<(), ExternalError> {
        for attempt in 1..=ATTEMPTS {
            let current = location.read(self).await?;
            let change = self.decide(desired, location, &current)?;
            match self.apply(location, &current, change).await {
                Err(Error::CheckAndSet { .. }) if attempt < ATTEMPTS => {
                    tokio::time::sleep(Duration::from_millis(50) * attempt).await;
                }
                outcome => return Ok(outcome?),
            }
        }
        Ok(())
    }

    async fn apply(
        &self,
        location: &Location,
        current: &Current,
        change: Change,
    ) -> Result<(), Error> {
        if let Some(content) = &change.write {
            location.put(self, current.version, content).await?;
        }
        if change.marks.is_empty() {
            Ok(())
        } else {
            location.mark(self, &change.marks).await
        }
    }
}

/// Whoever reads the path now must find what the sources say.
fn readiness(current: &Current, change: &Change) -> Readiness {
    if current.live().is_none() {
        return Readiness::NotReady("the current version is deleted".into());
    }
    let is_wrong =
        |drift: &&Drift| drift.field.starts_with("data.") && drift.desired != Shown::absent();
    let wrong: Vec<_> = change
        .drift
        .iter()
        .filter(is_wrong)
        .map(|drift| drift.field.as_str())
        .collect();
    if wrong.is_empty() {
        Readiness::Ready
    } else {
        Readiness::NotReady(format!("not what the source says: {}", wrong.join(", ")))
    }
}

fn location(desired: &Desired<KvSecret>) -> Result<Location, ExternalError> {
    Ok(Location::new(
        &desired.parameters.mount,
        &desired.parameters.path,
    )?)
}

/// A standby may answer with what was there before the last write. A history that was removed and
/// begun anew has a lower version, too, but a later time.
fn is_behind(current: &Current, last: &KvSecretObservation) -> bool {
    let is_older = last
        .created_time
        .as_deref()
        .is_some_and(|time| current.created_time.as_str() < time);
    is_older
        && last
            .version
            .is_some_and(|version| current.version < version)
}

fn at_provider(desired: &Desired<KvSecret>, current: &Current) -> KvSecretObservation {
    let is_there = current.state != State::Nothing;
    KvSecretObservation {
        mount: desired.parameters.mount.clone(),
        path: desired.parameters.path.clone(),
        version: is_there.then_some(current.version),
        created_time: is_there.then(|| current.created_time.clone()),
        keys: current.live().map(Content::keys).unwrap_or_default(),
    }
}
