//! What a user of a managed resource sees, pass by pass.

mod awaiting;
mod connecting;
mod crashing;
mod creating;
mod deleting;
mod drifting;
mod initializing;
mod logging;
mod measuring;
mod persisting;
mod planning;
mod referring;
mod refusing;
mod remembering;
mod requesting;
mod restricting;
mod sharing;
mod telling;
mod work;

use crate::{
    config::{ConfigRef, session::Configs},
    dependents::ConfigId,
    external::{ExternalError, Failure},
    testing::{FakeConnector, lab::NAMESPACE},
};

const ALL_GOOD: [&str; 3] = [
    "Ready=True/Available",
    "Synced=True/ReconcileSuccess",
    "UpToDate=True/ObserveMatched",
];

fn other(cause: &str) -> ExternalError {
    ExternalError::Other(Failure::new(cause, "try it by hand"))
}

/// The config that a resource uses unless it says otherwise.
fn default_config() -> ConfigId {
    Configs::<FakeConnector>::id(NAMESPACE, &ConfigRef::default())
}
