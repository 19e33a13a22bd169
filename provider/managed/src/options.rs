//! Settings of a provider process, with Crossplane's defaults.

use std::time::Duration;

use rand::RngExt;

use crate::{
    changelog::ChangeLogs,
    kind::Kind,
    resource::{ManagedResource, POLL_INTERVAL},
    shards::Shards,
};

/// No annotation makes a resource be polled more often than this.
const SHORTEST_POLL: Duration = Duration::from_secs(1);

/// Settings.
#[derive(Clone, Debug)]
pub struct Options {
    /// How often each resource is observed when nothing happens. Default 1 minute.
    pub poll: Duration,
    /// How often resources are looked for that nobody has looked at for two polls. Default 1 hour.
    pub sync: Duration,
    /// Every poll interval is longer or shorter by up to this many percent. Default 10.
    pub poll_jitter_percent: u32,
    /// How many passes start per second at most, and how many run at once. Default 100.
    pub max_reconcile_rate: u32,
    /// How long the external calls of one pass may take together. Default 1 minute.
    pub timeout: Duration,
    /// How long a graceful stop waits for passes that are under way. Default 20 seconds.
    pub grace: Duration,
    /// Where an entry for each external change goes. Default nowhere.
    pub change_logs: Option<ChangeLogs>,
    /// Which resources this process manages. Default all.
    pub shards: Shards,
}

impl Default for Options {
    fn default() -> Self {
        Self {
            poll: Duration::from_mins(1),
            sync: Duration::from_hours(1),
            poll_jitter_percent: 10,
            max_reconcile_rate: 100,
            timeout: Duration::from_mins(1),
            grace: Duration::from_secs(20),
            change_logs: None,
            shards: Shards::default(),
        }
    }
}

impl Options {
    /// When an object is polled next: its annotation or the default, with jitter.
    pub fn poll_of<K: Kind>(&self, object: &ManagedResource<K>) -> Duration {
        let own = object.annotation(POLL_INTERVAL).and_then(duration);
        let interval = own.unwrap_or(self.poll);
        let percent = i64::from(self.poll_jitter_percent.min(90));
        let jitter = rand::rng().random_range(-percent..=percent);
        jittered(interval, jitter)
    }
}

fn jittered(interval: Duration, percent: i64) -> Duration {
    let factor = u32::try_from(100 + percent).unwrap_or(100);
    (interval / 100).saturating_mul(factor).max(SHORTEST_POLL)
}

/// A Go duration such as `1h30m`, `20s` or `1.5h`; `None` when it is not one or not positive.
pub fn duration(text: &str) -> Option<Duration> {
    let mut total = Duration::ZERO;
    let mut rest = text;
    while !rest.is_empty() {
        let digits = rest.find(|c: char| !c.is_ascii_digit() && c != '.')?;
        let number: f64 = rest[..digits].parse().ok()?;
        let unit_end = rest[digits..]
            .find(|c: char| c.is_ascii_digit())
            .map_or(rest.len(), |at| digits + at);
        let unit = match &rest[digits..unit_end] {
            "ns" => 1e-9,
            "us" | "µs" => 1e-6,
            "ms" => 1e-3,
            "s" => 1.0,
            "m" => 60.0,
            "h" => 3600.0,
            _ => return None,
        };
        total += Duration::try_from_secs_f64(number * unit).ok()?;
        rest = &rest[unit_end..];
    }
    (!total.is_zero()).then_some(total)
}

#[cfg(test)]
mod tests {
    use rstest::rstest;

    use super::*;

    #[rstest]
    #[case("90s", Some(90_000))]
    #[case("1h30m", Some(5_400_000))]
    #[case("1.5h", Some(5_400_000))]
    #[case("250ms", Some(250))]
    #[case("0s", None)]
    #[case("-5s", None)]
    #[case("10", None)]
    #[case("", None)]
    #[case("ten minutes", None)]
    fn poll_intervals_are_go_durations(#[case] text: &str, #[case] milliseconds: Option<u64>) {
        assert_eq!(duration(text), milliseconds.map(Duration::from_millis));
    }

    #[test]
    fn no_jitter_and_no_annotation_makes_a_poll_shorter_than_a_second() {
        assert_eq!(jittered(Duration::from_nanos(1), -90), SHORTEST_POLL);
        assert_eq!(
            jittered(Duration::from_secs(100), -10),
            Duration::from_secs(90)
        );
    }
}
