//! How long a pass may take: the external calls together, and then a little more, so that what they
//! did can still be written down.

use std::time::Duration;

use tokio::time::Instant;

use crate::{
    external::{ExternalError, Failure},
    outcome::Stage,
};

/// After the external calls, for the object and the connection Secret.
const FOR_THE_OBJECT: Duration = Duration::from_secs(20);
/// After that, for the status.
const FOR_THE_STATUS: Duration = Duration::from_secs(10);

/// The times at which the parts of one pass end.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Budget {
    external: Duration,
    started: Instant,
}

impl Budget {
    /// How long a pass may take in all.
    pub(super) fn longest(external: Duration) -> Duration {
        external + FOR_THE_OBJECT + FOR_THE_STATUS
    }

    /// A budget of which `external` is for the external calls of the pass.
    pub(crate) fn starting_now(external: Duration) -> Self {
        Self {
            external,
            started: Instant::now(),
        }
    }

    /// When the pass ends.
    pub(super) fn pass_ends(&self) -> Instant {
        self.started + self.external + FOR_THE_OBJECT
    }

    /// When the status must be written.
    pub(crate) fn status_ends(&self) -> Instant {
        self.pass_ends() + FOR_THE_STATUS
    }

    /// An external call that ends with its budget. Whether a change was made is not known then.
    pub(super) async fn limit<T>(
        &self,
        stage: Stage,
        call: impl Future<Output = Result<T, ExternalError>>,
    ) -> Result<T, ExternalError> {
        let limited = tokio::time::timeout_at(self.started + self.external, call).await;
        limited.unwrap_or_else(|_| Err(self.silence(stage)))
    }

    fn silence(&self, stage: Stage) -> ExternalError {
        match (stage, ExternalError::no_answer_within(self.external)) {
            (
                Stage::Create | Stage::Update | Stage::Delete,
                ExternalError::Unreachable(Failure { cause, remedy }),
            ) => ExternalError::UnknownOutcome(Failure { cause, remedy }),
            (_, error) => error,
        }
    }
}
