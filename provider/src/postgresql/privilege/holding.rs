//! What was granted and has to be taken back, and the way every change is carried out.
//!
//! Only what the object's owner granted counts: nothing else was granted by us, and nothing else would
//! go when we revoke. What the role holds as owner is not granted at all.

use std::{
    collections::{BTreeMap, BTreeSet},
    fmt::Write as _,
};

use super::{
    Change, Class, Entry, Found, Object, Place, Request, Surveyed, Verb,
    catalog::Ask,
    change::{Batch, batches},
    look::look,
};
use crate::postgresql::{
    session::{Lease, Session},
    sqlstate::Result,
};

/// What a resource holds that can be taken back: the ledger's, or the spec's when there is no ledger.
/// What the role holds as owner, or from others, is not the resource's.
pub async fn holdings(
    session: &Session,
    request: Option<&Request>,
    ledger: &BTreeSet<String>,
) -> Result<Vec<Change>> {
    let mut entries: BTreeSet<_> = ledger.iter().filter_map(|text| Entry::read(text)).collect();
    if entries.is_empty() {
        entries = request.map(Request::entries).unwrap_or_default();
    }
    let memory = Memory::of(entries);
    let found = look(session, &memory.asks()).await?;
    Ok(memory.revocations(&found, &Kept::new()))
}

/// Carries out changes, each as the role that owns the object; those in one database in one transaction.
pub async fn carry_out(session: &Session, changes: &[Change]) -> Result<()> {
    for batch in batches(changes, &session.address().default_database)? {
        let mut lease = session.lease_in(&batch.database).await?;
        let statements = acted(session, &mut lease, batch).await?;
        lease.change(None, &statements).await?;
    }
    Ok(())
}

/// The statements of a batch, with a change of role where one is needed.
async fn acted(session: &Session, lease: &mut Lease, batch: Batch) -> Result<Vec<String>> {
    let mut all = Vec::new();
    let mut current = None;
    for (actor, statements) in batch.parts {
        let role = session.acting_for(lease, &actor).await?;
        let role = role.map(|role| role.to_string());
        if role != current {
            let name = role.as_deref().unwrap_or("NONE");
            all.push(format!("SET LOCAL ROLE {name}"));
        }
        current = role;
        all.extend(statements);
    }
    Ok(all)
}

/// Privileges the spec asks for, and which of them with the right to grant them to others.
pub(super) type Kept = BTreeSet<(String, String, Class, String, String, bool)>;

/// Another entry of the ledger about the same ones takes nothing away.
pub(super) fn kept(targets: &[Surveyed]) -> Kept {
    let mut kept = Kept::new();
    for Surveyed { wanted, found, .. } in targets {
        let objects = found.iter().flat_map(|found| &found.objects);
        for (object, privilege) in
            objects.flat_map(|object| wanted.privileges.iter().map(move |one| (object, one)))
        {
            kept.insert(key(&wanted.place, object, privilege, false));
            if wanted.is_grantable {
                kept.insert(key(&wanted.place, object, privilege, true));
            }
        }
    }
    kept
}

fn key(
    place: &Place,
    object: &Object,
    privilege: &str,
    is_option: bool,
) -> (String, String, Class, String, String, bool) {
    // Future objects of another creator or schema are another object.
    let mut on = object.on.clone();
    if let Some(creator) = &place.creator {
        write!(on, "/{creator}/{}", place.schema).expect("a String takes everything");
    }
    let (database, role) = (place.database.clone(), place.role.clone());
    (
        database,
        role,
        place.class,
        on,
        privilege.to_owned(),
        is_option,
    )
}

/// Entries of a ledger, by place.
#[derive(Debug)]
pub(super) struct Memory(Vec<Remembered>);

/// Entries about one place.
#[derive(Debug)]
struct Remembered {
    place: Place,
    /// The objects they are about; `None` is every one there.
    objects: Option<BTreeSet<String>>,
    entries: Vec<Entry>,
}

impl Memory {
    pub(super) fn of(entries: BTreeSet<Entry>) -> Self {
        let mut by_place: BTreeMap<Place, Vec<Entry>> = BTreeMap::new();
        for entry in entries {
            by_place.entry(entry.place.clone()).or_default().push(entry);
        }
        let remembered = by_place.into_iter().map(|(place, entries)| Remembered {
            place,
            objects: entries.iter().map(|entry| entry.object.clone()).collect(),
            entries,
        });
        Self(remembered.collect())
    }

    /// What has to be looked at.
    pub(super) fn asks(&self) -> Vec<Ask<'_>> {
        let asks = self.0.iter().map(|one| Ask {
            place: &one.place,
            objects: one.objects.as_ref(),
        });
        asks.collect()
    }

    /// Revocations for entries that are still in force and that nobody else is behind. `found` answers
    /// [`Memory::asks`].
    pub(super) fn revocations(&self, found: &[Option<Found>], kept: &Kept) -> Vec<Change> {
        let mut changes = BTreeSet::new();
        for (remembered, found) in self.0.iter().zip(found) {
            let objects = found.iter().flat_map(|found| &found.objects);
            for (object, entry) in objects
                .flat_map(|object| remembered.entries.iter().map(move |entry| (object, entry)))
            {
                if entry.covers(&object.key) {
                    changes.extend(revocation(object, entry, kept));
                }
            }
        }
        without_redundant(&changes)
    }
}

fn revocation(object: &Object, entry: &Entry, kept: &Kept) -> Option<Change> {
    let place = &entry.place;
    let mut held = object
        .held
        .iter()
        .filter(|held| held.privilege == entry.privilege && held.grantor == object.owner);
    let key = key(place, object, &entry.privilege, entry.is_option);
    if object.owner == place.role || kept.contains(&key) {
        return None;
    }
    let (is_held, verb) = if entry.is_option {
        (held.any(|held| held.is_grantable), Verb::RevokeOption)
    } else {
        (held.next().is_some(), Verb::Revoke)
    };
    is_held.then(|| object.change(place, verb, &entry.privilege))
}

/// Taking back a privilege takes back the right to grant it.
fn without_redundant(changes: &BTreeSet<Change>) -> Vec<Change> {
    let is_redundant = |change: &Change| {
        change.verb == Verb::RevokeOption
            && changes.contains(&Change {
                verb: Verb::Revoke,
                ..change.clone()
            })
    };
    changes
        .iter()
        .filter(|change| !is_redundant(change))
        .cloned()
        .collect()
}
