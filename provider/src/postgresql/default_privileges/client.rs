//! Observe, create, update and delete default privileges.

use std::collections::BTreeSet;

use managed::{
    connection::ConnectionDetails,
    drift::Drift,
    external::{Desired, ExternalClient, ExternalError, Observation},
};

use super::{
    DefaultPrivileges, DefaultPrivilegesObservation, DefaultPrivilegesParameters, ObjectType,
};
use crate::postgresql::{
    grant::given,
    privilege::{Class, Entry, Place, Survey, Wanted, carry_out, holdings},
    session::{Identity, Session},
};

impl ExternalClient<DefaultPrivileges> for Session {
    async fn observe(
        &self,
        desired: &Desired<DefaultPrivileges>,
    ) -> Result<Observation<DefaultPrivileges>, ExternalError> {
        let wanted = wanted(&desired.parameters, &self.identity());
        if desired.deleting {
            let held = holdings(self, wanted.as_ref().ok(), &desired.ledger).await?;
            let present = || Observation::present(desired.last.clone(), Vec::new());
            return Ok(if held.is_empty() {
                Observation::Absent
            } else {
                present()
            });
        }
        let wanted = wanted?;
        let survey = Survey::of(self, &wanted, &desired.ledger).await?;
        if survey.is_absent(&wanted) {
            return Ok(Observation::Absent);
        }
        Ok(Observation::present(
            observation(&survey),
            survey.drift(&wanted),
        ))
    }

    fn ledger(&self, desired: &Desired<DefaultPrivileges>) -> BTreeSet<String> {
        let wanted = wanted(&desired.parameters, &self.identity());
        wanted
            .map(|wanted| wanted.entries().iter().map(Entry::write).collect())
            .unwrap_or_default()
    }

    async fn create(
        &self,
        desired: &Desired<DefaultPrivileges>,
    ) -> Result<ConnectionDetails, ExternalError> {
        let wanted = wanted(&desired.parameters, &self.identity())?;
        Survey::of(self, &wanted, &desired.ledger)
            .await?
            .settle(self, &wanted)
            .await?;
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
        let wanted = wanted(&desired.parameters, &self.identity());
        let held = holdings(self, wanted.as_ref().ok(), &desired.ledger).await?;
        Ok(carry_out(self, &held).await?)
    }
}

fn wanted(
    parameters: &DefaultPrivilegesParameters,
    identity: &Identity,
) -> Result<Wanted, ExternalError> {
    let class = match parameters.object_type {
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
        schema: parameters.schema.clone().unwrap_or_default(),
        creator: Some(given("targetRole", parameters.target_role.as_ref())?),
    };
    let privileges = class.privileges(&parameters.privileges, identity)?;
    Ok(Wanted {
        place,
        objects: None,
        privileges,
        is_grantable: parameters.with_option.is_some(),
    })
}

fn observation(survey: &Survey) -> DefaultPrivilegesObservation {
    let objects = survey.found.iter().flat_map(|found| &found.objects);
    let held: Vec<_> = objects.flat_map(|object| &object.held).collect();
    let all: BTreeSet<_> = held.iter().map(|held| held.privilege.clone()).collect();
    let grantable: BTreeSet<_> = held
        .iter()
        .filter(|held| held.is_grantable)
        .map(|held| held.privilege.clone())
        .collect();
    DefaultPrivilegesObservation {
        privileges: all.into_iter().collect(),
        grantable: grantable.into_iter().collect(),
    }
}
