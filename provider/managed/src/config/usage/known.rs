//! What is remembered of a usage: there are as many as managed resources, and of the whole object most
//! is never read.

use kube::ResourceExt;

use super::label_value;
use crate::{
    cache::{Cached, Name, name_of},
    config::{
        CONFIG_KIND_LABEL, CONFIG_LABEL, ConfigRef, ProviderConfigUsage, ProviderSettings,
        USAGE_FINALIZER, UserRef,
    },
};

/// What is known of a usage.
#[derive(Debug)]
pub(crate) struct Known {
    name: Name,
    version: u64,
    /// The config that is used.
    pub(crate) config: ConfigRef,
    /// Who uses it.
    pub(crate) user: UserRef,
    /// Whether it is being deleted.
    pub(crate) is_going: bool,
    is_labelled: bool,
    is_held: bool,
}

impl Known {
    /// Whether it says what `wanted` says. Labels that others added do not matter.
    pub(super) fn says(&self, wanted: &Self) -> bool {
        self.config == wanted.config
            && self.user == wanted.user
            && self.is_labelled == wanted.is_labelled
            && self.is_held == wanted.is_held
    }
}

impl<S: ProviderSettings> From<&ProviderConfigUsage<S>> for Known {
    fn from(usage: &ProviderConfigUsage<S>) -> Self {
        let config = usage.provider_config_ref.clone();
        let labels = usage.labels();
        let label = |key| labels.get(key).map(String::as_str);
        Self {
            name: name_of(usage),
            version: usage.version(),
            user: usage.resource_ref.clone(),
            is_going: usage.metadata.deletion_timestamp.is_some(),
            is_labelled: label(CONFIG_LABEL) == Some(&label_value(&config.name))
                && label(CONFIG_KIND_LABEL) == Some(config.kind.as_str()),
            is_held: usage.finalizers() == [USAGE_FINALIZER],
            config,
        }
    }
}

impl Cached for Known {
    fn name(&self) -> Name {
        self.name.clone()
    }

    fn version(&self) -> u64 {
        self.version
    }

    fn slim(&mut self) {}
}
