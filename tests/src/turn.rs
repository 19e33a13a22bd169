//! Whose turn it is: stories that change what all share run alone, the others beside each other.
//!
//! Sealing Vault, stopping PostgreSQL, switching the configuration and scaling the provider are seen
//! by everybody. The turn is a lock on a file, so it also holds between test programs, and it ends
//! with the process that has it.

use std::fs::File;

use anyhow::Context;

use crate::Testbed;
use crate::paths::{self, Paths};

/// Locks the file of turns, for one or for many.
type Lock = fn(&File) -> std::io::Result<()>;

/// A turn. It ends when this is dropped.
#[derive(Debug)]
pub struct Turn {
    _lock: File,
}

impl Turn {
    /// Waits until nobody is alone, and keeps it so.
    pub async fn beside_others(testbed: &Testbed) -> anyhow::Result<Self> {
        Self::take(testbed, File::lock_shared).await
    }

    /// Waits until nobody else has a turn, and keeps it so.
    pub async fn alone(testbed: &Testbed) -> anyhow::Result<Self> {
        Self::take(testbed, File::lock).await
    }

    /// As [`Turn::beside_others`] on a testbed that may not be there yet; then there is nobody to wait
    /// for. Whoever looks after servers that ended takes it, so that a story which has stopped one
    /// finds it stopped.
    pub(crate) async fn of_a_visitor(paths: &Paths) -> anyhow::Result<Option<Self>> {
        if !paths.state("env.json").exists() {
            return Ok(None);
        }
        Self::take_in(paths, File::lock_shared).await.map(Some)
    }

    async fn take(testbed: &Testbed, lock: Lock) -> anyhow::Result<Self> {
        Self::take_in(testbed.paths(), lock).await
    }

    async fn take_in(paths: &Paths, lock: Lock) -> anyhow::Result<Self> {
        let path = paths.state("turn");
        paths::write(&path, "")?;
        let waiting = move || {
            let file =
                File::open(&path).with_context(|| format!("cannot open {}", path.display()))?;
            lock(&file).with_context(|| format!("cannot lock {}", path.display()))?;
            Ok(Self { _lock: file })
        };
        tokio::task::spawn_blocking(waiting).await?
    }
}
