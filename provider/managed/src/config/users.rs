//! Who uses a provider config: the usages are watched and counted, and those whose owner is gone are
//! let go.

use std::{collections::HashSet, sync::Arc, time::Duration};

use futures::StreamExt;
use kube::{Api, ResourceExt, api::DynamicObject, runtime::watcher::Event};

use super::{
    Config, InUse, ProviderConfigUsage, ProviderSettings,
    control::{ConfigControl, key},
    session::Configs,
    usage::{self, Known},
};
use crate::{
    cache::{Cached, Name, name_of},
    dependents::ConfigId,
    external::Connector,
    runtime::Runtime,
    watching,
};

/// The resources that use a config.
#[derive(Debug, Default)]
pub(super) struct Users {
    /// How many there are.
    pub(super) count: i64,
    /// Which they are.
    pub(super) in_use: InUse,
}

impl<T, C> ConfigControl<T, C>
where
    T: Config<Settings = C::Settings>,
    C: Connector,
{
    /// Who uses the config. Usages whose owner is gone are let go on the way.
    pub(super) async fn users(&self, id: &ConfigId) -> Users {
        let mut users = Users::default();
        for usage in self.configs.usages.all() {
            if config_of::<C>(&usage) == *id && !self.reap(&usage).await {
                users.count += 1;
                let kind = usage.user.kind.clone();
                users.in_use.insert(kind, self.external_name(&usage));
            }
        }
        users
    }

    /// What the user of a usage is called outside; the name of its object until that is known.
    fn external_name(&self, usage: &Known) -> String {
        let directory = &self.runtime.directory;
        let user = &usage.user;
        let (namespace, _) = usage.name();
        let target = directory.target(C::Settings::GROUP, &user.kind);
        let referent = target.and_then(|target| directory.find(target, &namespace, &user.name));
        referent.map_or_else(|| user.name.clone(), |referent| referent.external_name)
    }

    /// True when the usage does not count any more: it is going, and so has its owner. The owner is
    /// looked up live, because a cache may be behind.
    async fn reap(&self, usage: &Known) -> bool {
        if !usage.is_going || !self.writes() {
            return false;
        }
        let user = &usage.user;
        let Ok(resource) = self
            .runtime
            .reader
            .resource(&user.api_version, &user.kind)
            .await
        else {
            return false;
        };
        let (namespace, name) = usage.name();
        let api: Api<DynamicObject> =
            Api::namespaced_with(self.runtime.client.clone(), &namespace, &resource);
        match api.get_opt(&user.name).await {
            Ok(Some(owner)) if owner.uid().as_ref() == Some(&name) => false,
            Ok(_) => usage::untrack::<C::Settings>(&self.runtime.client, &namespace, &name)
                .await
                .is_ok(),
            Err(_) => false,
        }
    }
}

/// Watches the usages of a group and has their configs looked at when they come and go.
pub(crate) async fn watch_usages<C: Connector>(
    runtime: Arc<Runtime>,
    configs: Arc<Configs<C>>,
    synced: impl Fn(),
) {
    let mut events = watching::all::<ProviderConfigUsage<C::Settings>>(runtime.client.clone());
    let mut listed = HashSet::new();
    while let Some(event) = events.next().await {
        match event {
            Event::Init => listed.clear(),
            Event::InitApply(usage) => {
                listed.insert(name_of(&usage));
                used(&runtime, &configs, Known::from(&usage));
            }
            Event::Apply(usage) => used(&runtime, &configs, Known::from(&usage)),
            Event::Delete(usage) => unused(&runtime, &configs, &Known::from(&usage)),
            Event::InitDone => {
                prune(&runtime, &configs, &listed);
                synced();
            }
        }
    }
}

/// What was deleted while nobody watched is not in the list.
pub(crate) fn prune<C: Connector>(runtime: &Runtime, configs: &Configs<C>, listed: &HashSet<Name>) {
    for usage in configs.usages.all() {
        if !listed.contains(&usage.name()) {
            unused(runtime, configs, &usage);
        }
    }
}

/// Many usages come at once; counting them a little later costs one status write instead of many.
const SETTLING: Duration = Duration::from_secs(1);

fn used<C: Connector>(runtime: &Runtime, configs: &Configs<C>, usage: Known) {
    let (id, is_going) = (config_of::<C>(&usage), usage.is_going);
    let (before, _) = configs.usages.insert(usage);
    if before.is_none_or(|before| before.is_going != is_going) {
        runtime.queue.add_within(key(&id), SETTLING);
    }
}

fn unused<C: Connector>(runtime: &Runtime, configs: &Configs<C>, usage: &Known) {
    let (namespace, name) = usage.name();
    configs.usages.remove(&namespace, &name);
    runtime
        .queue
        .add_within(key(&config_of::<C>(usage)), SETTLING);
}

/// The config that a usage speaks of.
fn config_of<C: Connector>(usage: &Known) -> ConfigId {
    Configs::<C>::id(&usage.name().0, &usage.config)
}
