//! What a spec asks for, in the words of `privilege`.

use std::{collections::BTreeSet, iter};

use managed::external::ExternalError;

use super::{GrantParameters, GrantTarget, Routine, SchemaObjects};
use crate::postgresql::{
    privilege::{Class, Place, Request, Wanted},
    session::Identity,
};

/// Everything the spec asks for. `identity` decides what `ALL` stands for.
pub(super) fn request(
    parameters: &GrantParameters,
    identity: &Identity,
) -> Result<Request, ExternalError> {
    let targets = parameters.targets();
    let wanted = targets
        .iter()
        .map(|target| wanted(parameters, target, identity));
    Ok(Request {
        wanted: wanted.collect::<Result<_, _>>()?,
        is_list: !parameters.targets.is_empty(),
    })
}

fn wanted(
    parameters: &GrantParameters,
    target: &GrantTarget,
    identity: &Identity,
) -> Result<Wanted, ExternalError> {
    let (class, objects) = objects(target);
    let place = Place {
        database: given("database", parameters.database.as_ref())?,
        role: given("role", parameters.role.as_ref())?,
        class,
        schema: target.schema.clone().unwrap_or_default(),
        creator: None,
    };
    let privileges = class.privileges(&target.privileges, identity)?;
    Ok(Wanted {
        place,
        objects,
        privileges,
        is_grantable: target.with_option.is_some(),
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

fn objects(target: &GrantTarget) -> (Class, Option<BTreeSet<String>>) {
    let named = |names: &[String]| Some(names.iter().cloned().collect());
    match target.all_in_schema {
        Some(SchemaObjects::Tables) => (Class::Table, None),
        Some(SchemaObjects::Sequences) => (Class::Sequence, None),
        Some(SchemaObjects::Routines) => (Class::Routine, None),
        None if !target.tables.is_empty() => (Class::Table, named(&target.tables)),
        None if !target.sequences.is_empty() => (Class::Sequence, named(&target.sequences)),
        None if !target.routines.is_empty() => (
            Class::Routine,
            Some(target.routines.iter().map(signature).collect()),
        ),
        None if target.schema.is_some() => (Class::Schema, None),
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
