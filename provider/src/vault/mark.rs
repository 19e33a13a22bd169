//! Whose an object in Vault is. Pure.
//!
//! Where Vault keeps text of the user's, a description or the text of a policy, a mark in it names the
//! owner. Roles and configurations have no such place; there only the resource itself knows, by its
//! ledger, whether it has ever written the object. Either way what is somebody else's is not overwritten
//! unless `adopt` says so, and not deleted.

use managed::external::{Desired, ExternalError, Owner};
use managed::{Drift, Kind, Shown};

use super::adoption::Adopt;

/// Begin of every mark.
pub(super) const BEGIN: &str = "tenancy.pnats.cloud/owner.";

/// Names an owner.
#[derive(Clone, Debug, Eq, PartialEq)]
pub(super) struct Mark {
    /// UID of the resource.
    pub(super) uid: String,
    /// Cluster, kind, namespace and name.
    pub(super) reference: String,
}

/// An object seen by one resource.
#[derive(Clone, Copy, Debug)]
pub(super) struct Claim<'a> {
    /// What and where it is, such as `policy vcluster-dev`.
    pub(super) object: &'a str,
    /// This resource.
    pub(super) me: &'a Mark,
    /// The mark that was found.
    pub(super) found: Option<&'a Mark>,
    /// Whether this resource has meant to write it before.
    pub(super) was_written: bool,
}

impl Mark {
    /// The mark of a resource. `cluster` is the cluster's name if the provider config has one.
    pub(super) fn of(owner: &Owner, cluster: Option<&str>) -> Self {
        Self {
            uid: owner.uid.clone(),
            reference: format!(
                "{}/{}/{}/{}",
                cluster.unwrap_or("-"),
                owner.kind,
                owner.namespace,
                owner.name
            ),
        }
    }

    /// Resources made again keep what they had, if clusters can be told apart.
    pub(super) fn is(&self, other: &Self) -> bool {
        let is_same_reference =
            self.reference == other.reference && !self.reference.starts_with("-/");
        self.uid == other.uid || is_same_reference
    }

    /// As it stands in a text of the user's.
    pub(super) fn text(&self) -> String {
        format!("{BEGIN}{} {}", self.uid, self.reference)
    }

    /// The mark in a text: the words after its begin, up to the end of the line or a bracket.
    pub(super) fn find(text: &str) -> Option<Self> {
        let (_, rest) = text.rsplit_once(BEGIN)?;
        let end = rest.find(['\n', '\r', ')']).unwrap_or(rest.len());
        let (uid, reference) = rest[..end].split_once(' ')?;
        Some(Self {
            uid: uid.to_owned(),
            reference: reference.trim().to_owned(),
        })
    }
}

impl<'a> Claim<'a> {
    /// What a resource sees of an object with this mark.
    pub(super) fn of<K: Kind>(
        desired: &Desired<K>,
        object: &'a str,
        me: &'a Mark,
        found: Option<&'a Mark>,
    ) -> Self {
        Self {
            object,
            me,
            found,
            was_written: !desired.ledger.is_empty(),
        }
    }

    /// Whether the object is this resource's to delete.
    pub(super) fn is_mine(self) -> bool {
        self.found
            .map_or(self.was_written, |found| self.me.is(found))
    }

    /// Whether the object may be written.
    pub(super) fn check(self, adopt: Adopt) -> Result<(), ExternalError> {
        let object = self.object;
        match (self.found, adopt) {
            _ if self.is_mine() => Ok(()),
            (_, Adopt::Always) | (None, Adopt::IfUnowned) => Ok(()),
            (Some(found), _) => Err(ExternalError::blocked(
                object,
                format!("{object} belongs to {}", found.reference),
                "set adopt: Always, or choose another name",
            )),
            (None, Adopt::Never) => Err(ExternalError::blocked(
                object,
                format!("{object} exists and was not written by this resource"),
                "set adopt: IfUnowned, or choose another name",
            )),
        }
    }

    /// What differs when the object does not carry this resource's mark as it is now.
    pub(super) fn drift(self) -> Option<Drift> {
        (self.found != Some(self.me)).then(|| Drift {
            field: "owner".into(),
            desired: Shown::plain(&self.me.reference),
            observed: self
                .found
                .map_or_else(Shown::absent, |found| Shown::plain(&found.reference)),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn mark(uid: &str, reference: &str) -> Mark {
        Mark {
            uid: uid.into(),
            reference: reference.into(),
        }
    }

    #[test]
    fn a_mark_is_found_in_whatever_text_it_was_put_into() {
        let me = mark("u1", "dev/policy.vault.pnats.cloud/team/app");
        for text in [
            me.text(),
            format!("# {}\npath \"a\" {{}}", me.text()),
            format!("for the team ({})", me.text()),
        ] {
            assert_eq!(Mark::find(&text), Some(me.clone()), "{text}");
        }
        assert_eq!(Mark::find("for the team"), None);
        assert_eq!(Mark::find(BEGIN), None);
    }

    #[test]
    fn what_is_somebody_elses_is_taken_only_on_request_and_never_deleted() {
        let me = mark("u1", "dev/x/team/app");
        let (again, other) = (mark("u0", "dev/x/team/app"), mark("u2", "dev/x/team/other"));
        // found, written before, may be taken with Never / IfUnowned / Always, may be deleted
        let table = [
            (None, false, [false, true, true], false),
            (None, true, [true, true, true], true),
            (Some(&me), false, [true, true, true], true),
            (Some(&again), false, [true, true, true], true),
            (Some(&other), true, [false, false, true], false),
        ];
        for (found, was_written, taken, mine) in table {
            let claim = Claim {
                object: "policy app",
                me: &me,
                found,
                was_written,
            };
            let adopts = [Adopt::Never, Adopt::IfUnowned, Adopt::Always];
            let may = adopts.map(|adopt| claim.check(adopt).is_ok());
            assert_eq!((may, claim.is_mine()), (taken, mine), "{claim:?}");
        }
    }

    #[test]
    fn without_a_name_of_the_cluster_the_same_reference_may_be_another_cluster() {
        assert!(!mark("u1", "-/x/team/app").is(&mark("u2", "-/x/team/app")));
    }
}
