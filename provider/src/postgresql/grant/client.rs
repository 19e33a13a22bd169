//! Observe, create, update and delete a grant.

use std::collections::BTreeSet;

use managed::{
    connection::ConnectionDetails,
    drift::Drift,
    external::{Desired, ExternalClient, ExternalError, Observation, Readiness},
};

use super::{Grant, GrantObservation, GrantTargetObservation, request::request};
use crate::postgresql::{
    privilege::{Survey, Surveyed, carry_out, holdings, spelled},
    session::Session,
};

impl ExternalClient<Grant> for Session {
    async fn observe(&self, desired: &Desired<Grant>) -> Result<Observation<Grant>, ExternalError> {
        let request = request(&desired.parameters, &self.identity());
        if desired.deleting {
            let held = holdings(self, request.as_ref().ok(), &desired.ledger).await?;
            let present = || Observation::present(desired.last.clone(), Vec::new());
            return Ok(if held.is_empty() {
                Observation::Absent
            } else {
                present()
            });
        }
        let survey = Survey::of(self, request?, &desired.ledger).await?;
        if survey.is_absent() {
            return Ok(Observation::Absent);
        }
        Ok(Observation::present(observation(&survey), survey.drift()).being(readiness(&survey)))
    }

    fn ledger(&self, desired: &Desired<Grant>) -> BTreeSet<String> {
        let request = request(&desired.parameters, &self.identity());
        request.map(|request| request.ledger()).unwrap_or_default()
    }

    async fn create(&self, desired: &Desired<Grant>) -> Result<ConnectionDetails, ExternalError> {
        let request = request(&desired.parameters, &self.identity())?;
        let survey = Survey::of(self, request, &desired.ledger).await?;
        survey.settle(self).await?;
        Ok(ConnectionDetails::none())
    }

    async fn update(
        &self,
        desired: &Desired<Grant>,
        _drift: &[Drift],
    ) -> Result<ConnectionDetails, ExternalError> {
        self.create(desired).await
    }

    async fn delete(&self, desired: &Desired<Grant>) -> Result<(), ExternalError> {
        let request = request(&desired.parameters, &self.identity());
        let held = holdings(self, request.as_ref().ok(), &desired.ledger).await?;
        Ok(carry_out(self, &held).await?)
    }
}

fn observation(survey: &Survey) -> GrantObservation {
    let mut targets: Vec<_> = survey.targets.iter().map(seen).collect();
    if survey.is_list {
        return GrantObservation {
            targets,
            ..GrantObservation::default()
        };
    }
    let only = targets.pop().unwrap_or_default();
    GrantObservation {
        privileges: only.privileges,
        objects: only.objects,
        missing_objects: only.missing_objects,
        also_granted_by: only.also_granted_by,
        targets,
    }
}

fn seen(target: &Surveyed) -> GrantTargetObservation {
    let mut others = BTreeSet::new();
    for object in target.objects() {
        let held = object.held.iter();
        let asked = held.filter(|held| target.wanted.privileges.contains(&held.privilege));
        let foreign = asked.filter(|held| held.grantor != object.owner);
        others.extend(foreign.map(|held| held.grantor.clone()));
    }
    GrantTargetObservation {
        target: target.wanted.label(),
        privileges: target.held_everywhere(),
        objects: i64::try_from(target.objects().len()).ok(),
        missing_objects: missing(target),
        also_granted_by: others.into_iter().collect(),
    }
}

fn missing(target: &Surveyed) -> Vec<String> {
    let missing = target.missing_objects();
    missing.into_iter().map(spelled).collect()
}

fn readiness(survey: &Survey) -> Readiness {
    let missing = survey.targets.iter().filter_map(|target| {
        let names = missing(target);
        let object = target.wanted.place.class.word().to_lowercase();
        (!names.is_empty()).then(|| format!("{object} {}", names.join(", ")))
    });
    let missing: Vec<_> = missing.collect();
    if missing.is_empty() {
        return Readiness::Ready;
    }
    Readiness::NotReady(format!("{} does not exist; create it", missing.join(", ")))
}
