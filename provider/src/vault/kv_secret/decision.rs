//! From what a path holds and what it shall hold to the one change. Pure.
//!
//! | found | mark | strategy | decision |
//! |---|---|---|---|
//! | nothing, deleted or destroyed | somebody else's | - | refused, unless `adopt` is Always |
//! | nothing, deleted or destroyed | none | - | absent: write all keys |
//! | deleted or destroyed | mine | - | drift of `currentVersion`: write all keys |
//! | content | - | `CreateOnly` | nothing to do |
//! | content | somebody else's | Replace, Merge | refused, unless `adopt` is Always |
//! | content | none | Replace | refused, unless `adopt` allows it or this resource was interrupted while writing just that |
//! | content | mine | Replace | every key that differs, is missing or is too many |
//! | content | - | Merge | own keys that differ, are missing or were dropped; a key that somebody else wrote is refused unless `adopt` allows it |

use std::collections::BTreeSet;

use managed::{
    drift::{Drift, Shown},
    external::ExternalError,
};
use serde_json::Value;

use super::{
    Adopt, KvSecretParameters, Strategy,
    content::Wanted,
    owner::{Holder, Holders},
};
use crate::vault::kv::{Content, Current, CustomPatch, State};

/// Everything the decision depends on.
#[derive(Clone, Copy, Debug)]
pub(super) struct Situation<'a> {
    /// Mount and path, for messages.
    pub(super) location: &'a str,
    /// The spec.
    pub(super) parameters: &'a KvSecretParameters,
    /// What the keys shall hold.
    pub(super) wanted: &'a Wanted,
    /// This resource as an owner.
    pub(super) me: &'a Holder,
    /// Keys that earlier passes meant to write; not empty means that there were some.
    pub(super) ledger: &'a BTreeSet<String>,
    /// What the path holds.
    pub(super) current: &'a Current,
}

/// What to change. Nothing of it shows a value.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub(super) struct Change {
    /// There is nothing of this resource yet.
    pub(super) is_absent: bool,
    /// The one write of data: all keys that the path shall hold then.
    pub(super) write: Option<Content>,
    /// The marks to set and to remove, after the write.
    pub(super) marks: CustomPatch,
    /// What differs; empty when nothing is to be done, and when there is nothing yet.
    pub(super) drift: Vec<Drift>,
}

/// The decision.
pub(super) fn decide(situation: &Situation<'_>) -> Result<Change, ExternalError> {
    situation.me.check()?;
    let holders = Holders::read(&situation.current.custom, situation.me);
    let rivals = holders.rivals(situation.me);
    let live = situation.current.live();
    let is_mine = !holders.mine.is_empty();
    if let (Some(_), Strategy::CreateOnly) = (live, situation.parameters.strategy)
        && !is_mine
    {
        return Ok(Change::default());
    }
    if let (Some(rival), false) = (rivals.first(), situation.parameters.adopt == Adopt::Always) {
        return Err(situation.foreign(rival));
    }
    let (write, mut drift) = match (live, situation.parameters.strategy) {
        (None, _) => (Some(all(situation.wanted)), situation.lost(is_mine)),
        (Some(_), Strategy::CreateOnly) => (None, Vec::new()),
        (Some(content), Strategy::Replace) => situation.replace(content, &holders)?,
        (Some(content), Strategy::Merge) => situation.merge(content, &holders)?,
    };
    let marks = holders.claim(&situation.current.custom, situation.me, &rivals);
    let is_absent = live.is_none() && !is_mine;
    if drift.is_empty() && !marks.is_empty() && !is_absent {
        let found = holders
            .mine
            .iter()
            .chain(rivals)
            .map(|holder| holder.reference.as_str())
            .next();
        let observed = found.map_or_else(Shown::absent, Shown::plain);
        let desired = Shown::plain(&situation.me.reference);
        drift.push(Drift {
            field: "owner".into(),
            desired,
            observed,
        });
    }
    Ok(Change {
        is_absent,
        write,
        marks,
        drift,
    })
}

impl Situation<'_> {
    fn replace(
        &self,
        content: &Content,
        holders: &Holders,
    ) -> Result<(Option<Content>, Vec<Drift>), ExternalError> {
        let is_free = holders.others.is_empty() && holders.mine.is_empty();
        if is_free
            && self.parameters.adopt == Adopt::Never
            && !self.was_interrupted(content, holders)
        {
            return Err(ExternalError::blocked(
                self.location,
                format!(
                    "{} exists and was not written by this resource",
                    self.location
                ),
                "set adopt: IfUnowned, or choose another path",
            ));
        }
        let extra = content
            .0
            .keys()
            .filter(|key| !self.wanted.contains_key(*key));
        let drift: Vec<_> = self
            .differing(content)
            .map(|(drift, _)| drift)
            .chain(extra.map(|key| surplus(key)))
            .collect();
        let write = (!drift.is_empty()).then(|| all(self.wanted));
        Ok((write, drift))
    }

    fn merge(
        &self,
        content: &Content,
        holders: &Holders,
    ) -> Result<(Option<Content>, Vec<Drift>), ExternalError> {
        let own = self.own_keys(holders);
        let differing: Vec<_> = self.differing(content).collect();
        let foreign: Vec<_> = differing
            .iter()
            .map(|(_, key)| *key)
            .filter(|key| content.0.contains_key(*key) && !own.contains(key))
            .collect();
        if !foreign.is_empty() && self.parameters.adopt == Adopt::Never {
            return Err(ExternalError::blocked(
                self.location,
                format!(
                    "{} has other values, not written by this resource, in {}",
                    self.location,
                    foreign.join(", ")
                ),
                "set adopt: IfUnowned, or rename the keys",
            ));
        }
        let dropped = own
            .into_iter()
            .filter(|key| !self.wanted.contains_key(*key) && content.0.contains_key(*key));
        let dropped: Vec<_> = dropped.collect();
        let mut merged = content.clone();
        merged.0.retain(|key, _| !dropped.contains(&key.as_str()));
        merged.0.extend(all(self.wanted).0);
        let drift: Vec<_> = differing
            .into_iter()
            .map(|(drift, _)| drift)
            .chain(dropped.into_iter().map(surplus))
            .collect();
        Ok(((!drift.is_empty()).then_some(merged), drift))
    }

    /// With another strategy before, the whole path was this resource's: then every key that it has
    /// written or wants.
    fn own_keys<'s>(&'s self, holders: &'s Holders) -> BTreeSet<&'s str> {
        let mut own = holders.own_keys();
        if holders.mine.iter().any(|holder| holder.keys.is_none()) {
            own.extend(
                self.ledger
                    .iter()
                    .chain(self.wanted.keys())
                    .map(String::as_str),
            );
        }
        own
    }

    /// The wanted keys that are missing or hold something else.
    fn differing<'s>(&'s self, content: &'s Content) -> impl Iterator<Item = (Drift, &'s str)> {
        self.wanted
            .iter()
            .filter_map(|(key, value)| match content.0.get(key) {
                Some(Value::String(found)) if Some(found.as_str()) == value.expose_str() => None,
                Some(_) => Some((Drift::secret(field(key)), key.as_str())),
                None => {
                    let drift = Drift {
                        field: field(key),
                        desired: Shown::secret(),
                        observed: Shown::absent(),
                    };
                    Some((drift, key.as_str()))
                }
            })
    }

    /// Between the write of the data and the mark the process may have died. Then an earlier pass has
    /// noted what it meant to write, there is no mark, and the content is exactly what is wanted.
    fn was_interrupted(&self, content: &Content, holders: &Holders) -> bool {
        let is_unmarked = holders.mine.is_empty() && holders.others.is_empty();
        let is_same =
            self.differing(content).next().is_none() && content.0.len() == self.wanted.len();
        is_unmarked && is_same && !self.ledger.is_empty()
    }

    fn lost(&self, is_mine: bool) -> Vec<Drift> {
        let observed = match self.current.state {
            State::Deleted => format!("{} (deleted)", self.current.version),
            State::Destroyed => format!("{} (destroyed)", self.current.version),
            State::Nothing | State::Live(_) => return Vec::new(),
        };
        if is_mine {
            vec![Drift::plain("currentVersion", "readable", observed)]
        } else {
            Vec::new()
        }
    }

    fn foreign(&self, rival: &Holder) -> ExternalError {
        ExternalError::blocked(
            rival.reference.clone(),
            format!("{} belongs to {}", self.location, rival.reference),
            "choose another path, or delete the other owner",
        )
    }
}

fn field(key: &str) -> String {
    format!("data.{key}")
}

fn surplus(key: &str) -> Drift {
    Drift {
        field: field(key),
        desired: Shown::absent(),
        observed: Shown::secret(),
    }
}

fn all(wanted: &Wanted) -> Content {
    Content(
        wanted
            .iter()
            .map(|(key, value)| (key.clone(), text(value)))
            .collect(),
    )
}

fn text(value: &managed::input::Value) -> Value {
    Value::from(
        value
            .expose_str()
            .expect("values are checked to be UTF-8 when they are filled in"),
    )
}

#[cfg(test)]
mod tests;
