//! Observe, create, update and delete a grant.

use std::{collections::BTreeSet, iter};

use managed::{
    connection::ConnectionDetails,
    drift::Drift,
    external::{Desired, ExternalClient, ExternalError, Observation, Readiness},
};

use super::{Grant, GrantObservation, GrantParameters, Routine, SchemaObjects};
use crate::postgresql::{
    privilege::{Class, Entry, Place, Survey, Wanted, carry_out, holdings},
    session::{Identity, Session},
};

impl ExternalClient<Grant> for Session {
    async fn observe(&self, desired: &Desired<Grant>) -> Result<Observation<Grant>, ExternalError> {
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
        let missing: Vec<_> = survey
            .missing_objects(&wanted)
            .iter()
            .map(|key| spelled(key))
            .collect();
        let at_provider = observation(&survey, &wanted, &missing);
        Ok(Observation::present(at_provider, survey.drift(&wanted))
            .being(readiness(&wanted, &missing)))
    }

    fn ledger(&self, desired: &Desired<Grant>) -> BTreeSet<String> {
        let wanted = wanted(&desired.parameters, &self.identity());
        wanted
            .map(|wanted| wanted.entries().iter().map(Entry::write).collect())
            .unwrap_or_default()
    }

    async fn create(&self, desired: &Desired<Grant>) -> Result<ConnectionDetails, ExternalError> {
        let wanted = wanted(&desired.parameters, &self.identity())?;
        Survey::of(self, &wanted, &desired.ledger)
            .await?
            .settle(self, &wanted)
            .await?;
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
        let wanted = wanted(&desired.parameters, &self.identity());
        let held = holdings(self, wanted.as_ref().ok(), &desired.ledger).await?;
        Ok(carry_out(self, &held).await?)
    }
}

fn wanted(parameters: &GrantParameters, identity: &Identity) -> Result<Wanted, ExternalError> {
    let (class, objects) = objects(parameters);
    let place = Place {
        database: given("database", parameters.database.as_ref())?,
        role: given("role", parameters.role.as_ref())?,
        class,
        schema: parameters.schema.clone().unwrap_or_default(),
        creator: None,
    };
    let privileges = class.privileges(&parameters.privileges, identity)?;
    Ok(Wanted {
        place,
        objects,
        privileges,
        is_grantable: parameters.with_option.is_some(),
    })
}

/// A field that a reference may have to fill first.
pub(in crate::postgresql) fn given(
    field: &str,
    value: Option<&String>,
) -> Result<String, ExternalError> {
    let missing = || {
        ExternalError::invalid(
            format!("{field} is not set"),
            format!("set {field} or {field}Ref"),
        )
    };
    value.cloned().ok_or_else(missing)
}

fn objects(parameters: &GrantParameters) -> (Class, Option<BTreeSet<String>>) {
    let named = |names: &[String]| Some(names.iter().cloned().collect());
    match parameters.all_in_schema {
        Some(SchemaObjects::Tables) => (Class::Table, None),
        Some(SchemaObjects::Sequences) => (Class::Sequence, None),
        Some(SchemaObjects::Routines) => (Class::Routine, None),
        None if !parameters.tables.is_empty() => (Class::Table, named(&parameters.tables)),
        None if !parameters.sequences.is_empty() => (Class::Sequence, named(&parameters.sequences)),
        None if !parameters.routines.is_empty() => (
            Class::Routine,
            Some(parameters.routines.iter().map(signature).collect()),
        ),
        None if parameters.schema.is_some() => (Class::Schema, None),
        None => (Class::Database, None),
    }
}

/// A routine's name and argument types as one key.
fn signature(routine: &Routine) -> String {
    let parts = iter::once(&routine.name)
        .chain(&routine.args)
        .collect::<Vec<_>>();
    serde_json::json!(parts).to_string()
}

/// A key as people write it.
fn spelled(key: &str) -> String {
    match serde_json::from_str::<Vec<String>>(key)
        .unwrap_or_default()
        .split_first()
    {
        Some((name, arguments)) => format!("{name}({})", arguments.join(", ")),
        None => key.to_owned(),
    }
}

fn observation(survey: &Survey, wanted: &Wanted, missing: &[String]) -> GrantObservation {
    let objects = survey
        .found
        .as_ref()
        .map_or(&[][..], |found| &found.objects);
    let mut others = BTreeSet::new();
    for object in objects {
        let asked = object
            .held
            .iter()
            .filter(|held| wanted.privileges.contains(&held.privilege));
        let foreign = asked.filter(|held| held.grantor != object.owner);
        others.extend(foreign.map(|held| held.grantor.clone()));
    }
    GrantObservation {
        privileges: survey.held_everywhere(wanted),
        objects: i64::try_from(objects.len()).ok(),
        missing_objects: missing.to_vec(),
        also_granted_by: others.into_iter().collect(),
    }
}

fn readiness(wanted: &Wanted, missing: &[String]) -> Readiness {
    if missing.is_empty() {
        return Readiness::Ready;
    }
    let object = wanted.place.class.word().to_lowercase();
    Readiness::NotReady(format!(
        "{object} {} does not exist; create it",
        missing.join(", ")
    ))
}
