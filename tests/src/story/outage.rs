//! Servers that go away for a while and come back, whatever becomes of the story.

use std::panic::{AssertUnwindSafe, resume_unwind};

use anyhow::ensure;
use futures::FutureExt;

use super::Stage;

impl Stage {
    /// Runs a part of the story while Vault is sealed, and unseals it.
    pub async fn while_vault_is_sealed<T>(
        &self,
        part: impl AsyncFnOnce() -> anyhow::Result<T>,
    ) -> anyhow::Result<T> {
        ensure!(self.is_alone, "others need Vault; use Stage::alone");
        self.testbed.openbao().seal().await?;
        let result = AssertUnwindSafe(part()).catch_unwind().await;
        self.testbed.openbao().unseal().await?;
        result.unwrap_or_else(|panic| resume_unwind(panic))
    }

    /// Runs a part of the story while PostgreSQL is stopped, and starts it.
    pub async fn while_postgres_is_stopped<T>(
        &self,
        part: impl AsyncFnOnce() -> anyhow::Result<T>,
    ) -> anyhow::Result<T> {
        ensure!(self.is_alone, "others need PostgreSQL; use Stage::alone");
        self.postgres.stop().await?;
        let result = AssertUnwindSafe(part()).catch_unwind().await;
        self.postgres.start().await?;
        result.unwrap_or_else(|panic| resume_unwind(panic))
    }
}
