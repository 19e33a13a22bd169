//! Management policies: which of create, update, delete the provider may do.

use std::collections::BTreeSet;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// One thing a provider may do with an external resource.
#[derive(
    Clone, Copy, Debug, Deserialize, Eq, JsonSchema, Ord, PartialEq, PartialOrd, Serialize,
)]
pub enum ManagementAction {
    /// Look.
    Observe,
    /// Create it when it is missing.
    Create,
    /// Change it when it differs.
    Update,
    /// Delete it with the managed resource.
    Delete,
    /// Fill unset fields of the spec from it.
    LateInitialize,
    /// All of the above.
    #[serde(rename = "*")]
    All,
}

/// `["*"]`, the default of `spec.managementPolicies`.
pub fn everything() -> Vec<ManagementAction> {
    vec![ManagementAction::All]
}

/// What the listed actions allow, once they have been found to make sense.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
#[expect(
    clippy::struct_excessive_bools,
    reason = "four independent permissions, each named by Crossplane"
)]
pub struct Policies {
    /// May create.
    pub create: bool,
    /// May update.
    pub update: bool,
    /// May delete.
    pub delete: bool,
    /// May fill the spec.
    pub late_initialize: bool,
}

/// The reading of a list of actions.
#[derive(Clone, Debug, Eq, PartialEq)]
pub enum Reading {
    /// The empty list: nothing is done, deletion included.
    Paused,
    /// A list Crossplane supports.
    Supported(Policies),
    /// A list that makes no sense. A deletion it does not ask to carry out still lets the object go.
    Unsupported {
        /// The reason, the same text on every pass.
        message: String,
        /// Whether `Delete` or `*` is in the list.
        delete: bool,
    },
}

impl Policies {
    /// Everything is allowed.
    pub const fn all() -> Self {
        Self {
            create: true,
            update: true,
            delete: true,
            late_initialize: true,
        }
    }

    /// True when the external resource may be looked at and nothing else.
    pub const fn only_look(self) -> bool {
        !self.create && !self.update && !self.delete
    }

    /// Reads a list of actions; order and repetition do not matter.
    pub fn read(actions: &[ManagementAction]) -> Reading {
        use ManagementAction::{All, Create, Delete, LateInitialize, Observe, Update};
        let set: BTreeSet<_> = actions.iter().copied().collect();
        let has = |action| set.contains(&action);
        if set.is_empty() {
            return Reading::Paused;
        }
        if set == BTreeSet::from([All]) {
            return Reading::Supported(Self::all());
        }
        // Update and Delete together without Create is the one combination with Observe that
        // Crossplane does not know (crossplane-runtime pkg/reconciler/managed/policies.go).
        let lone_update_delete = has(Update) && has(Delete) && !has(Create);
        let lone_late_delete = has(LateInitialize) && has(Delete) && !has(Create);
        if has(All) || !has(Observe) || lone_update_delete || lone_late_delete {
            return Reading::Unsupported {
                message: unsupported(&set),
                delete: has(Delete) || has(All),
            };
        }
        Reading::Supported(Self {
            create: has(Create),
            update: has(Update),
            delete: has(Delete),
            late_initialize: has(LateInitialize),
        })
    }
}

fn unsupported(set: &BTreeSet<ManagementAction>) -> String {
    let names: Vec<_> = set
        .iter()
        .map(|action| {
            if *action == ManagementAction::All {
                "*".into()
            } else {
                format!("{action:?}")
            }
        })
        .collect();
    format!(
        "management policies [{}] are not supported; use [\"*\"] or a list that starts with Observe",
        names.join(", ")
    )
}

#[cfg(test)]
mod tests {
    use super::{ManagementAction::*, *};

    fn subsets() -> Vec<Vec<ManagementAction>> {
        let all = [Observe, Create, Update, Delete, LateInitialize, All];
        (0..64_u32)
            .map(|bits| {
                (0..6)
                    .filter(|at| bits & (1 << at) != 0)
                    .map(|at| all[at])
                    .collect()
            })
            .collect()
    }

    #[test]
    fn exactly_the_fifteen_sets_of_crossplane_are_supported() {
        let supported = subsets()
            .iter()
            .filter(|set| matches!(Policies::read(set), Reading::Supported(_)))
            .count();
        // `*`, and with Observe: OCUDL O OCUD OCUL OCU OCDL OCL OCD OC OD OU OL OUL.
        assert_eq!(supported, 14);
        assert_eq!(Policies::read(&[]), Reading::Paused);
    }

    #[test]
    fn an_unsupported_set_is_described_the_same_way_in_any_order() {
        assert_eq!(
            Policies::read(&[Update, Create]),
            Policies::read(&[Create, Update])
        );
        let Reading::Unsupported { message, .. } = Policies::read(&[All, Observe]) else {
            panic!()
        };
        assert_eq!(
            message,
            "management policies [Observe, *] are not supported; use [\"*\"] or a list that starts with Observe"
        );
    }

    #[test]
    fn an_unsupported_set_without_delete_does_not_ask_for_deletion() {
        assert!(matches!(
            Policies::read(&[Create]),
            Reading::Unsupported { delete: false, .. }
        ));
        assert!(matches!(
            Policies::read(&[Update, Delete]),
            Reading::Unsupported { delete: true, .. }
        ));
    }
}
