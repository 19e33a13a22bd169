//! Plan before touch: what a pass would do, written down and not done.
//!
//! A resource with the annotation [`PLAN`](crate::resource::PLAN) set to `"true"` is looked at as always
//! and then left alone; one whose policies let it only be observed is never changed anyway. For both,
//! `status.plan` lists in order what would be sent otherwise. The steps come from the very code that
//! sends them: [`Connector::rehearsing`](crate::external::Connector::rehearsing) gives a session that
//! reads for real and notes each change here in place of making it.

#[cfg(feature = "runtime")]
use std::sync::{Arc, Mutex, PoisonError};

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// How many steps are shown; the last one then says how many there are beyond.
#[cfg(feature = "runtime")]
const MOST_STEPS: usize = 50;

/// Longest action that is shown whole, in bytes.
#[cfg(feature = "runtime")]
const LONGEST_ACTION: usize = 2048;

/// One step that would be taken.
#[derive(Clone, Debug, Deserialize, Eq, JsonSchema, PartialEq, Serialize)]
pub struct PlannedStep {
    /// What it is done to or where it is sent, such as `database app` or `https://vault.vault.svc:8200`.
    pub target: String,
    /// What is done: the SQL statement, the request, the change. Secrets are shown as `(sensitive)`.
    pub action: String,
}

/// The steps noted so far, in order. Clones note into the same list.
#[cfg(feature = "runtime")]
#[derive(Clone, Debug, Default)]
pub struct Rehearsal(Arc<Mutex<Vec<PlannedStep>>>);

#[cfg(feature = "runtime")]
impl Rehearsal {
    /// Notes a step. Whoever calls this has masked what is secret.
    pub fn note(&self, target: impl Into<String>, action: impl Into<String>) {
        let (target, action) = (target.into(), cut(action.into()));
        let mut steps = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        steps.push(PlannedStep { target, action });
    }

    /// Everything that was noted.
    pub fn steps(&self) -> Vec<PlannedStep> {
        let mut steps = self
            .0
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .clone();
        let beyond = steps.len().saturating_sub(MOST_STEPS);
        if beyond > 0 {
            steps.truncate(MOST_STEPS);
            steps.push(PlannedStep {
                target: String::new(),
                action: format!("{beyond} more"),
            });
        }
        steps
    }
}

#[cfg(feature = "runtime")]
fn cut(mut action: String) -> String {
    if action.len() > LONGEST_ACTION {
        action.truncate(action.floor_char_boundary(LONGEST_ACTION));
        action.push('…');
    }
    action
}

#[cfg(all(test, feature = "runtime"))]
mod tests {
    use super::*;

    #[test]
    fn a_plan_too_long_to_read_says_how_much_is_left_out() {
        let rehearsal = Rehearsal::default();
        for number in 0..60 {
            rehearsal.note("here", number.to_string());
        }
        let steps = rehearsal.steps();
        assert_eq!(steps.len(), 51);
        assert_eq!(steps[50].action, "10 more");
    }

    #[test]
    fn a_long_action_is_cut_between_characters() {
        let rehearsal = Rehearsal::default();
        rehearsal.note("here", "ä".repeat(2000));
        let action = &rehearsal.steps()[0].action;
        assert!(action.ends_with('…') && action.len() <= LONGEST_ACTION + '…'.len_utf8());
    }
}
