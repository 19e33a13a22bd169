//! Comparing what is wanted with the access control lists, and acting on it.
//!
//! A privilege that the role holds is there whoever granted it; what is taken back is decided in
//! `holding.rs`.

use std::collections::BTreeSet;

use managed::{
    drift::{Drift, Shown},
    external::ExternalError,
};
use tokio_postgres::error::SqlState;

use super::{
    Change, Class, Entry, Found, Object, Place, Verb, Wanted,
    holding::{carry_out, kept, remaining},
};
use crate::postgresql::{session::Session, sqlstate::Result};

/// What was found for one resource.
#[derive(Clone, Debug, Default)]
pub struct Survey {
    /// The place of the spec; `None` when the database does not exist.
    pub found: Option<Found>,
    /// What has to be granted.
    pub missing: Vec<Change>,
    /// What earlier specs granted and this one does not ask for.
    pub left: Vec<Change>,
}

impl Survey {
    /// Looks at everything the spec asks for and the ledger remembers.
    pub async fn of(session: &Session, wanted: &Wanted, ledger: &BTreeSet<String>) -> Result<Self> {
        let found = look(session, &wanted.place, wanted.objects.as_ref()).await?;
        let missing = found
            .as_ref()
            .map(|found| missing(wanted, found))
            .unwrap_or_default();
        let asked = wanted.entries();
        let stale = ledger
            .iter()
            .filter_map(|text| Entry::read(text))
            .filter(|entry| !asked.contains(entry));
        let kept = found
            .as_ref()
            .map(|found| kept(wanted, found))
            .unwrap_or_default();
        let left = remaining(session, stale.collect(), &kept).await?;
        Ok(Self {
            found,
            missing,
            left,
        })
    }

    /// Names listed in the spec that no object has.
    pub fn missing_objects(&self, wanted: &Wanted) -> Vec<String> {
        let Some(names) = &wanted.objects else {
            return Vec::new();
        };
        let found = self.found.as_ref().map_or(&[][..], |found| &found.objects);
        names
            .iter()
            .filter(|name| !found.iter().any(|object| object.key == **name))
            .cloned()
            .collect()
    }

    /// Wanted privileges that the role holds on every object.
    pub fn held_everywhere(&self, wanted: &Wanted) -> Vec<String> {
        let Some(found) = &self.found else {
            return Vec::new();
        };
        let everywhere = |privilege: &&String| {
            !found.objects.is_empty() && found.objects.iter().all(|object| object.holds(privilege))
        };
        wanted
            .privileges
            .iter()
            .filter(everywhere)
            .cloned()
            .collect()
    }

    /// True when the resource does not exist: nothing it asks for is there, and nothing else of it is.
    pub fn is_absent(&self, wanted: &Wanted) -> bool {
        let Some(found) = &self.found else {
            return self.left.is_empty();
        };
        if let Some(_reason) = obstacle(wanted, found) {
            return self.left.is_empty();
        }
        let is_held = |object: &Object| {
            wanted
                .privileges
                .iter()
                .any(|privilege| object.holds(privilege))
        };
        !found.objects.is_empty() && !found.objects.iter().any(is_held) && self.left.is_empty()
    }

    /// The differences, field by field.
    pub fn drift(&self, wanted: &Wanted) -> Vec<Drift> {
        let is_about_option = |change: &Change| match change.verb {
            Verb::RevokeOption => true,
            Verb::GrantWithOption => self.holds(change),
            Verb::Grant | Verb::Revoke => false,
        };
        let changes = || self.missing.iter().chain(&self.left);
        let mut drift = Vec::new();
        if changes().any(|change| !is_about_option(change)) {
            drift.push(self.privileges_drift(wanted));
        }
        if changes().any(is_about_option) {
            let shown = |is_grantable: bool| {
                if is_grantable {
                    Shown::plain("GRANT")
                } else {
                    Shown::absent()
                }
            };
            drift.push(Drift {
                field: "withOption".into(),
                desired: shown(wanted.is_grantable),
                observed: shown(!wanted.is_grantable),
            });
        }
        drift
    }

    fn holds(&self, change: &Change) -> bool {
        let objects = self.found.iter().flat_map(|found| &found.objects);
        objects
            .filter(|object| object.on == change.on)
            .any(|object| object.holds(&change.privilege))
    }

    fn privileges_drift(&self, wanted: &Wanted) -> Drift {
        let desired = wanted
            .privileges
            .iter()
            .cloned()
            .collect::<Vec<_>>()
            .join(", ");
        let mut observed = self.held_everywhere(wanted);
        let partly: BTreeSet<_> = self
            .missing
            .iter()
            .map(|change| change.on.as_str())
            .collect();
        let objects = self.found.as_ref().map_or(0, |found| found.objects.len());
        if (1..objects).contains(&partly.len()) {
            let first = partly.first().copied().unwrap_or_default();
            observed.push(format!(
                "less on {} of {objects} objects such as {first}",
                partly.len()
            ));
        }
        let left = self
            .left
            .iter()
            .filter(|change| change.verb == Verb::Revoke);
        observed.extend(left.map(|change| format!("{} on {}", change.privilege, change.on)));
        let observed = if observed.is_empty() {
            Shown::absent()
        } else {
            Shown::plain(observed.join(", "))
        };
        Drift {
            field: "privileges".into(),
            desired: Shown::plain(desired),
            observed,
        }
    }

    /// Grants what is missing and revokes what is left over.
    pub async fn settle(&self, session: &Session, wanted: &Wanted) -> Result<(), ExternalError> {
        let found = self
            .found
            .as_ref()
            .ok_or_else(|| no_database(&wanted.place.database))?;
        if let Some(obstacle) = obstacle(wanted, found) {
            return Err(obstacle);
        }
        let changes: Vec<_> = self.left.iter().chain(&self.missing).cloned().collect();
        Ok(carry_out(session, &changes).await?)
    }
}

/// `None` when the database does not exist.
pub(super) async fn look(
    session: &Session,
    place: &Place,
    objects: Option<&BTreeSet<String>>,
) -> Result<Option<Found>> {
    let database = place
        .seen_from(&session.address().default_database)
        .to_owned();
    let mut lease = match session.lease_in(&database).await {
        Err(error) if error.is(&SqlState::UNDEFINED_DATABASE) => return Ok(None),
        lease => lease?,
    };
    let found = Found::read(&mut lease, place, objects).await?;
    Ok(Some(found).filter(|found| place.class != Class::Database || !found.objects.is_empty()))
}

fn missing(wanted: &Wanted, found: &Found) -> Vec<Change> {
    let pairs = found
        .objects
        .iter()
        .flat_map(|object| wanted.privileges.iter().map(move |one| (object, one)));
    let lacking = pairs.filter(|(object, privilege)| {
        // An owner may always grant.
        let needs_option = wanted.is_grantable && object.owner != wanted.place.role;
        !(if needs_option {
            object.may_grant(privilege)
        } else {
            object.holds(privilege)
        })
    });
    let verb = if wanted.is_grantable {
        Verb::GrantWithOption
    } else {
        Verb::Grant
    };
    lacking
        .map(|(object, privilege)| object.change(&wanted.place, verb, privilege))
        .collect()
}

fn obstacle(wanted: &Wanted, found: &Found) -> Option<ExternalError> {
    let place = &wanted.place;
    let absent = |what: &str, name: &str| {
        ExternalError::blocked(
            format!("{what} {name:?}"),
            format!("{what} {name:?} does not exist"),
            "create it",
        )
    };
    if !found.role_exists {
        return Some(absent("role", &place.role));
    }
    if let Some(creator) = place.creator.as_deref().filter(|_| !found.creator_exists) {
        return Some(absent("role", creator));
    }
    if !found.schema_exists {
        return Some(absent("schema", &place.schema));
    }
    let names = wanted
        .objects
        .as_ref()
        .filter(|_| found.objects.is_empty())?;
    let names = names.iter().cloned().collect::<Vec<_>>().join(", ");
    Some(absent(&place.class.word().to_lowercase(), &names))
}

fn no_database(name: &str) -> ExternalError {
    let what = format!("database {name:?}");
    ExternalError::blocked(what.clone(), format!("{what} does not exist"), "create it")
}
