//! How many events one object may cause: many at once, then one every ten seconds. An object that
//! keeps failing in new words must not fill etcd; client-go's own filter (25, then one in five minutes)
//! would lose what somebody must know who edits one resource often.

use std::{collections::HashMap, time::Duration};

use tokio::time::Instant;

/// Events of one object that may be made at once.
const BURST: u32 = 100;
/// How long until another may be.
const REFILL: Duration = Duration::from_secs(10);

#[derive(Debug)]
struct Allowance {
    left: u32,
    since: Instant,
}

impl Allowance {
    fn refill(&mut self, now: Instant) {
        let earned = now.saturating_duration_since(self.since).as_secs() / REFILL.as_secs();
        let earned = u32::try_from(earned).unwrap_or(BURST).min(BURST);
        self.left = (self.left + earned).min(BURST);
        self.since += REFILL * earned;
    }
}

/// What is left to each object, by UID. Who has not used anything takes no memory.
#[derive(Debug, Default)]
pub(super) struct Allowances {
    left: HashMap<String, Allowance>,
    swept: Option<Instant>,
}

impl Allowances {
    /// Whether the object may cause one more event; if so, it counts.
    pub(super) fn take(&mut self, uid: &str, now: Instant) -> bool {
        self.sweep(now);
        let fresh = || Allowance {
            left: BURST,
            since: now,
        };
        let allowance = self.left.entry(uid.to_owned()).or_insert_with(fresh);
        allowance.refill(now);
        let may = allowance.left > 0;
        allowance.left = allowance.left.saturating_sub(1);
        may
    }

    /// Nobody earns anything in between, so looking at everybody at each event would find nothing new.
    fn sweep(&mut self, now: Instant) {
        let swept = *self.swept.get_or_insert(now);
        if now.saturating_duration_since(swept) < REFILL {
            return;
        }
        self.swept = Some(now);
        self.left.retain(|_, allowance| {
            allowance.refill(now);
            allowance.left < BURST
        });
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test(start_paused = true)]
    async fn after_many_events_an_object_may_cause_one_every_ten_seconds() {
        let (mut allowances, start) = (Allowances::default(), Instant::now());
        assert!((0..BURST).all(|_| allowances.take("a", start)));
        assert!(!allowances.take("a", start));
        assert!(allowances.take("b", start));
        assert!(allowances.take("a", start + REFILL));
        assert!(!allowances.take("a", start + REFILL));
    }

    #[tokio::test(start_paused = true)]
    async fn an_object_that_was_quiet_for_long_is_forgotten() {
        let (mut allowances, start) = (Allowances::default(), Instant::now());
        allowances.take("a", start);
        allowances.take("b", start + REFILL);
        assert_eq!(allowances.left.len(), 1);
    }
}
