//! When a provider first looked for a resource: the lab makes a file at that moment.

use std::path::PathBuf;
use std::time::{Duration, SystemTime};

use serde::Serialize;

use crate::wait_for;

/// How often a resource is created whose first look is timed.
const SAMPLES: usize = 100;
const PAUSE: Duration = Duration::from_millis(100);

/// The files that one process makes.
pub(super) struct Looks(pub(super) PathBuf);

/// Times in milliseconds.
#[derive(Clone, Debug, Default, Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Latency {
    pub(super) samples: usize,
    pub(super) p50_ms: f64,
    pub(super) p99_ms: f64,
    pub(super) max_ms: f64,
}

impl Looks {
    /// When it first looked for this one.
    fn at(&self, name: &str) -> Option<SystemTime> {
        std::fs::metadata(self.0.join(name)).ok()?.modified().ok()
    }

    /// How many it has looked for.
    pub(super) fn count(&self) -> usize {
        std::fs::read_dir(&self.0).map_or(0, Iterator::count)
    }

    /// When it had looked for all but those whose names begin like this.
    pub(super) fn last_beside(&self, prefix: &str) -> Option<SystemTime> {
        let entries = std::fs::read_dir(&self.0).ok()?.flatten();
        let others =
            entries.filter(|entry| !entry.file_name().to_string_lossy().starts_with(prefix));
        others
            .filter_map(|entry| entry.metadata().ok()?.modified().ok())
            .max()
    }

    /// Creates resources one after the other, and tells how long each waited for its first look.
    pub(super) async fn of_new(
        &self,
        prefix: &str,
        create: impl AsyncFn(&str) -> anyhow::Result<()>,
    ) -> anyhow::Result<Latency> {
        let mut created = Vec::new();
        for number in 0..SAMPLES {
            let name = format!("{prefix}-{number}");
            let at = SystemTime::now();
            create(&name).await?;
            created.push((name, at));
            tokio::time::sleep(PAUSE).await;
        }
        wait_for("the first looks", Duration::from_secs(120), async || {
            Ok(created.iter().all(|(name, _)| self.at(name).is_some()))
        })
        .await?;
        let waited = created.iter().filter_map(|(name, at)| {
            let looked = self.at(name)?;
            Some(looked.duration_since(*at).unwrap_or_default())
        });
        Ok(Latency::of(waited.collect()))
    }
}

impl Latency {
    fn of(mut times: Vec<Duration>) -> Self {
        times.sort();
        let at = |percent: usize| {
            let index = (times.len() * percent).div_ceil(100).max(1) - 1;
            times
                .get(index)
                .map_or(0.0, |time| time.as_secs_f64() * 1_000.0)
        };
        Self {
            samples: times.len(),
            p50_ms: at(50),
            p99_ms: at(99),
            max_ms: at(100),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn percentiles_are_times_that_were_measured() {
        let latency = Latency::of((1..=100).map(Duration::from_millis).collect());
        assert_eq!(
            (latency.p50_ms, latency.p99_ms, latency.max_ms),
            (50.0, 99.0, 100.0)
        );
        assert_eq!(Latency::of(Vec::new()).samples, 0);
    }
}
