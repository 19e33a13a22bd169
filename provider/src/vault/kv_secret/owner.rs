//! Whose a path is: marks in its custom metadata. Pure.
//!
//! | entry | value |
//! |---|---|
//! | `tenancy.pnats.cloud/owner.<uid>` | `<cluster>/<kind>/<namespace>/<name>` |
//! | `tenancy.pnats.cloud/keys.<uid>` | with `Merge` the keys that are the owner's; else absent: the whole path |
//!
//! A mark is written after the data, because only the data write is atomic: of two who want the same
//! path one loses the check-and-set and then finds a path that is not its own.

use std::collections::{BTreeMap, BTreeSet};

use managed::external::{Desired, ExternalError};

use super::{KvSecret, Strategy};
use crate::vault::{
    kv::CustomPatch,
    mark::{self, Mark},
};

/// Begin of the entry that names an owner.
pub(super) const OWNER: &str = mark::BEGIN;
/// Begin of the entry that lists an owner's keys.
pub(super) const KEYS: &str = "tenancy.pnats.cloud/keys.";
/// Longest value of custom metadata.
const LONGEST_VALUE: usize = 512;
/// The mark that External Secrets leaves.
const EXTERNAL_SECRETS: (&str, &str) = ("managed-by", "external-secrets");

/// Somebody who owns a path or some keys of it.
#[derive(Clone, Debug, Eq, PartialEq)]
pub(super) struct Holder {
    /// UID of the resource; empty for other products.
    pub(super) uid: String,
    /// Cluster, kind, namespace and name.
    pub(super) reference: String,
    /// The keys; `None` is the whole path.
    pub(super) keys: Option<BTreeSet<String>>,
}

/// The owners of a path, seen by one resource.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub(super) struct Holders {
    /// This resource, under this and former UIDs.
    pub(super) mine: Vec<Holder>,
    /// Everybody else.
    pub(super) others: Vec<Holder>,
}

/// This resource as an owner. `cluster` is the cluster's name if the provider config has one.
pub(super) fn claimant(desired: &Desired<KvSecret>, cluster: Option<&str>) -> Holder {
    let mark = Mark::of(&desired.owner, cluster);
    let merges = desired.parameters.strategy == Strategy::Merge;
    Holder {
        uid: mark.uid,
        reference: mark.reference,
        keys: merges.then(|| desired.parameters.data.keys().cloned().collect()),
    }
}

impl Holder {
    fn is(&self, other: &Self) -> bool {
        self.mark().is(&other.mark())
    }

    fn mark(&self) -> Mark {
        Mark {
            uid: self.uid.clone(),
            reference: self.reference.clone(),
        }
    }

    fn overlaps(&self, other: &Self) -> bool {
        match (&self.keys, &other.keys) {
            (Some(mine), Some(theirs)) => !mine.is_disjoint(theirs),
            _ => true,
        }
    }

    fn entries(&self) -> Vec<(String, String)> {
        let owner = (format!("{OWNER}{}", self.uid), self.reference.clone());
        let listed = |keys: &BTreeSet<String>| keys.iter().cloned().collect::<Vec<_>>().join(",");
        let keys = self
            .keys
            .as_ref()
            .map(|keys| (format!("{KEYS}{}", self.uid), listed(keys)));
        [owner].into_iter().chain(keys).collect()
    }

    /// True when the marks fit into custom metadata.
    pub(super) fn check(&self) -> Result<(), ExternalError> {
        if self
            .entries()
            .iter()
            .all(|(_, value)| value.len() <= LONGEST_VALUE)
        {
            Ok(())
        } else {
            Err(ExternalError::invalid(
                format!(
                    "with Merge the names of all keys together must not exceed {LONGEST_VALUE} bytes"
                ),
                "split the keys over several paths",
            ))
        }
    }
}

impl Holders {
    /// Reads the marks.
    pub(super) fn read(custom: &BTreeMap<String, String>, me: &Holder) -> Self {
        let owners = custom.iter().filter_map(|(entry, reference)| {
            let uid = entry.strip_prefix(OWNER)?.to_owned();
            let keys = custom.get(&format!("{KEYS}{uid}"));
            let keys = keys.map(|keys| keys.split(',').map(str::to_owned).collect());
            Some(Holder {
                uid,
                reference: reference.clone(),
                keys,
            })
        });
        let (mine, mut others): (Vec<_>, Vec<_>) = owners.partition(|holder| holder.is(me));
        let (entry, product) = EXTERNAL_SECRETS;
        if custom.get(entry).is_some_and(|value| value == product) {
            others.push(Holder {
                uid: String::new(),
                reference: product.into(),
                keys: None,
            });
        }
        Self { mine, others }
    }

    /// Those who own something that `me` wants.
    pub(super) fn rivals(&self, me: &Holder) -> Vec<&Holder> {
        self.others
            .iter()
            .filter(|holder| holder.overlaps(me))
            .collect()
    }

    /// The keys that are known to be `me`'s.
    pub(super) fn own_keys(&self) -> BTreeSet<&str> {
        self.mine
            .iter()
            .flat_map(|holder| holder.keys.iter().flatten())
            .map(String::as_str)
            .collect()
    }

    /// What to change so that the marks say: this is `me`, and `rivals` are no more.
    pub(super) fn claim(
        &self,
        custom: &BTreeMap<String, String>,
        me: &Holder,
        rivals: &[&Holder],
    ) -> CustomPatch {
        let wanted: BTreeMap<_, _> = me.entries().into_iter().collect();
        let mut patch = removal(self.mine.iter().chain(rivals.iter().copied()), custom);
        patch.retain(|entry, _| !wanted.contains_key(entry));
        let missing = wanted
            .into_iter()
            .filter(|(entry, value)| custom.get(entry) != Some(value));
        patch.extend(missing.map(|(entry, value)| (entry, Some(value))));
        patch
    }

    /// What to change so that nothing is this resource's any more.
    pub(super) fn release(&self, custom: &BTreeMap<String, String>) -> CustomPatch {
        removal(self.mine.iter(), custom)
    }
}

fn removal<'h>(
    holders: impl Iterator<Item = &'h Holder>,
    custom: &BTreeMap<String, String>,
) -> CustomPatch {
    let entries = holders.flat_map(|holder| match holder.uid.as_str() {
        "" => vec![EXTERNAL_SECRETS.0.to_owned()],
        uid => vec![format!("{OWNER}{uid}"), format!("{KEYS}{uid}")],
    });
    entries
        .filter(|entry| custom.contains_key(entry))
        .map(|entry| (entry, None))
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn holder(uid: &str, cluster: &str, keys: Option<&[&str]>) -> Holder {
        Holder {
            uid: uid.into(),
            reference: format!("{cluster}/kvsecret.vault.pnats.cloud/team/app"),
            keys: keys.map(|keys| keys.iter().map(|key| (*key).to_owned()).collect()),
        }
    }

    fn custom(holders: &[Holder]) -> BTreeMap<String, String> {
        let team = ("team".to_owned(), "payments".to_owned());
        holders
            .iter()
            .flat_map(Holder::entries)
            .chain([team])
            .collect()
    }

    fn apply(custom: &BTreeMap<String, String>, patch: CustomPatch) -> BTreeMap<String, String> {
        let mut custom = custom.clone();
        for (entry, value) in patch {
            match value {
                Some(value) => custom.insert(entry, value),
                None => custom.remove(&entry),
            };
        }
        custom
    }

    #[test]
    fn a_claim_is_read_back_as_mine_and_leaves_foreign_entries_alone() {
        for me in [holder("1", "-", None), holder("1", "-", Some(&["a", "b"]))] {
            let before = custom(&[]);
            let patch = Holders::read(&before, &me).claim(&before, &me, &[]);
            let after = apply(&before, patch);
            assert_eq!(Holders::read(&after, &me).mine, std::slice::from_ref(&me));
            assert!(
                Holders::read(&after, &me)
                    .claim(&after, &me, &[])
                    .is_empty()
            );
            let released = apply(&after, Holders::read(&after, &me).release(&after));
            assert_eq!(released, before);
        }
    }

    #[test]
    fn the_same_resource_made_again_keeps_its_path_only_in_a_cluster_with_a_name() {
        let (old, new) = (holder("1", "prod", None), holder("2", "prod", None));
        let before = custom(std::slice::from_ref(&old));
        let holders = Holders::read(&before, &new);
        assert_eq!(holders.mine, [old]);
        let after = apply(&before, holders.claim(&before, &new, &[]));
        assert_eq!(Holders::read(&after, &new).mine, [new]);

        let (old, new) = (holder("1", "-", None), holder("2", "-", None));
        assert_eq!(
            Holders::read(&custom(std::slice::from_ref(&old)), &new).others,
            [old]
        );
    }

    #[test]
    fn owners_of_other_keys_are_no_rivals() {
        let me = holder("1", "-", Some(&["a"]));
        let rivals = |other| Holders::read(&custom(&[other]), &me).rivals(&me).len();
        assert_eq!(rivals(holder("2", "-", Some(&["b"]))), 0);
        assert_eq!(rivals(holder("2", "-", Some(&["a", "b"]))), 1);
        assert_eq!(rivals(holder("2", "-", None)), 1);
    }

    #[test]
    fn a_path_of_external_secrets_is_somebody_elses() {
        let custom = BTreeMap::from([("managed-by".to_owned(), "external-secrets".to_owned())]);
        let me = holder("1", "-", None);
        let holders = Holders::read(&custom, &me);
        assert_eq!(holders.rivals(&me).len(), 1);
        let after = apply(&custom, holders.claim(&custom, &me, &holders.rivals(&me)));
        assert!(Holders::read(&after, &me).others.is_empty());
    }

    #[test]
    fn marks_that_do_not_fit_are_refused() {
        let keys: Vec<String> = (0..60)
            .map(|number| format!("a-long-key-{number}"))
            .collect();
        let keys: Vec<&str> = keys.iter().map(String::as_str).collect();
        assert!(holder("1", "-", Some(&keys)).check().is_err());
        assert!(holder("1", "-", None).check().is_ok());
    }
}
