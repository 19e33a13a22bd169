//! A moment's patience with what is made at the same time.
//!
//! A claim makes an account in a cluster and, at the same moment, what logs in as this account. Asking
//! again within the pass is cheaper than a status that says what is not so a second later: everything
//! that listens to the status is run for it.

use std::time::Duration;

use tokio::time::Instant;

/// How long after each try the next one follows.
const PAUSES: [Duration; 3] = [
    Duration::from_millis(200),
    Duration::from_millis(400),
    Duration::from_millis(800),
];

/// Tries that take longer than this are not repeated: it is something else that takes its time.
const LONGEST: Duration = Duration::from_secs(2);

/// The patience of one pass.
#[derive(Debug)]
pub(crate) struct Patience {
    began: Instant,
    pauses: std::array::IntoIter<Duration, 3>,
}

impl Patience {
    /// Begins with the first try.
    pub(crate) fn new() -> Self {
        Self {
            began: Instant::now(),
            pauses: PAUSES.into_iter(),
        }
    }

    /// Waits until the next try; false when there is none.
    pub(crate) async fn is_left(&mut self) -> bool {
        if self.began.elapsed() > LONGEST {
            return false;
        }
        let Some(pause) = self.pauses.next() else {
            return false;
        };
        tokio::time::sleep(pause).await;
        true
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    async fn tries_until(good: usize, takes: Duration) -> (usize, Duration) {
        let (mut tries, mut patience) = (0, Patience::new());
        let began = Instant::now();
        loop {
            tokio::time::sleep(takes).await;
            tries += 1;
            if tries == good || !patience.is_left().await {
                return (tries, began.elapsed());
            }
        }
    }

    #[tokio::test(start_paused = true)]
    async fn what_comes_within_a_moment_is_not_missed_and_what_does_not_come_is_not_waited_for() {
        let millis = Duration::from_millis;
        let at_once = Duration::ZERO;
        assert_eq!(tries_until(1, at_once).await, (1, millis(0)));
        assert_eq!(tries_until(3, at_once).await, (3, millis(600)));
        assert_eq!(tries_until(9, at_once).await, (4, millis(1400)));
        assert_eq!(tries_until(9, millis(3000)).await, (1, millis(3000)));
    }
}
