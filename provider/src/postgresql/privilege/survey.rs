//! Comparing what is wanted with the access control lists, and acting on it.
//!
//! A privilege that the role holds is there whoever granted it; what is taken back is decided in
//! `holding.rs`. One look is one query, however many targets there are.

use std::collections::BTreeSet;

use managed::external::ExternalError;

use super::{
    Change, Entry, Found, Object, Request, Verb, Wanted,
    catalog::Ask,
    holding::{Memory, carry_out, kept},
    look::look,
};
use crate::postgresql::{session::Session, sqlstate::Result};

/// What was found for one resource.
#[derive(Clone, Debug, Default)]
pub struct Survey {
    /// What was found for each target.
    pub targets: Vec<Surveyed>,
    /// What earlier specs granted and this one does not ask for.
    pub left: Vec<Change>,
    /// The spec lists its targets.
    pub is_list: bool,
}

/// What was found for one target.
#[derive(Clone, Debug)]
pub struct Surveyed {
    /// The target.
    pub wanted: Wanted,
    /// Its place; `None` when the database does not exist.
    pub found: Option<Found>,
    /// What has to be granted.
    pub missing: Vec<Change>,
}

impl Survey {
    /// Looks at everything the spec asks for and the ledger remembers.
    pub async fn of(
        session: &Session,
        request: Request,
        ledger: &BTreeSet<String>,
    ) -> Result<Self> {
        let asked = request.entries();
        let remembered = ledger.iter().filter_map(|text| Entry::read(text));
        let stale = Memory::of(remembered.filter(|entry| !asked.contains(entry)).collect());
        let asks = request.wanted.iter().map(|wanted| Ask {
            place: &wanted.place,
            objects: wanted.objects.as_ref(),
        });
        let asks: Vec<_> = asks.chain(stale.asks()).collect();
        let mut found = look(session, &asks).await?;
        let of_stale = found.split_off(request.wanted.len());
        let targets = request.wanted.into_iter().zip(found);
        let targets: Vec<_> = targets
            .map(|(wanted, found)| Surveyed::of(wanted, found))
            .collect();
        Ok(Self {
            left: stale.revocations(&of_stale, &kept(&targets)),
            targets,
            is_list: request.is_list,
        })
    }

    /// True when the resource does not exist: nothing it asks for is there, and nothing else of it is.
    pub fn is_absent(&self) -> bool {
        self.left.is_empty()
            && !self.targets.iter().any(Surveyed::is_held)
            && self.targets.iter().any(Surveyed::is_lacking)
    }

    /// Grants what is missing and revokes what is left over, in one transaction. A target that is not
    /// there does not keep the others from their privileges, but is reported.
    pub async fn settle(&self, session: &Session) -> Result<(), ExternalError> {
        let obstacles: Vec<_> = self.targets.iter().filter_map(Surveyed::obstacle).collect();
        if obstacles.len() < self.targets.len() {
            let missing = self.targets.iter().flat_map(|target| &target.missing);
            let changes: Vec<_> = self.left.iter().chain(missing).cloned().collect();
            carry_out(session, &changes).await?;
        }
        obstacles.into_iter().next().map_or(Ok(()), Err)
    }
}

impl Surveyed {
    fn of(wanted: Wanted, found: Option<Found>) -> Self {
        let missing = found
            .as_ref()
            .map(|found| missing(&wanted, found))
            .unwrap_or_default();
        Self {
            wanted,
            found,
            missing,
        }
    }

    /// The objects that were found.
    pub fn objects(&self) -> &[Object] {
        self.found.as_ref().map_or(&[], |found| &found.objects)
    }

    /// Names listed in the spec that no object has.
    pub fn missing_objects(&self) -> Vec<&str> {
        let is_missing = |name: &&String| !self.objects().iter().any(|object| object.key == **name);
        let names = self.wanted.objects.iter().flatten().filter(is_missing);
        names.map(String::as_str).collect()
    }

    /// Wanted privileges that the role holds on every object.
    pub fn held_everywhere(&self) -> Vec<String> {
        let objects = self.objects();
        let everywhere = |privilege: &&String| {
            !objects.is_empty() && objects.iter().all(|object| object.holds(privilege))
        };
        let held = self.wanted.privileges.iter().filter(everywhere);
        held.cloned().collect()
    }

    /// Any of the privileges is held on any of the objects.
    fn is_held(&self) -> bool {
        let holds = |object: &Object| {
            let mut privileges = self.wanted.privileges.iter();
            privileges.any(|privilege| object.holds(privilege))
        };
        self.objects().iter().any(holds)
    }

    /// There is something that privileges could be held on. Without any objects nothing is lacking.
    fn is_lacking(&self) -> bool {
        self.obstacle().is_some() || !self.objects().is_empty()
    }

    /// What has to exist before anything can be granted here.
    pub(super) fn obstacle(&self) -> Option<ExternalError> {
        let place = &self.wanted.place;
        let Some(found) = &self.found else {
            return Some(absent("database", &place.database));
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
        let names = self.wanted.objects.as_ref();
        let names = names.filter(|_| found.objects.is_empty())?;
        let names = names.iter().cloned().collect::<Vec<_>>().join(", ");
        Some(absent(&place.class.word().to_lowercase(), &names))
    }
}

fn absent(what: &str, name: &str) -> ExternalError {
    let what = format!("{what} {name:?}");
    ExternalError::blocked(what.clone(), format!("{what} does not exist"), "create it")
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
