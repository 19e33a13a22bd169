//! Observe, create, update and delete default privileges.

use std::collections::BTreeSet;

use managed::{
    connection::ConnectionDetails,
    drift::Drift,
    external::{Desired, ExternalClient, ExternalError, Observation},
};

use super::{
    DefaultPrivileges, DefaultPrivilegesObservation, DefaultPrivilegesParameters,
    DefaultPrivilegesTarget, DefaultPrivilegesTargetObservation, ObjectType,
};
use crate::postgresql::{
    grant::given,
    privilege::{Class, Place, Request, Survey, Surveyed, Wanted, carry_out, holdings},
    session::{Identity, Session},
};

impl ExternalClient<DefaultPrivileges> for Session {
    async fn observe(
        &self,
        desired: &Desired<DefaultPrivileges>,
    ) -> Result<Observation<DefaultPrivileges>, ExternalError> {
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
        Ok(Observation::present(observation(&survey), survey.drift()))
    }

    fn ledger(&self, desired: &Desired<DefaultPrivileges>) -> BTreeSet<String> {
        let request = request(&desired.parameters, &self.identity());
        request.map(|request| request.ledger()).unwrap_or_default()
    }

    async fn create(
        &self,
        desired: &Desired<DefaultPrivileges>,
    ) -> Result<ConnectionDetails, ExternalError> {
        let request = request(&desired.parameters, &self.identity())?;
        let survey = Survey::of(self, request, &desired.ledger).await?;
        survey.settle(self).await?;
        Ok(ConnectionDetails::none())
    }

    async fn update(
        &self,
        desired: &Desired<DefaultPrivileges>,
        _drift: &[Drift],
    ) -> Result<ConnectionDetails, ExternalError> {
        self.create(desired).await
    }

    async fn delete(&self, desired: &Desired<DefaultPrivileges>) -> Result<(), ExternalError> {
        let request = request(&desired.parameters, &self.identity());
        let held = holdings(self, request.as_ref().ok(), &desired.ledger).await?;
        Ok(carry_out(self, &held).await?)
    }
}

fn request(
    parameters: &DefaultPrivilegesParameters,
    identity: &Identity,
) -> Result<Request, ExternalError> {
    let targets = parameters.targets();
    if targets.is_empty() {
        let cause = "objectType is not set";
        return Err(ExternalError::invalid(cause, "set objectType, or targets"));
    }
    let wanted = targets
        .iter()
        .map(|target| wanted(parameters, target, identity));
    Ok(Request {
        wanted: wanted.collect::<Result<_, _>>()?,
        is_list: !parameters.targets.is_empty(),
    })
}

fn wanted(
    parameters: &DefaultPrivilegesParameters,
    target: &DefaultPrivilegesTarget,
    identity: &Identity,
) -> Result<Wanted, ExternalError> {
    let class = match target.object_type {
        ObjectType::Table => Class::Table,
        ObjectType::Sequence => Class::Sequence,
        ObjectType::Function => Class::Routine,
        ObjectType::Schema => Class::Schema,
        ObjectType::Type => Class::Type,
    };
    let place = Place {
        database: given("database", parameters.database.as_ref())?,
        role: given("role", parameters.role.as_ref())?,
        class,
        schema: target.schema.clone().unwrap_or_default(),
        creator: Some(given("targetRole", parameters.target_role.as_ref())?),
    };
    let privileges = class.privileges(&target.privileges, identity)?;
    Ok(Wanted {
        place,
        objects: None,
        privileges,
        is_grantable: target.with_option.is_some(),
    })
}

fn observation(survey: &Survey) -> DefaultPrivilegesObservation {
    let mut targets: Vec<_> = survey.targets.iter().map(seen).collect();
    if survey.is_list {
        return DefaultPrivilegesObservation {
            targets,
            ..DefaultPrivilegesObservation::default()
        };
    }
    let only = targets.pop().unwrap_or_default();
    DefaultPrivilegesObservation {
        privileges: only.privileges,
        grantable: only.grantable,
        targets,
    }
}

fn seen(target: &Surveyed) -> DefaultPrivilegesTargetObservation {
    let objects = target.objects().iter();
    let held: Vec<_> = objects.flat_map(|object| &object.held).collect();
    let all: BTreeSet<_> = held.iter().map(|held| held.privilege.clone()).collect();
    let grantable: BTreeSet<_> = held
        .iter()
        .filter(|held| held.is_grantable)
        .map(|held| held.privilege.clone())
        .collect();
    DefaultPrivilegesTargetObservation {
        target: target.wanted.label(),
        privileges: all.into_iter().collect(),
        grantable: grantable.into_iter().collect(),
    }
}
