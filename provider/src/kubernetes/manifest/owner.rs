//! Whose an object is: annotations with the resource that made it.
//!
//! | annotation | value |
//! |---|---|
//! | `tenancy.pnats.cloud/owner-uid` | UID of the resource |
//! | `tenancy.pnats.cloud/owner` | `<kind>/<namespace>/<name>`, for people |

use managed::external::{ExternalError, Owner};
use serde_json::{Value as Json, json};

/// Annotation with the UID of the owner.
pub const OWNER_UID: &str = "tenancy.pnats.cloud/owner-uid";
/// Annotation with the owner's kind, namespace and name.
pub const OWNER: &str = "tenancy.pnats.cloud/owner";

/// The mark a resource leaves on what it makes.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Mark {
    uid: String,
    reference: String,
}

/// Whose a live object is.
#[derive(Clone, Debug, Eq, PartialEq)]
pub enum Ownership {
    /// The asking resource's.
    Mine,
    /// It carries no mark.
    Nobody,
    /// Another resource's, shown by its reference.
    Other(String),
}

impl Mark {
    /// The mark of a resource.
    pub fn of(owner: &Owner) -> Self {
        Self {
            uid: owner.uid.clone(),
            reference: format!("{}/{}/{}", owner.kind, owner.namespace, owner.name),
        }
    }

    /// Puts the mark on a manifest.
    pub fn put(&self, manifest: &mut Json) {
        let annotations = &mut manifest["metadata"]["annotations"];
        if !annotations.is_object() {
            *annotations = json!({});
        }
        annotations[OWNER_UID] = self.uid.clone().into();
        annotations[OWNER] = self.reference.clone().into();
    }

    /// Whose a live object is.
    pub fn judge(&self, live: &Json) -> Ownership {
        let annotations = &live["metadata"]["annotations"];
        match annotations[OWNER_UID].as_str() {
            None | Some("") => Ownership::Nobody,
            Some(uid) if uid == self.uid => Ownership::Mine,
            Some(uid) => {
                let reference = annotations[OWNER].as_str().unwrap_or(uid);
                Ownership::Other(reference.chars().take(200).collect())
            }
        }
    }
}

impl Ownership {
    /// Refuses what is another's, and what is nobody's unless `adopt`. `what` names the object.
    ///
    /// # Errors
    /// [`ExternalError::Blocked`]: the other may let go.
    pub fn check(&self, what: &str, adopt: bool) -> Result<(), ExternalError> {
        match self {
            Self::Mine => Ok(()),
            Self::Nobody if adopt => Ok(()),
            Self::Nobody => Err(ExternalError::blocked(
                what,
                format!("{what} exists and was not made by this resource"),
                "delete it, choose another name, or set adopt",
            )),
            Self::Other(owner) => Err(ExternalError::blocked(
                what,
                format!("{what} belongs to {owner}"),
                "delete that resource, or choose another name",
            )),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn mark(uid: &str) -> Mark {
        Mark::of(&Owner {
            uid: uid.into(),
            namespace: "team".into(),
            name: "app".into(),
            kind: "remoteobject.kubernetes.pnats.cloud".into(),
            config: String::new(),
        })
    }

    #[test]
    fn a_marked_object_is_its_owners_and_nobody_elses() {
        let mut manifest = json!({"metadata": {"name": "x", "annotations": {"team": "a"}}});
        assert_eq!(mark("1").judge(&manifest), Ownership::Nobody);
        mark("1").put(&mut manifest);
        assert_eq!(manifest["metadata"]["annotations"]["team"], "a");
        assert_eq!(mark("1").judge(&manifest), Ownership::Mine);
        let reference = "remoteobject.kubernetes.pnats.cloud/team/app";
        assert_eq!(
            mark("2").judge(&manifest),
            Ownership::Other(reference.into())
        );
    }

    #[test]
    fn adoption_takes_what_is_nobodys_and_never_what_is_anothers() {
        assert!(Ownership::Mine.check("x", false).is_ok());
        assert!(Ownership::Nobody.check("x", true).is_ok());
        assert!(Ownership::Nobody.check("x", false).is_err());
        assert!(Ownership::Other("y".into()).check("x", true).is_err());
    }
}
