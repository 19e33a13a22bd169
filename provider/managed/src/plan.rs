//! The decision: from what is wanted and what was found to the one next step. Pure.
//!
//! | deleting | may delete | found   | differs | cause       | may create | may update | drift policy | step |
//! |----------|------------|---------|---------|-------------|------------|------------|--------------|------|
//! | yes      | no         | -       | -       | -           | -          | -          | -            | `Finalize` (nothing is observed) |
//! | yes      | yes        | absent  | -       | -           | -          | -          | -            | `Finalize` |
//! | yes      | yes        | present | -       | -           | -          | -          | -            | `Delete`, or `Wait` while other finalizers are there, or `Outlive` while leaving resources read its connection Secret |
//! | no       | -          | absent  | -       | -           | yes        | -          | -            | `Create`, or `Await` while what was made a moment ago may not show yet |
//! | no       | -          | absent  | -       | -           | no         | -          | -            | `Missing` |
//! | no       | -          | present | no      | -           | -          | -          | -            | `Settle` |
//! | no       | -          | present | yes     | -           | -          | no         | -            | `Report` |
//! | no       | -          | present | yes     | External    | -          | yes        | Report       | `Report` |
//! | no       | -          | present | yes     | External    | -          | yes        | Correct      | `Update` |
//! | no       | -          | present | yes     | SpecChanged, Renewal | - | yes        | -            | `Update` |

use crate::{
    drift::{Cause, Drift, DriftPolicy},
    policy::Policies,
};

/// The next step of a pass.
#[derive(Clone, Debug, Eq, PartialEq)]
pub enum Step {
    /// Make the external resource.
    Create,
    /// It was made a moment ago and does not show yet.
    Await,
    /// Change the fields that differ.
    Update(Vec<Drift>),
    /// Say what differs and leave it.
    Report(Vec<Drift>),
    /// It is missing and may not be created.
    Missing,
    /// Delete the external resource.
    Delete,
    /// Deletion waits for the finalizers of others.
    Wait(Vec<String>),
    /// Deletion waits for these resources, which are being deleted as well.
    Outlive(Vec<String>),
    /// Let the object go.
    Finalize,
    /// Nothing to do.
    Settle,
}

impl Step {
    /// True when the step may write outside, to the object or to its connection Secret.
    pub const fn touches(&self) -> bool {
        match self {
            Self::Create | Self::Update(_) | Self::Delete | Self::Report(_) | Self::Settle => true,
            Self::Await | Self::Missing | Self::Wait(_) | Self::Outlive(_) | Self::Finalize => {
                false
            }
        }
    }
}

/// What was found, without the kind's own values.
#[derive(Clone, Debug, Eq, PartialEq)]
pub enum Found {
    /// The external resource does not exist.
    Absent,
    /// It exists, with these differences.
    Present(Vec<Drift>),
}

/// Everything the decision depends on.
#[derive(Clone, Debug)]
pub struct Situation {
    /// The object is on its way out.
    pub deleting: bool,
    /// Finalizers that are neither ours nor Kubernetes' own.
    pub foreign_finalizers: Vec<String>,
    /// Resources on their way out that still need what this one publishes.
    pub leaving_readers: Vec<String>,
    /// It was made so recently that the external system may not show it yet.
    pub just_made: bool,
    /// What the management policies allow.
    pub policies: Policies,
    /// What to do about drift.
    pub drift_policy: DriftPolicy,
    /// Why it differs, if it does.
    pub cause: Cause,
}

impl Situation {
    /// The same, if everything were allowed.
    #[must_use]
    pub fn unrestricted(&self) -> Self {
        Self {
            policies: Policies::all(),
            drift_policy: DriftPolicy::Correct,
            ..self.clone()
        }
    }
}

/// Decides.
pub fn plan(situation: &Situation, found: Found) -> Step {
    match (situation.deleting, found) {
        (true, _) if !situation.policies.delete => Step::Finalize,
        (true, Found::Absent) => Step::Finalize,
        (true, Found::Present(_)) if !situation.foreign_finalizers.is_empty() => {
            Step::Wait(situation.foreign_finalizers.clone())
        }
        (true, Found::Present(_)) if !situation.leaving_readers.is_empty() => {
            Step::Outlive(situation.leaving_readers.clone())
        }
        (true, Found::Present(_)) => Step::Delete,
        (false, Found::Absent) if situation.policies.create && situation.just_made => Step::Await,
        (false, Found::Absent) if situation.policies.create => Step::Create,
        (false, Found::Absent) => Step::Missing,
        (false, Found::Present(drift)) if drift.is_empty() => Step::Settle,
        (false, Found::Present(drift)) if may_correct(situation) => Step::Update(drift),
        (false, Found::Present(drift)) => Step::Report(drift),
    }
}

fn may_correct(situation: &Situation) -> bool {
    let wanted =
        situation.cause != Cause::External || situation.drift_policy == DriftPolicy::Correct;
    situation.policies.update && wanted
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::policy::{ManagementAction, Reading};

    fn situation(deleting: bool, actions: &[ManagementAction]) -> Situation {
        let Reading::Supported(policies) = Policies::read(actions) else {
            panic!("unsupported")
        };
        Situation {
            deleting,
            foreign_finalizers: Vec::new(),
            leaving_readers: Vec::new(),
            just_made: false,
            policies,
            drift_policy: DriftPolicy::Correct,
            cause: Cause::External,
        }
    }

    fn differs() -> Found {
        Found::Present(vec![Drift::plain("owner", "a", "b")])
    }

    #[test]
    fn management_policies_decide_as_crossplane_documents() {
        use ManagementAction::{Create, Delete, LateInitialize, Observe, Update};
        // set, then the step when it is missing, when it differs, when it is deleted
        let table: [(&[ManagementAction], &str, &str, &str); 13] = [
            (&[ManagementAction::All], "Create", "Update", "Delete"),
            (&[Observe], "Missing", "Report", "Finalize"),
            (
                &[Observe, Create, Update, Delete],
                "Create",
                "Update",
                "Delete",
            ),
            (
                &[Observe, Create, Update, LateInitialize],
                "Create",
                "Update",
                "Finalize",
            ),
            (&[Observe, Create, Update], "Create", "Update", "Finalize"),
            (
                &[Observe, Create, Delete, LateInitialize],
                "Create",
                "Report",
                "Delete",
            ),
            (
                &[Observe, Create, LateInitialize],
                "Create",
                "Report",
                "Finalize",
            ),
            (&[Observe, Create, Delete], "Create", "Report", "Delete"),
            (&[Observe, Create], "Create", "Report", "Finalize"),
            (&[Observe, Delete], "Missing", "Report", "Delete"),
            (&[Observe, Update], "Missing", "Update", "Finalize"),
            (&[Observe, LateInitialize], "Missing", "Report", "Finalize"),
            (
                &[Observe, Update, LateInitialize],
                "Missing",
                "Update",
                "Finalize",
            ),
        ];
        for (set, missing, different, deleted) in table {
            let step = |deleting, found| {
                let name = format!("{:?}", plan(&situation(deleting, set), found));
                name.split('(').next().unwrap().to_owned()
            };
            assert_eq!(step(false, Found::Absent), missing, "{set:?}");
            assert_eq!(step(false, differs()), different, "{set:?}");
            assert_eq!(step(true, differs()), deleted, "{set:?}");
            assert_eq!(step(true, Found::Absent), "Finalize", "{set:?}");
            assert_eq!(step(false, Found::Present(vec![])), "Settle", "{set:?}");
        }
    }

    #[test]
    fn drift_policy_report_leaves_a_hand_edit_but_applies_a_changed_spec() {
        let mut situation = situation(false, &[ManagementAction::All]);
        situation.drift_policy = DriftPolicy::Report;
        assert!(matches!(plan(&situation, differs()), Step::Report(_)));
        for cause in [Cause::SpecChanged, Cause::Renewal] {
            situation.cause = cause;
            assert!(matches!(plan(&situation, differs()), Step::Update(_)));
        }
    }

    #[test]
    fn deletion_waits_for_the_finalizers_of_others() {
        let mut situation = situation(true, &[ManagementAction::All]);
        situation.foreign_finalizers = vec!["example.org/backup".into()];
        assert_eq!(
            plan(&situation, differs()),
            Step::Wait(vec!["example.org/backup".into()])
        );
        assert_eq!(plan(&situation, Found::Absent), Step::Finalize);
    }

    #[test]
    fn deletion_waits_for_leaving_resources_that_need_what_is_published() {
        let mut situation = situation(true, &[ManagementAction::All]);
        situation.leaving_readers = vec!["RemoteObject app".into()];
        assert_eq!(
            plan(&situation, differs()),
            Step::Outlive(vec!["RemoteObject app".into()])
        );
        assert_eq!(plan(&situation, Found::Absent), Step::Finalize);
    }

    #[test]
    fn what_was_made_a_moment_ago_is_waited_for_and_not_made_twice() {
        let mut situation = situation(false, &[ManagementAction::All]);
        situation.just_made = true;
        assert_eq!(plan(&situation, Found::Absent), Step::Await);
        assert!(matches!(plan(&situation, differs()), Step::Update(_)));
        situation.deleting = true;
        assert_eq!(plan(&situation, Found::Absent), Step::Finalize);
    }
}
