//! The decision table, row by row, and that one change is always enough.

use std::collections::BTreeMap;

use proptest::prelude::{any, prop_assert, prop_assert_eq, proptest};
use rstest::rstest;
use serde_json::json;

use super::*;

/// A path and a resource, with one key `a` wanted to be `1`.
struct Case {
    parameters: KvSecretParameters,
    wanted: Wanted,
    me: Holder,
    ledger: BTreeSet<String>,
    current: Current,
}

fn holder(uid: &str, keys: Option<&[&str]>) -> Holder {
    let keys = keys.map(|keys| keys.iter().map(|key| (*key).to_owned()).collect());
    Holder {
        uid: uid.into(),
        reference: format!("-/kvsecret.vault.pnats.cloud/team/{uid}"),
        keys,
    }
}

impl Case {
    fn new(strategy: Strategy, adopt: Adopt, state: State) -> Self {
        let mut parameters = KvSecretParameters::new("p", Vec::<(String, _)>::new());
        parameters.strategy = strategy;
        parameters.adopt = adopt;
        let me = holder("me", (strategy == Strategy::Merge).then_some(&["a"]));
        let version = i64::from(state != State::Nothing) * 7;
        let current = Current {
            version,
            state,
            ..Current::default()
        };
        let wanted = Wanted::from([("a".to_owned(), "1".into())]);
        Self {
            parameters,
            wanted,
            me,
            ledger: BTreeSet::new(),
            current,
        }
    }

    fn marked(mut self, holder: &Holder) -> Self {
        let patch = Holders::default().claim(&self.current.custom, holder, &[]);
        self.current.custom.extend(
            patch
                .into_iter()
                .filter_map(|(entry, value)| Some((entry, value?))),
        );
        self
    }

    fn mine(self) -> Self {
        let me = self.me.clone();
        self.marked(&me)
    }

    fn decide(&self) -> Result<Change, ExternalError> {
        decide(&Situation {
            location: "secret/p",
            parameters: &self.parameters,
            wanted: &self.wanted,
            me: &self.me,
            ledger: &self.ledger,
            current: &self.current,
        })
    }
}

fn live(content: Value) -> State {
    let Value::Object(keys) = content else {
        panic!("an object")
    };
    State::Live(Content(keys))
}

fn fields(change: &Change) -> Vec<&str> {
    change
        .drift
        .iter()
        .map(|drift| drift.field.as_str())
        .collect()
}

fn put(content: Value) -> Option<Content> {
    match live(content) {
        State::Live(content) => Some(content),
        _ => None,
    }
}

#[rstest]
fn what_is_there_already_is_not_written_again(
    #[values(Strategy::Replace, Strategy::Merge, Strategy::CreateOnly)] strategy: Strategy,
) {
    let case = Case::new(strategy, Adopt::Never, live(json!({ "a": "1" }))).mine();
    assert_eq!(case.decide().unwrap(), Change::default());
}

#[rstest]
fn a_free_path_is_absent_and_gets_all_keys(
    #[values(Strategy::Replace, Strategy::Merge, Strategy::CreateOnly)] strategy: Strategy,
    #[values(State::Nothing, State::Deleted, State::Destroyed)] state: State,
) {
    let change = Case::new(strategy, Adopt::Never, state).decide().unwrap();
    assert!(change.is_absent && change.drift.is_empty() && !change.marks.is_empty());
    assert_eq!(change.write, put(json!({ "a": "1" })));
}

#[rstest]
fn a_version_deleted_by_hand_is_drift(#[values(State::Deleted, State::Destroyed)] state: State) {
    let change = Case::new(Strategy::Replace, Adopt::Never, state)
        .mine()
        .decide()
        .unwrap();
    assert!(!change.is_absent && change.marks.is_empty());
    assert_eq!(fields(&change), ["currentVersion"]);
    assert_eq!(change.write, put(json!({ "a": "1" })));
}

#[rstest]
fn what_belongs_to_somebody_else_is_refused_unless_taken_by_force(
    #[values(Strategy::Replace, Strategy::Merge)] strategy: Strategy,
    #[values(State::Nothing, State::Deleted, live(json!({ "a": "1" })))] state: State,
) {
    for adopt in [Adopt::Never, Adopt::IfUnowned] {
        let refused = Case::new(strategy, adopt, state.clone())
            .marked(&holder("other", None))
            .decide();
        let refused = refused.unwrap_err();
        assert_eq!(refused.class(), "blocked");
        assert!(
            refused
                .to_string()
                .contains("belongs to -/kvsecret.vault.pnats.cloud/team/other")
        );
    }
    let forced = Case::new(strategy, Adopt::Always, state)
        .marked(&holder("other", None))
        .decide()
        .unwrap();
    assert_eq!(forced.marks["tenancy.pnats.cloud/owner.other"], None);
}

#[test]
fn content_without_a_mark_is_refused_unless_it_may_be_adopted() {
    let state = || live(json!({ "a": "0" }));
    let refused = Case::new(Strategy::Replace, Adopt::Never, state())
        .decide()
        .unwrap_err();
    assert!(
        refused
            .to_string()
            .ends_with("set adopt: IfUnowned, or choose another path")
    );
    for adopt in [Adopt::IfUnowned, Adopt::Always] {
        let adopted = Case::new(Strategy::Replace, adopt, state())
            .decide()
            .unwrap();
        assert_eq!(adopted.write, put(json!({ "a": "1" })));
    }
}

#[test]
fn a_write_that_was_interrupted_before_the_mark_is_completed() {
    let mut case = Case::new(Strategy::Replace, Adopt::Never, live(json!({ "a": "1" })));
    assert!(case.decide().is_err(), "equal content alone proves nothing");
    case.ledger.insert("a".into());
    let change = case.decide().unwrap();
    assert_eq!(
        (change.write.clone(), fields(&change)),
        (None, vec!["owner"])
    );
    case.current.state = live(json!({ "a": "2" }));
    assert!(case.decide().is_err(), "somebody else won the race");
}

#[test]
fn replace_names_every_key_that_differs_and_never_its_value() {
    let found = live(json!({ "a": "canary", "b": { "nested": "canary" } }));
    let change = Case::new(Strategy::Replace, Adopt::Never, found)
        .mine()
        .decide()
        .unwrap();
    assert_eq!(fields(&change), ["data.a", "data.b"]);
    assert_eq!(change.write, put(json!({ "a": "1" })));
    assert!(!format!("{change:?}").contains("canary"));
}

#[test]
fn a_value_of_another_type_differs() {
    let change = Case::new(Strategy::Replace, Adopt::Never, live(json!({ "a": 1 })))
        .mine()
        .decide()
        .unwrap();
    assert_eq!(fields(&change), ["data.a"]);
}

#[test]
fn merge_changes_its_own_keys_only_and_drops_what_left_the_spec() {
    let found = live(json!({ "a": "0", "dropped": "x", "foreign": { "n": 1 } }));
    let mine = holder("me", Some(&["a", "dropped"]));
    let change = Case::new(Strategy::Merge, Adopt::Never, found)
        .marked(&mine)
        .decide()
        .unwrap();
    assert_eq!(fields(&change), ["data.a", "data.dropped"]);
    assert_eq!(
        change.write,
        put(json!({ "a": "1", "foreign": { "n": 1 } }))
    );
    assert_eq!(
        change.marks["tenancy.pnats.cloud/keys.me"],
        Some("a".to_owned())
    );
}

#[test]
fn merge_refuses_a_key_that_somebody_else_wrote_and_names_it() {
    let found = || live(json!({ "a": "theirs", "b": "2" }));
    let refused = Case::new(Strategy::Merge, Adopt::Never, found())
        .decide()
        .unwrap_err();
    assert!(
        refused
            .to_string()
            .contains("not written by this resource, in a;"),
        "{refused}"
    );
    let adopted = Case::new(Strategy::Merge, Adopt::IfUnowned, found())
        .decide()
        .unwrap();
    assert_eq!(adopted.write, put(json!({ "a": "1", "b": "2" })));
}

#[test]
fn merge_lives_beside_owners_of_other_keys() {
    let case = Case::new(Strategy::Merge, Adopt::Never, live(json!({ "b": "2" })));
    let change = case
        .marked(&holder("other", Some(&["b"])))
        .decide()
        .unwrap();
    assert_eq!(change.write, put(json!({ "a": "1", "b": "2" })));
    assert!(!change.marks.contains_key("tenancy.pnats.cloud/owner.other"));
}

#[test]
fn after_replace_merge_still_knows_which_keys_it_wrote() {
    let found = live(json!({ "a": "0", "old": "x", "foreign": "y" }));
    let mut case = Case::new(Strategy::Merge, Adopt::Never, found).marked(&holder("me", None));
    case.ledger = ["a".to_owned(), "old".to_owned()].into();
    assert_eq!(
        case.decide().unwrap().write,
        put(json!({ "a": "1", "foreign": "y" }))
    );
}

#[rstest]
fn create_only_leaves_what_is_there_alone_whoever_wrote_it(
    #[values(None, Some(holder("me", None)), Some(holder("other", None)))] mark: Option<Holder>,
) {
    let mut case = Case::new(
        Strategy::CreateOnly,
        Adopt::Never,
        live(json!({ "a": "0", "b": "2" })),
    );
    if let Some(mark) = mark {
        case = case.marked(&mark);
    }
    assert_eq!(case.decide().unwrap(), Change::default());
}

#[test]
fn a_mark_that_was_removed_by_hand_is_drift_and_set_again() {
    let mut case = Case::new(Strategy::Merge, Adopt::Never, live(json!({ "a": "1" }))).mine();
    case.current.custom.remove("tenancy.pnats.cloud/keys.me");
    let change = case.decide().unwrap();
    assert_eq!(
        (change.write.clone(), fields(&change)),
        (None, vec!["owner"])
    );
}

/// What Vault would hold after the change.
fn applied(case: &Case, change: &Change) -> Current {
    let mut after = case.current.clone();
    if let Some(content) = &change.write {
        after.state = State::Live(content.clone());
    }
    for (entry, value) in &change.marks {
        match value {
            Some(value) => after.custom.insert(entry.clone(), value.clone()),
            None => after.custom.remove(entry),
        };
    }
    after
}

fn keys() -> impl proptest::strategy::Strategy<Value = BTreeMap<String, String>> {
    proptest::collection::btree_map("[a-e]", "[0-2]", 0..5)
}

proptest! {
    #[test]
    fn one_change_is_enough_and_foreign_keys_survive_a_merge(
        found in proptest::option::of(keys()),
        wanted in keys(),
        merge in any::<bool>(),
        owned in any::<bool>(),
    ) {
        let strategy = if merge { Strategy::Merge } else { Strategy::Replace };
        let state = found.clone().map_or(State::Nothing, |keys| live(json!(keys)));
        let mut case = Case::new(strategy, Adopt::IfUnowned, state);
        case.wanted = wanted.iter().map(|(key, value)| (key.clone(), value.as_str().into())).collect();
        case.me.keys = merge.then(|| wanted.keys().cloned().collect());
        let case = if owned { case.mine() } else { case };

        let change = case.decide().unwrap();
        let after = applied(&case, &change);
        let content = after.live().unwrap();
        for (key, value) in &wanted {
            prop_assert_eq!(&content.0[key], value);
        }
        for (key, value) in found.iter().flatten().filter(|(key, _)| merge && !wanted.contains_key(*key)) {
            prop_assert_eq!(&content.0[key], value);
        }
        prop_assert!(merge || content.0.len() == wanted.len());
        let again = Case { current: after, ..case };
        prop_assert_eq!(again.decide().unwrap(), Change::default());
    }
}
