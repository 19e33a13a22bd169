//! Where the programs of Argo CD listen: on ports that nobody else uses.

use crate::network::free;

/// A port for each listener.
pub(super) struct Ports {
    pub(super) redis: u16,
    pub(super) repositories: u16,
    pub(super) repository_metrics: u16,
    pub(super) controller: u16,
    pub(super) set_metrics: u16,
    pub(super) set_probe: u16,
    pub(super) set_webhook: u16,
}

impl Ports {
    /// Chooses free ones, and lets go of them for the programs.
    pub(super) fn choose() -> anyhow::Result<Self> {
        let mut held = Vec::new();
        Ok(Self {
            redis: free(&mut held)?,
            repositories: free(&mut held)?,
            repository_metrics: free(&mut held)?,
            controller: free(&mut held)?,
            set_metrics: free(&mut held)?,
            set_probe: free(&mut held)?,
            set_webhook: free(&mut held)?,
        })
    }
}
