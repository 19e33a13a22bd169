//! What one minor of vCluster needs: its images, its configuration, its rights. Pure.
//!
//! The configuration that the control plane reads is complete: what it does not say is zero, and a key
//! it does not know ends the process. So each minor has a profile, and a minor without one is refused.

mod v0_36;

use std::fmt;

use managed::external::ExternalError;
use serde_json::Value;

use super::target::Target;

/// A minor of vCluster.
#[derive(Debug)]
pub(super) struct Profile {
    /// The minor, of major 0.
    pub(super) minor: u32,
    /// The version of Kubernetes it comes with.
    pub(super) kubernetes: &'static str,
    /// Minors of Kubernetes it runs.
    pub(super) kubernetes_minors: std::ops::RangeInclusive<u32>,
    /// Path and tag of etcd below its registry.
    pub(super) etcd: &'static str,
    /// Path and tag of the name server inside.
    pub(super) core_dns: &'static str,
    /// Path and tag of the image that writes `/etc/hosts`.
    pub(super) hosts_rewrite: &'static str,
    /// Name of the `ClusterRole` that is installed with the provider.
    pub(super) cluster_role: &'static str,
    /// The configuration before the overlay.
    pub(super) document: fn(&Target<'_>) -> Value,
    /// Paths that an overlay may set; a `*` stands for everything below.
    pub(super) overlay: &'static [&'static str],
    /// Rules of the Role with mode `Managed`.
    pub(super) rules: fn(&Target<'_>, host_minor: Option<u32>) -> Value,
}

const PROFILES: [&Profile; 1] = [&v0_36::PROFILE];

impl Profile {
    /// The profile of a version.
    pub(super) fn of(version: Version) -> Result<&'static Self, ExternalError> {
        let found = PROFILES
            .into_iter()
            .find(|profile| version.major == 0 && profile.minor == version.minor);
        found.ok_or_else(|| {
            let supported: Vec<_> = PROFILES
                .iter()
                .map(|profile| format!("0.{}", profile.minor))
                .collect();
            ExternalError::invalid(
                format!("vCluster {version} is not supported"),
                format!("set version to {}.x", supported.join(".x or ")),
            )
        })
    }

    /// Refuses a version of Kubernetes that this minor does not run.
    pub(super) fn check_kubernetes(&self, version: Option<&str>) -> Result<(), ExternalError> {
        let Some(version) = version else {
            return Ok(());
        };
        let parsed = Version::parse(version.trim_start_matches('v'))?;
        if parsed.major == 1 && self.kubernetes_minors.contains(&parsed.minor) {
            return Ok(());
        }
        let (first, last) = (self.kubernetes_minors.start(), self.kubernetes_minors.end());
        Err(ExternalError::invalid(
            format!(
                "vCluster 0.{} does not run Kubernetes {version}",
                self.minor
            ),
            format!("set kubernetesVersion to v1.{first} to v1.{last}"),
        ))
    }
}

/// A version of three numbers.
#[derive(Clone, Copy, Debug, Eq, Ord, PartialEq, PartialOrd)]
pub(super) struct Version {
    major: u32,
    minor: u32,
    patch: u32,
}

impl Version {
    /// Reads `0.36.1`.
    pub(super) fn parse(text: &str) -> Result<Self, ExternalError> {
        let numbers: Option<Vec<u32>> = text.split('.').map(|part| part.parse().ok()).collect();
        match numbers.as_deref() {
            Some([major, minor, patch]) => Ok(Self {
                major: *major,
                minor: *minor,
                patch: *patch,
            }),
            _ => Err(ExternalError::invalid(
                format!("{text:?} is not a version"),
                "write three numbers, such as 0.36.1",
            )),
        }
    }

    /// Refuses to go back, and to go up by more than one minor at once.
    pub(super) fn check_upgrade(self, to: Self) -> Result<(), ExternalError> {
        if to < self {
            return Err(ExternalError::invalid(
                format!("vCluster {self} cannot go back to {to}"),
                format!("set version to {self} or later"),
            ));
        }
        if to.major == self.major && to.minor > self.minor + 1 {
            return Err(ExternalError::invalid(
                format!("vCluster {self} cannot go to {to} at once"),
                format!("set version to 0.{}.x first", self.minor + 1),
            ));
        }
        Ok(())
    }
}

impl fmt::Display for Version {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}.{}.{}", self.major, self.minor, self.patch)
    }
}

/// The minor of a host cluster as its API server says it; providers add a sign, as in `36+`.
pub(super) fn host_minor(text: &str) -> Option<u32> {
    let digits: String = text.chars().take_while(char::is_ascii_digit).collect();
    digits.parse().ok()
}

#[cfg(test)]
mod tests;
