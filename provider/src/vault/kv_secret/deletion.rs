//! What becomes of a path when its resource is deleted.
//!
//! | policy | current version | older versions | metadata |
//! |---|---|---|---|
//! | `SoftDelete` | deleted | stay | stays without the mark |
//! | `DeleteAllVersions` | deleted | deleted | stays without the mark |
//! | `Destroy` | destroyed | destroyed | stays without the mark |
//! | `Purge` | removed | removed | removed |
//! | `Orphan` | stays | stay | stays without the mark |
//!
//! The mark goes last, so that a deletion that was interrupted is found and completed. Needs on
//! `metadata/`: patch, read for all versions, delete for `Purge`; update on `delete/` or `destroy/`.

use std::collections::BTreeSet;

use managed::external::Desired;

use super::{
    DeletionPolicy, KvSecret, Strategy,
    owner::{Holder, Holders},
};
use crate::vault::{
    error::Error,
    kv::{Content, Current, Location},
    session::Session,
};

/// How much of a path goes.
#[derive(Clone, Debug, Eq, PartialEq)]
enum Extent {
    /// All of it, as the policy says.
    Path,
    /// Some keys; these stay.
    Keys(Content),
    /// Nothing but the mark.
    Mark,
}

/// Marked as this resource's, or left without a mark when this resource was interrupted: then it is
/// the first version and holds exactly the keys that were noted before it was written.
pub(super) fn is_mine(desired: &Desired<KvSecret>, current: &Current, holders: &Holders) -> bool {
    let noted: Vec<_> = desired.ledger.iter().cloned().collect();
    let is_unmarked = holders.mine.is_empty() && holders.others.is_empty();
    let is_left = current.version == 1
        && current
            .live()
            .is_some_and(|content| content.keys() == noted);
    // CreateOnly notes keys beside what somebody else wrote; Orphan leaves it without a mark itself.
    let may_be_left = desired.parameters.strategy != Strategy::CreateOnly
        && desired.parameters.deletion_policy != DeletionPolicy::Orphan
        && !noted.is_empty();
    !holders.mine.is_empty() || (is_unmarked && is_left && may_be_left)
}

/// Deletes what is this resource's; what is not is left alone.
pub(super) async fn delete(
    session: &Session,
    desired: &Desired<KvSecret>,
    location: &Location,
    me: &Holder,
) -> Result<(), Error> {
    let current = location.read(session).await?;
    let holders = Holders::read(&current.custom, me);
    if !is_mine(desired, &current, &holders) {
        return Ok(());
    }
    let policy = desired.parameters.deletion_policy;
    match extent(desired, &current, &holders) {
        Extent::Path if policy == DeletionPolicy::Purge => return location.purge(session).await,
        Extent::Path => clear(session, policy, location, &current).await?,
        Extent::Keys(rest) => location.put(session, current.version, &rest).await?,
        Extent::Mark => {}
    }
    let marks = holders.release(&current.custom);
    if marks.is_empty() {
        Ok(())
    } else {
        location.mark(session, &marks).await
    }
}

fn extent(desired: &Desired<KvSecret>, current: &Current, holders: &Holders) -> Extent {
    let parameters = &desired.parameters;
    if parameters.deletion_policy == DeletionPolicy::Orphan {
        return Extent::Mark;
    }
    if parameters.strategy != Strategy::Merge {
        return Extent::Path;
    }
    let own = own_keys(desired, holders);
    let mut rest = current.live().cloned().unwrap_or_default();
    let before = rest.0.len();
    rest.0.retain(|key, _| !own.contains(key.as_str()));
    match rest.0.len() {
        0 if holders.others.is_empty() => Extent::Path,
        kept if kept == before => Extent::Mark,
        _ => Extent::Keys(rest),
    }
}

/// The keys of the mark; where no mark lists any, those that were noted before they were written.
fn own_keys<'d>(desired: &'d Desired<KvSecret>, holders: &'d Holders) -> BTreeSet<&'d str> {
    let listed = holders.own_keys();
    if listed.is_empty() {
        desired.ledger.iter().map(String::as_str).collect()
    } else {
        listed
    }
}

async fn clear(
    session: &Session,
    policy: DeletionPolicy,
    location: &Location,
    current: &Current,
) -> Result<(), Error> {
    match policy {
        DeletionPolicy::SoftDelete if current.live().is_some() => {
            location.delete(session, &[current.version]).await
        }
        DeletionPolicy::DeleteAllVersions => {
            let versions = location.versions(session).await?;
            location.delete(session, &versions).await
        }
        DeletionPolicy::Destroy => {
            let versions = location.versions(session).await?;
            location.destroy(session, &versions).await
        }
        DeletionPolicy::SoftDelete | DeletionPolicy::Purge | DeletionPolicy::Orphan => Ok(()),
    }
}
