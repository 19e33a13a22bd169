//! From differences to statements: few statements for many objects. Pure.

use std::collections::{BTreeMap, BTreeSet};

use managed::external::ExternalError;

use super::{Class, Place, look::Seats};
use crate::postgresql::sql::Ident;

/// How many objects one statement names.
const OBJECTS: usize = 200;

/// What to do.
#[derive(Clone, Copy, Debug, Eq, Ord, PartialEq, PartialOrd)]
pub enum Verb {
    /// Take the privilege back.
    Revoke,
    /// Take back the right to grant it to others.
    RevokeOption,
    /// Grant the privilege.
    Grant,
    /// Grant the privilege with the right to grant it to others.
    GrantWithOption,
}

/// One privilege on one object that is to be granted or revoked.
#[derive(Clone, Debug, Eq, Ord, PartialEq, PartialOrd)]
pub struct Change {
    /// The role to become.
    pub actor: String,
    /// Where.
    pub place: Place,
    /// What to do.
    pub verb: Verb,
    /// The object as GRANT names it.
    pub on: String,
    /// What, in the words of SQL.
    pub privilege: String,
}

impl Change {
    /// True for what takes something away.
    pub fn is_revocation(&self) -> bool {
        matches!(self.verb, Verb::Revoke | Verb::RevokeOption)
    }
}

/// Statements that are carried out in one database, as a whole or not at all.
#[derive(Clone, Debug, Eq, PartialEq)]
pub(super) struct Batch {
    pub(super) database: String,
    /// By the role that runs them.
    pub(super) parts: Vec<(String, Vec<String>)>,
}

/// Objects by what is done to them: verb and privileges.
type Alike = BTreeMap<(Place, Verb, BTreeSet<String>), Vec<String>>;

/// The statements for all changes, of each role revocations first.
pub(super) fn batches(
    changes: &[Change],
    default_database: &str,
) -> Result<Vec<Batch>, ExternalError> {
    let seats = Seats::of(changes.iter().map(|change| &change.place), default_database);
    let mut by_seat: BTreeMap<&str, BTreeMap<&str, Vec<&Change>>> = BTreeMap::new();
    for change in changes {
        let by_actor = by_seat.entry(seats.seat(&change.place)).or_default();
        by_actor.entry(&change.actor).or_default().push(change);
    }
    let batches = by_seat.into_iter().map(|(database, by_actor)| {
        let parts = by_actor
            .into_iter()
            .map(|(actor, changes)| Ok((actor.to_owned(), statements(&changes)?)));
        Ok(Batch {
            database: database.to_owned(),
            parts: parts.collect::<Result<_, ExternalError>>()?,
        })
    });
    batches.collect()
}

fn statements(changes: &[&Change]) -> Result<Vec<String>, ExternalError> {
    let mut by_object: BTreeMap<(&Place, Verb, &str), BTreeSet<String>> = BTreeMap::new();
    for change in changes {
        let key = (&change.place, change.verb, change.on.as_str());
        by_object
            .entry(key)
            .or_default()
            .insert(change.privilege.clone());
    }
    let mut alike = Alike::new();
    for ((place, verb, on), privileges) in by_object {
        alike
            .entry((place.clone(), verb, privileges))
            .or_default()
            .push(on.to_owned());
    }
    let mut alike: Vec<_> = alike.into_iter().collect();
    alike.sort_by_key(|((_, verb, _), _)| *verb);
    let mut statements = Vec::new();
    for ((place, verb, privileges), objects) in alike {
        for objects in objects.chunks(OBJECTS) {
            statements.push(statement(&place, verb, &privileges, objects)?);
        }
    }
    Ok(statements)
}

fn statement(
    place: &Place,
    verb: Verb,
    privileges: &BTreeSet<String>,
    objects: &[String],
) -> Result<String, ExternalError> {
    let role = Ident::new(&place.role)?;
    let privileges = privileges
        .iter()
        .map(String::as_str)
        .collect::<Vec<_>>()
        .join(", ");
    let objects = objects.join(", ");
    let on = match &place.creator {
        Some(_) => objects,
        None => format!("{} {objects}", place.class.word()),
    };
    let scope = scope(place)?;
    Ok(match verb {
        Verb::Revoke => format!("{scope}REVOKE {privileges} ON {on} FROM {role}"),
        Verb::RevokeOption => {
            format!("{scope}REVOKE GRANT OPTION FOR {privileges} ON {on} FROM {role}")
        }
        Verb::Grant => format!("{scope}GRANT {privileges} ON {on} TO {role}"),
        Verb::GrantWithOption => {
            format!("{scope}GRANT {privileges} ON {on} TO {role} WITH GRANT OPTION")
        }
    })
}

/// What turns a GRANT into one on future objects.
fn scope(place: &Place) -> Result<String, ExternalError> {
    let Some(creator) = &place.creator else {
        return Ok(String::new());
    };
    let creator = Ident::new(creator)?;
    Ok(match (place.class, place.schema.as_str()) {
        (Class::Schema, _) | (_, "") => format!("ALTER DEFAULT PRIVILEGES FOR ROLE {creator} "),
        (_, schema) => format!(
            "ALTER DEFAULT PRIVILEGES FOR ROLE {creator} IN SCHEMA {} ",
            Ident::new(schema)?
        ),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn change(
        class: Class,
        creator: Option<&str>,
        verb: Verb,
        on: &str,
        privilege: &str,
    ) -> Change {
        let place = Place {
            database: "d".into(),
            role: "r".into(),
            class,
            schema: "s".into(),
            creator: creator.map(str::to_owned),
        };
        Change {
            actor: "o".into(),
            place,
            verb,
            on: on.into(),
            privilege: privilege.into(),
        }
    }

    fn written(changes: &[Change]) -> Vec<String> {
        batches(changes, "postgres")
            .unwrap()
            .into_iter()
            .flat_map(|batch| batch.parts)
            .flat_map(|(_, statements)| statements)
            .collect()
    }

    #[test]
    fn objects_with_the_same_changes_share_a_statement() {
        let changes = [
            change(Class::Table, None, Verb::Grant, "s.a", "SELECT"),
            change(Class::Table, None, Verb::Grant, "s.b", "SELECT"),
            change(Class::Table, None, Verb::Grant, "s.a", "INSERT"),
            change(Class::Table, None, Verb::Grant, "s.b", "INSERT"),
            change(Class::Table, None, Verb::Revoke, "s.c", "UPDATE"),
        ];
        assert_eq!(
            written(&changes),
            [
                r#"REVOKE UPDATE ON TABLE s.c FROM "r""#,
                r#"GRANT INSERT, SELECT ON TABLE s.a, s.b TO "r""#,
            ]
        );
    }

    #[test]
    fn future_objects_are_named_by_creator_and_schema() {
        let changes = [change(
            Class::Table,
            Some("o"),
            Verb::GrantWithOption,
            "TABLES",
            "SELECT",
        )];
        assert_eq!(
            written(&changes),
            [
                r#"ALTER DEFAULT PRIVILEGES FOR ROLE "o" IN SCHEMA "s" GRANT SELECT ON TABLES TO "r" WITH GRANT OPTION"#
            ]
        );
    }

    #[test]
    fn a_database_is_changed_from_outside() {
        let changes = [change(Class::Database, None, Verb::Grant, "d", "CONNECT")];
        assert_eq!(
            batches(&changes, "postgres").unwrap()[0].database,
            "postgres"
        );
    }

    #[test]
    fn what_different_roles_change_in_one_database_is_one_batch() {
        let mut database = change(Class::Database, None, Verb::Grant, "d", "CONNECT");
        database.actor = "dba".into();
        let table = change(Class::Table, None, Verb::Grant, "s.a", "SELECT");
        let batches = batches(&[table, database], "postgres").unwrap();
        assert_eq!(batches.len(), 1);
        assert_eq!(batches[0].database, "d");
        let actors: Vec<_> = batches[0].parts.iter().map(|(actor, _)| actor).collect();
        assert_eq!(actors, ["dba", "o"]);
    }
}
