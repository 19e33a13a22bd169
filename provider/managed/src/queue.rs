//! Which object is reconciled next, and when.
//!
//! One queue serves all kinds. An object is never reconciled concurrently with itself; new and
//! edited objects go before retries, and those before polls and the backlog of a restart; failures
//! back off per object from 1 s to 60 s and are not forgotten because of throttling. [`Schedule`] is
//! the pure part, [`Queue`] adds the clock. Each key is in memory once.

use std::{
    collections::{BTreeMap, HashMap, VecDeque},
    sync::{Arc, Mutex},
    time::Duration,
};

use tokio::{sync::Notify, time::Instant};

use crate::metrics::Workqueue;

/// Identity of one object of one kind.
#[derive(Clone, Debug, Eq, Hash, Ord, PartialEq, PartialOrd)]
pub(crate) struct Key {
    /// API group.
    pub group: &'static str,
    /// Plural of the kind.
    pub plural: &'static str,
    /// Namespace; empty for cluster-scoped objects.
    pub namespace: String,
    /// Name.
    pub name: String,
}

/// What goes first.
#[derive(Clone, Copy, Debug, Eq, Ord, PartialEq, PartialOrd)]
pub(crate) enum Priority {
    /// Polls, and what a restart finds.
    Background,
    /// Retries, and changes of something the object reads.
    Normal,
    /// New and edited objects.
    Fresh,
}

/// When a finished object is looked at again.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum Wake {
    /// After this long; failures are forgotten.
    After(Duration),
    /// After the back-off of one more failure.
    Backoff,
    /// After this long, because the server asked for it; failures are kept.
    Throttled(Duration),
    /// Not until something changes; failures are forgotten.
    OnChange,
    /// Never: the object is gone.
    Gone,
}

const SHORTEST_BACKOFF: Duration = Duration::from_secs(1);
const LONGEST_BACKOFF: Duration = Duration::from_mins(1);

/// The back-off after so many failures in a row.
pub(crate) fn backoff(failures: u32) -> Duration {
    SHORTEST_BACKOFF
        .saturating_mul(1 << failures.saturating_sub(1).min(6))
        .min(LONGEST_BACKOFF)
}

#[derive(Debug, Default)]
struct Entry {
    due: Option<(Instant, u64)>,
    ready: Option<Priority>,
    ready_since: Option<Instant>,
    running: bool,
    again: Option<Priority>,
    failures: u32,
}

/// The queue without a clock.
#[derive(Debug, Default)]
pub(crate) struct Schedule {
    entries: HashMap<Arc<Key>, Entry>,
    timers: BTreeMap<(Instant, u64), Arc<Key>>,
    ready: [VecDeque<Arc<Key>>; 3],
    sequence: u64,
    added: u64,
}

impl Schedule {
    /// Makes an object due now.
    pub(crate) fn add(&mut self, key: Arc<Key>, priority: Priority, now: Instant) {
        let key = self.known(key);
        let entry = self.entries.entry(Arc::clone(&key)).or_default();
        if priority == Priority::Fresh {
            entry.failures = 0;
        }
        if entry.running {
            entry.again = entry.again.max(Some(priority));
            return;
        }
        if entry.ready >= Some(priority) {
            return;
        }
        if let Some(timer) = entry.due.take() {
            self.timers.remove(&timer);
        }
        if let Some(lower) = entry.ready.replace(priority) {
            self.ready[lower as usize].retain(|queued| *queued != key);
        } else {
            entry.ready_since = Some(now);
            self.added += 1;
        }
        self.ready[priority as usize].push_back(key);
    }

    /// Makes an object due at this time, or when it is due anyway if that is sooner.
    pub(crate) fn add_within(&mut self, key: Arc<Key>, at: Instant) {
        let key = self.known(key);
        let entry = self.entries.entry(Arc::clone(&key)).or_default();
        if entry.running {
            entry.again = entry.again.max(Some(Priority::Background));
        } else if entry.ready.is_none() && entry.due.is_none_or(|(due, _)| due > at) {
            if let Some(timer) = entry.due.take() {
                self.timers.remove(&timer);
            }
            self.add_at(&key, at);
        }
    }

    /// The key as it is kept.
    fn known(&self, key: Arc<Key>) -> Arc<Key> {
        let known = self.entries.get_key_value(&key);
        known.map_or(key, |(known, _)| Arc::clone(known))
    }

    /// Takes the object that is to be reconciled now, and marks it running.
    pub(crate) fn take(&mut self, now: Instant) -> Option<Arc<Key>> {
        self.release_timers(now);
        let key = self.ready.iter_mut().rev().find_map(VecDeque::pop_front)?;
        if let Some(entry) = self.entries.get_mut(&key) {
            entry.ready = None;
            entry.running = true;
        }
        Some(key)
    }

    /// How long an object that was just taken had waited.
    fn waited(&self, key: &Key, now: Instant) -> Duration {
        let since = self.entries.get(key).and_then(|entry| entry.ready_since);
        since.map_or(Duration::ZERO, |since| now.saturating_duration_since(since))
    }

    /// Notes that a pass over an object has ended.
    pub(crate) fn finish(&mut self, key: &Arc<Key>, wake: Wake, now: Instant) {
        let Some(entry) = self.entries.get_mut(key) else {
            return;
        };
        entry.running = false;
        let again = entry.again.take();
        match wake {
            Wake::After(_) | Wake::OnChange => entry.failures = 0,
            Wake::Backoff => entry.failures = entry.failures.saturating_add(1),
            Wake::Throttled(_) | Wake::Gone => {}
        }
        let delay = match wake {
            Wake::After(delay) | Wake::Throttled(delay) => Some(delay),
            Wake::Backoff => Some(backoff(entry.failures)),
            Wake::OnChange | Wake::Gone => None,
        };
        match (again, delay) {
            (Some(priority), _) => self.add(Arc::clone(key), priority, now),
            (None, Some(delay)) => self.add_at(key, now + delay),
            (None, None) => {
                self.entries.remove(key);
            }
        }
    }

    /// When the next timer is due.
    pub(crate) fn next_due(&self) -> Option<Instant> {
        self.timers.first_key_value().map(|((at, _), _)| *at)
    }

    /// How many objects wait to be taken.
    pub(crate) fn waiting(&self) -> usize {
        self.ready.iter().map(VecDeque::len).sum()
    }

    fn add_at(&mut self, key: &Arc<Key>, at: Instant) {
        self.sequence += 1;
        let timer = (at, self.sequence);
        if let Some(entry) = self.entries.get_mut(key) {
            entry.due = Some(timer);
            self.timers.insert(timer, Arc::clone(key));
        }
    }

    fn release_timers(&mut self, now: Instant) {
        while let Some(timer) = self.timers.first_entry() {
            if timer.key().0 > now {
                break;
            }
            let key = timer.remove();
            let Some(entry) = self.entries.get_mut(&key) else {
                continue;
            };
            entry.due = None;
            let priority = if entry.failures > 0 {
                Priority::Normal
            } else {
                Priority::Background
            };
            entry.ready = Some(priority);
            entry.ready_since = Some(now);
            self.added += 1;
            self.ready[priority as usize].push_back(key);
        }
    }
}

/// The queue with a clock and a limit on how many passes start per second.
#[derive(Debug)]
pub(crate) struct Queue {
    schedule: Mutex<Schedule>,
    bucket: Mutex<Bucket>,
    changed: Notify,
    metrics: Workqueue,
}

impl Queue {
    /// A queue that lets `rate` passes start per second, with bursts of ten times that.
    pub(crate) fn new(rate: u32, metrics: Workqueue) -> Self {
        Self {
            schedule: Mutex::default(),
            bucket: Mutex::new(Bucket::new(rate, Instant::now())),
            changed: Notify::new(),
            metrics,
        }
    }

    /// Makes an object due now.
    pub(crate) fn add(&self, key: impl Into<Arc<Key>>, priority: Priority) {
        let key = key.into();
        self.with(|schedule| schedule.add(key, priority, Instant::now()));
        self.changed.notify_one();
    }

    /// Makes an object due within this time, or when it is due anyway if that is sooner.
    pub(crate) fn add_within(&self, key: Key, delay: Duration) {
        self.with(|schedule| schedule.add_within(key.into(), Instant::now() + delay));
        self.changed.notify_one();
    }

    /// Waits for the next object. Losing the future loses nothing.
    pub(crate) async fn next(&self) -> Arc<Key> {
        loop {
            let changed = self.changed.notified();
            let now = Instant::now();
            if self.with(|schedule| schedule.take_is_possible(now)) {
                let wait = self.bucket.lock().expect("no panic while held").take(now);
                if let Some(wait) = wait {
                    tokio::time::sleep(wait).await;
                    continue;
                }
                let taken = self.with(|schedule| {
                    let key = schedule.take(now)?;
                    let waited = schedule.waited(&key, now);
                    Some((key, waited))
                });
                if let Some((key, waited)) = taken {
                    self.metrics.taken(waited);
                    return key;
                }
            }
            match self.with(|schedule| schedule.next_due()) {
                Some(at) => drop(tokio::time::timeout_at(at, changed).await),
                None => changed.await,
            }
        }
    }

    /// Notes that a pass over an object has ended.
    pub(crate) fn finish(&self, key: &Arc<Key>, wake: Wake) {
        if wake == Wake::Backoff {
            self.metrics.retried();
        }
        self.with(|schedule| schedule.finish(key, wake, Instant::now()));
        self.changed.notify_one();
    }

    /// How many objects wait to be taken.
    pub(crate) fn waiting(&self) -> usize {
        self.with(|schedule| schedule.waiting())
    }

    fn with<T>(&self, change: impl FnOnce(&mut Schedule) -> T) -> T {
        let mut schedule = self.schedule.lock().expect("no panic while held");
        let result = change(&mut schedule);
        self.metrics.added(std::mem::take(&mut schedule.added));
        result
    }
}

impl Schedule {
    fn take_is_possible(&mut self, now: Instant) -> bool {
        self.release_timers(now);
        self.waiting() > 0
    }
}

/// A token bucket.
#[derive(Debug)]
struct Bucket {
    rate: f64,
    tokens: f64,
    at: Instant,
}

impl Bucket {
    const BURST: f64 = 10.0;

    fn new(rate: u32, now: Instant) -> Self {
        let rate = f64::from(rate.max(1));
        Self {
            rate,
            tokens: rate * Self::BURST,
            at: now,
        }
    }

    /// Takes a token, or says how long to wait for one.
    fn take(&mut self, now: Instant) -> Option<Duration> {
        let earned = now.saturating_duration_since(self.at).as_secs_f64() * self.rate;
        self.tokens = (self.tokens + earned).min(self.rate * Self::BURST);
        self.at = now;
        if self.tokens >= 1.0 {
            self.tokens -= 1.0;
            return None;
        }
        Some(Duration::from_secs_f64((1.0 - self.tokens) / self.rate))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn key(name: &str) -> Arc<Key> {
        Arc::new(Key {
            group: "example.org",
            plural: "fakes",
            namespace: "default".into(),
            name: name.into(),
        })
    }

    #[test]
    fn new_objects_go_before_retries_and_polls() {
        let (mut schedule, now) = (Schedule::default(), Instant::now());
        schedule.add(key("poll"), Priority::Background, now);
        schedule.add(key("retry"), Priority::Normal, now);
        schedule.add(key("new"), Priority::Fresh, now);
        let order: Vec<_> = std::iter::from_fn(|| schedule.take(now))
            .map(|key| key.name.clone())
            .collect();
        assert_eq!(order, ["new", "retry", "poll"]);
    }

    #[test]
    fn an_object_is_never_taken_twice_at_the_same_time() {
        let (mut schedule, now) = (Schedule::default(), Instant::now());
        schedule.add(key("a"), Priority::Fresh, now);
        assert!(schedule.take(now).is_some());
        schedule.add(key("a"), Priority::Normal, now);
        assert_eq!(schedule.take(now), None);
        schedule.finish(&key("a"), Wake::After(Duration::from_mins(1)), now);
        assert_eq!(schedule.take(now), Some(key("a")));
    }

    #[test]
    fn failures_back_off_from_one_second_to_a_minute() {
        let waits: Vec<_> = (1..=8)
            .map(|failures| backoff(failures).as_secs())
            .collect();
        assert_eq!(waits, [1, 2, 4, 8, 16, 32, 60, 60]);
    }

    #[test]
    fn throttling_does_not_reset_the_back_off() {
        let (mut schedule, now) = (Schedule::default(), Instant::now());
        for wake in [
            Wake::Backoff,
            Wake::Throttled(Duration::ZERO),
            Wake::Backoff,
        ] {
            schedule.add(key("a"), Priority::Normal, now);
            schedule.take(now).unwrap();
            schedule.finish(&key("a"), wake, now);
        }
        assert_eq!(schedule.next_due(), Some(now + Duration::from_secs(2)));
    }

    #[test]
    fn an_edit_wakes_an_object_that_is_backing_off() {
        let (mut schedule, now) = (Schedule::default(), Instant::now());
        schedule.add(key("a"), Priority::Normal, now);
        schedule.take(now).unwrap();
        schedule.finish(&key("a"), Wake::Backoff, now);
        assert_eq!(schedule.take(now), None);
        schedule.add(key("a"), Priority::Fresh, now);
        assert_eq!(schedule.take(now), Some(key("a")));
        assert_eq!(schedule.next_due(), None);
    }

    #[test]
    fn an_object_that_is_gone_leaves_nothing_behind() {
        let (mut schedule, now) = (Schedule::default(), Instant::now());
        schedule.add(key("a"), Priority::Normal, now);
        schedule.take(now).unwrap();
        schedule.finish(&key("a"), Wake::Gone, now);
        assert!(schedule.entries.is_empty() && schedule.timers.is_empty());
    }

    #[test]
    fn the_bucket_refills_at_its_rate() {
        let now = Instant::now();
        let mut bucket = Bucket::new(10, now);
        assert!((0..100).all(|_| bucket.take(now).is_none()));
        assert_eq!(bucket.take(now), Some(Duration::from_millis(100)));
        assert_eq!(bucket.take(now + Duration::from_millis(100)), None);
    }
}
