//! What a pass owes to other shards.
//!
//! A resource that comes from another shard may still be in a pass there. That pass has written, on the
//! condition that nobody else wrote, that it begins to create and which shard it is; so either it lost
//! against the change of hands, or this shard sees the mark and lets it finish.

use k8s_openapi::jiff::Timestamp;

use super::{AWAITING, Budget, Pass, Stop};
use crate::{
    condition::Claim,
    event::Occurrence,
    external::{Connector, ExternalClient},
    kind::Kind,
    outcome::Outcome,
    persist::Changes,
    queue::Wake,
    resource::{CREATE_FAILED, CREATE_PENDING, CREATE_SUCCEEDED, CREATING_SHARD},
    shards::Shards,
};

impl<K: Kind, C: Connector> Pass<'_, K, C>
where
    C::Session: ExternalClient<K>,
{
    fn shards(&self) -> Shards {
        self.controller.runtime.options.shards
    }

    /// True when each create has to be marked: where there are other shards, and where there were.
    pub(super) fn has_to_sign(&self) -> bool {
        self.shards().are_several() || self.object.annotation(CREATING_SHARD).is_some()
    }

    /// Adds to the mark of a create who made it.
    pub(super) fn sign(&self, changes: &mut Changes) {
        if self.has_to_sign() {
            let signature = self.shards().signature();
            changes.annotations.insert(CREATING_SHARD, signature);
        }
    }

    /// Marks the end of a create at once, for the shard that may have the resource by now. Without other
    /// shards it can wait for a write that is due anyway.
    pub(super) async fn sign_off(&mut self) -> Result<(), Stop> {
        if self.has_to_sign() {
            self.record(CREATE_SUCCEEDED).await?;
        }
        Ok(())
    }

    /// How the pass ends while a create of another shard may be under way.
    pub(super) fn after_other_shard(&self) -> Option<Outcome<K>> {
        let other = self.other_shard()?;
        let since = self.unfinished_create()?;
        let longest = Budget::longest(self.controller.runtime.options.timeout);
        if self.now.duration_since(since).unsigned_abs() >= longest {
            return None;
        }
        let message = format!(
            "shard {other} has begun to create it at {since:.0}; nothing to do, this shard goes on when that has ended, and after {} s at the latest",
            longest.as_secs()
        );
        Some(Outcome::new(
            Wake::After(AWAITING),
            vec![Claim::failed(message)],
        ))
    }

    /// Who has signed the last create, if it was somebody else. Where there is one shard, nobody signs.
    fn other_shard(&self) -> Option<String> {
        let signed = self.object.annotation(CREATING_SHARD).map(str::to_owned);
        let signed = signed.unwrap_or_else(|| Shards::default().signature());
        (signed != self.shards().signature()).then_some(signed)
    }

    /// When a create was begun of which no end is known.
    fn unfinished_create(&self) -> Option<Timestamp> {
        let at = |annotation| self.object.annotation(annotation).unwrap_or_default();
        let begun = at(CREATE_PENDING);
        let ended = at(CREATE_SUCCEEDED).max(at(CREATE_FAILED));
        if begun > ended {
            begun.parse().ok()
        } else {
            None
        }
    }

    /// True when its label names a shard that is not there. What is being deleted needs no shard.
    pub(super) fn is_in_no_shard(&self) -> bool {
        !self.object.is_deleting() && self.shards().complaint(&self.object).is_some()
    }

    pub(super) fn in_no_shard(&self) -> Outcome<K> {
        let complaint = self.shards().complaint(&self.object);
        let message = complaint.unwrap_or_default();
        let mut outcome = Outcome::new(Wake::OnChange, vec![Claim::failed(&message)]);
        outcome
            .occurrences
            .push(Occurrence::warning("UnknownShard", message));
        outcome
    }
}
