//! What differs, field by field. In a list the fields are named by target, such as
//! `targets[tables in schema public].privileges`. Pure.

use std::collections::{BTreeMap, BTreeSet};

use managed::drift::{Drift, Shown};

use super::{Change, Survey, Surveyed, Verb};

impl Survey {
    /// The differences, field by field.
    pub fn drift(&self) -> Vec<Drift> {
        let mut drift = Vec::new();
        for (at, target) in self.targets.iter().enumerate() {
            let left = self.left.iter();
            let left: Vec<_> = left
                .filter(|change| self.target_of(change) == Some(at))
                .collect();
            let prefix = if self.is_list {
                format!("targets[{}].", target.wanted.label())
            } else {
                String::new()
            };
            for one in target.drift(&left, &prefix) {
                note(&mut drift, one);
            }
        }
        drift.extend(self.removed_targets());
        drift
    }

    /// The target that a leftover is shown with: the only one, or the first of the same type and schema.
    fn target_of(&self, change: &Change) -> Option<usize> {
        let is_alike = |target: &Surveyed| {
            let (wanted, left) = (&target.wanted.place, &change.place);
            wanted.class == left.class && wanted.schema == left.schema
        };
        self.targets
            .iter()
            .position(|target| !self.is_list || is_alike(target))
    }

    /// What is left of targets that the spec does not list any more.
    fn removed_targets(&self) -> Vec<Drift> {
        let mut by_target: BTreeMap<String, Vec<String>> = BTreeMap::new();
        for change in &self.left {
            if self.target_of(change).is_none() {
                let target = by_target.entry(change.place.label(None)).or_default();
                target.push(format!("{} on {}", change.privilege, change.on));
            }
        }
        let drift = by_target.into_iter().map(|(label, held)| Drift {
            field: format!("targets[{label}].privileges"),
            desired: Shown::absent(),
            observed: Shown::plain(held.join(", ")),
        });
        drift.collect()
    }
}

/// Two targets may be called the same; their differences are then one field.
fn note(drift: &mut Vec<Drift>, new: Drift) {
    match drift.iter_mut().find(|known| known.field == new.field) {
        None => drift.push(new),
        Some(known) => {
            known.desired = Shown::plain(format!("{}; {}", known.desired, new.desired));
            known.observed = Shown::plain(format!("{}; {}", known.observed, new.observed));
        }
    }
}

impl Surveyed {
    fn drift(&self, left: &[&Change], prefix: &str) -> Vec<Drift> {
        let is_about_option = |change: &Change| match change.verb {
            Verb::RevokeOption => true,
            Verb::GrantWithOption => self.holds(change),
            Verb::Grant | Verb::Revoke => false,
        };
        let changes = || self.missing.iter().chain(left.iter().copied());
        let mut drift = Vec::new();
        if self.obstacle().is_some() || changes().any(|change| !is_about_option(change)) {
            drift.push(self.privileges(left, prefix));
        }
        if changes().any(is_about_option) {
            drift.push(self.option(prefix));
        }
        drift
    }

    fn holds(&self, change: &Change) -> bool {
        let objects = self.objects().iter();
        objects
            .filter(|object| object.on == change.on)
            .any(|object| object.holds(&change.privilege))
    }

    fn option(&self, prefix: &str) -> Drift {
        let shown = |is_grantable: bool| {
            if is_grantable {
                Shown::plain("GRANT")
            } else {
                Shown::absent()
            }
        };
        Drift {
            field: format!("{prefix}withOption"),
            desired: shown(self.wanted.is_grantable),
            observed: shown(!self.wanted.is_grantable),
        }
    }

    fn privileges(&self, left: &[&Change], prefix: &str) -> Drift {
        let desired: Vec<_> = self.wanted.privileges.iter().cloned().collect();
        let mut observed = self.held_everywhere();
        observed.extend(self.partly());
        let left = left.iter().filter(|change| change.verb == Verb::Revoke);
        observed.extend(left.map(|change| format!("{} on {}", change.privilege, change.on)));
        let observed = if observed.is_empty() {
            Shown::absent()
        } else {
            Shown::plain(observed.join(", "))
        };
        Drift {
            field: format!("{prefix}privileges"),
            desired: Shown::plain(desired.join(", ")),
            observed,
        }
    }

    /// Of many objects some lack what others have.
    fn partly(&self) -> Option<String> {
        let missing = self.missing.iter();
        let lacking: BTreeSet<_> = missing.map(|change| change.on.as_str()).collect();
        let objects = self.objects().len();
        let first = lacking
            .first()
            .filter(|_| (1..objects).contains(&lacking.len()))?;
        let count = lacking.len();
        Some(format!(
            "less on {count} of {objects} objects such as {first}"
        ))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::postgresql::privilege::{Class, Found, Place, Wanted};

    fn place(class: Class) -> Place {
        Place {
            database: "d".into(),
            role: "r".into(),
            class,
            schema: if class == Class::Database { "" } else { "s" }.into(),
            creator: None,
        }
    }

    fn change(class: Class, verb: Verb, on: &str, privilege: &str) -> Change {
        Change {
            actor: "o".into(),
            place: place(class),
            verb,
            on: on.into(),
            privilege: privilege.into(),
        }
    }

    fn target(class: Class, privilege: &str, missing: &[Change]) -> Surveyed {
        let found = Found {
            role_exists: true,
            schema_exists: true,
            creator_exists: false,
            objects: Vec::new(),
        };
        Surveyed {
            wanted: Wanted {
                place: place(class),
                objects: None,
                privileges: [privilege.to_owned()].into(),
                is_grantable: false,
            },
            found: Some(found),
            missing: missing.to_vec(),
        }
    }

    fn shown(targets: Vec<Surveyed>, left: Vec<Change>, is_list: bool) -> Vec<String> {
        let survey = Survey {
            targets,
            left,
            is_list,
        };
        survey.drift().iter().map(Drift::to_string).collect()
    }

    #[test]
    fn one_target_that_is_written_out_needs_no_name() {
        let left = change(Class::Sequence, Verb::Revoke, "s.q", "USAGE");
        assert_eq!(
            shown(vec![target(Class::Table, "SELECT", &[])], vec![left], false),
            ["privileges: want SELECT, found USAGE on s.q"]
        );
    }

    #[test]
    fn in_a_list_only_the_targets_that_differ_are_named() {
        let missing = change(Class::Database, Verb::Grant, "d", "CONNECT");
        let left = change(Class::Table, Verb::Revoke, "s.t", "INSERT");
        let targets = vec![
            target(Class::Database, "CONNECT", &[missing]),
            target(Class::Schema, "USAGE", &[]),
            target(Class::Table, "SELECT", &[]),
        ];
        assert_eq!(
            shown(targets, vec![left], true),
            [
                "targets[database].privileges: want CONNECT, found (none)",
                "targets[tables in schema s].privileges: want SELECT, found INSERT on s.t",
            ]
        );
    }

    #[test]
    fn what_is_left_of_a_target_that_is_gone_is_named_by_where_it_is() {
        let left = [
            change(Class::Sequence, Verb::Revoke, "s.p", "USAGE"),
            change(Class::Sequence, Verb::Revoke, "s.q", "USAGE"),
        ];
        assert_eq!(
            shown(
                vec![target(Class::Database, "CONNECT", &[])],
                left.into(),
                true
            ),
            [
                "targets[sequences in schema s].privileges: want (none), found USAGE on s.p, USAGE on s.q"
            ]
        );
    }

    #[test]
    fn two_targets_of_one_name_differ_in_one_field() {
        let missing = |privilege| change(Class::Table, Verb::Grant, "s.t", privilege);
        let targets = vec![
            target(Class::Table, "INSERT", &[missing("INSERT")]),
            target(Class::Table, "SELECT", &[missing("SELECT")]),
        ];
        assert_eq!(
            shown(targets, Vec::new(), true),
            ["targets[tables in schema s].privileges: want INSERT; SELECT, found (none); (none)"]
        );
    }

    #[test]
    fn a_target_whose_schema_does_not_exist_differs() {
        let mut target = target(Class::Schema, "USAGE", &[]);
        target.found.as_mut().unwrap().schema_exists = false;
        assert_eq!(
            shown(vec![target], Vec::new(), true),
            ["targets[schema s].privileges: want USAGE, found (none)"]
        );
    }
}
