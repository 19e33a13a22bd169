//! What was granted and has to be taken back, and the way every change is carried out.
//!
//! Only what the object's owner granted counts: nothing else was granted by us, and nothing else would
//! go when we revoke. What the role holds as owner is not granted at all.

use std::collections::{BTreeMap, BTreeSet};

use super::{
    Change, Class, Entry, Found, Object, Place, Verb, Wanted, change::batches, survey::look,
};
use crate::postgresql::{session::Session, sqlstate::Result};

/// What a resource holds that can be taken back: the ledger's, or the spec's when there is no ledger.
/// What the role holds as owner, or from others, is not the resource's.
pub async fn holdings(
    session: &Session,
    wanted: Option<&Wanted>,
    ledger: &BTreeSet<String>,
) -> Result<Vec<Change>> {
    let mut entries: BTreeSet<_> = ledger.iter().filter_map(|text| Entry::read(text)).collect();
    if entries.is_empty() {
        entries = wanted.map(Wanted::entries).unwrap_or_default();
    }
    remaining(session, entries, &BTreeSet::new()).await
}

/// Carries out changes, each group as the role that owns the objects.
pub async fn carry_out(session: &Session, changes: &[Change]) -> Result<()> {
    for batch in batches(changes, &session.address().default_database)? {
        let mut lease = session.lease_in(&batch.database).await?;
        let acting = session.acting_for(&mut lease, &batch.actor).await?;
        lease.change(acting.as_ref(), &batch.statements).await?;
    }
    Ok(())
}

pub(super) type Kept = BTreeSet<(String, String, Class, String, String)>;

/// Privileges the spec asks for: another entry of the ledger about the same ones takes nothing away.
pub(super) fn kept(wanted: &Wanted, found: &Found) -> Kept {
    let pairs = found
        .objects
        .iter()
        .flat_map(|object| wanted.privileges.iter().map(move |one| (object, one)));
    pairs
        .map(|(object, privilege)| key(&wanted.place, object, privilege))
        .collect()
}

fn key(place: &Place, object: &Object, privilege: &str) -> (String, String, Class, String, String) {
    // Future objects of another creator or schema are another object.
    let creator = place.creator.as_deref().unwrap_or_default();
    let on = format!(
        "{}/{creator}/{}",
        object.on,
        if creator.is_empty() {
            ""
        } else {
            &place.schema
        }
    );
    (
        place.database.clone(),
        place.role.clone(),
        place.class,
        on,
        privilege.to_owned(),
    )
}

/// Revocations for entries that are still in force and that nobody else is behind.
pub(super) async fn remaining(
    session: &Session,
    entries: BTreeSet<Entry>,
    kept: &Kept,
) -> Result<Vec<Change>> {
    let mut by_place: BTreeMap<Place, Vec<Entry>> = BTreeMap::new();
    for entry in entries {
        by_place.entry(entry.place.clone()).or_default().push(entry);
    }
    let mut changes = BTreeSet::new();
    for (place, entries) in by_place {
        let names: Option<BTreeSet<String>> =
            entries.iter().map(|entry| entry.object.clone()).collect();
        let Some(found) = look(session, &place, names.as_ref()).await? else {
            continue;
        };
        for (object, entry) in found
            .objects
            .iter()
            .flat_map(|object| entries.iter().map(move |entry| (object, entry)))
        {
            if entry.covers(&object.key) {
                changes.extend(revocation(object, entry, kept));
            }
        }
    }
    Ok(without_redundant(&changes))
}

fn revocation(object: &Object, entry: &Entry, kept: &Kept) -> Option<Change> {
    let place = &entry.place;
    let mut held = object
        .held
        .iter()
        .filter(|held| held.privilege == entry.privilege && held.grantor == object.owner);
    let is_kept = kept.contains(&key(place, object, &entry.privilege));
    if object.owner == place.role {
        return None;
    }
    if entry.is_option {
        return held
            .any(|held| held.is_grantable)
            .then(|| object.change(place, Verb::RevokeOption, &entry.privilege));
    }
    held.find(|_| !is_kept)
        .map(|_| object.change(place, Verb::Revoke, &entry.privilege))
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
