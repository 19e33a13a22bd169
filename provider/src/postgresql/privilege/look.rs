//! Where the access control lists are read, and how often: once for each database.
//!
//! A database's own privileges are known in every database. They are read where the other places of
//! the same resource are; only when there are none, from the default database, so that they can be asked
//! for when the database is gone.

use std::collections::{BTreeMap, BTreeSet};

use tokio_postgres::error::SqlState;

use super::{Class, Found, Place, catalog::Ask};
use crate::postgresql::{session::Session, sqlstate::Result};

/// The database that each place of one resource is seen from, and changed from.
#[derive(Debug)]
pub(super) struct Seats<'a> {
    entered: BTreeSet<&'a str>,
    default: &'a str,
}

impl<'a> Seats<'a> {
    pub(super) fn of(places: impl Iterator<Item = &'a Place>, default: &'a str) -> Self {
        let inside = places.filter(|place| place.class != Class::Database);
        Self {
            entered: inside.map(|place| place.database.as_str()).collect(),
            default,
        }
    }

    pub(super) fn seat(&self, place: &'a Place) -> &'a str {
        let database = place.database.as_str();
        if self.entered.contains(database) {
            database
        } else {
            self.default
        }
    }
}

/// The answers, in the order of the questions; `None` when the database does not exist.
pub(super) async fn look(session: &Session, asks: &[Ask<'_>]) -> Result<Vec<Option<Found>>> {
    let default = session.address().default_database.as_str();
    let seats = Seats::of(asks.iter().map(|ask| ask.place), default);
    let mut by_seat: BTreeMap<&str, Vec<usize>> = BTreeMap::new();
    for (at, ask) in asks.iter().enumerate() {
        by_seat.entry(seats.seat(ask.place)).or_default().push(at);
    }
    let mut answers = vec![None; asks.len()];
    for (database, positions) in by_seat {
        let asked: Vec<_> = positions.iter().map(|at| asks[*at]).collect();
        for (at, found) in positions
            .into_iter()
            .zip(look_from(session, database, &asked).await?)
        {
            let is_gone = asks[at].place.class == Class::Database && found.objects.is_empty();
            answers[at] = (!is_gone).then_some(found);
        }
    }
    Ok(answers)
}

/// No answers when the database does not exist.
async fn look_from(session: &Session, database: &str, asks: &[Ask<'_>]) -> Result<Vec<Found>> {
    let read = async {
        let mut lease = session.lease_in(database).await?;
        Found::read(&mut lease, asks).await
    };
    match read.await {
        Err(error) if error.is(&SqlState::UNDEFINED_DATABASE) => Ok(Vec::new()),
        found => found,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn place(database: &str, class: Class) -> Place {
        Place {
            database: database.into(),
            role: "r".into(),
            class,
            schema: String::new(),
            creator: None,
        }
    }

    #[test]
    fn a_database_is_seen_from_inside_when_something_else_in_it_is() {
        let places = [
            place("orders", Class::Database),
            place("orders", Class::Table),
            place("old", Class::Database),
        ];
        let seats = Seats::of(places.iter(), "postgres");
        let seen: Vec<_> = places.iter().map(|place| seats.seat(place)).collect();
        assert_eq!(seen, ["orders", "orders", "postgres"]);
    }
}
