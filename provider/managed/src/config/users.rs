//! Who uses a provider config: the usages are watched and counted, and those whose owner is gone are
//! let go.

use std::{collections::HashSet, sync::Arc, time::Duration};

use futures::StreamExt;
use kube::{Api, ResourceExt, api::DynamicObject, runtime::watcher::Event};

use super::{
    Config, InUse, ProviderConfigUsage, ProviderSettings,
    control::{ConfigControl, key},
    session::Configs,
    usage,
};
use crate::{
    cache::name_of, dependents::ConfigId, external::Connector, runtime::Runtime, watching,
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
                let kind = usage.resource_ref.kind.clone();
                users.in_use.insert(kind, self.external_name(&usage));
            }
        }
        users
    }

    /// What the user of a usage is called outside; the name of its object until that is known.
    fn external_name(&self, usage: &ProviderConfigUsage<C::Settings>) -> String {
        let directory = &self.runtime.directory;
        let user = &usage.resource_ref;
        let namespace = usage.namespace().unwrap_or_default();
        let target = directory.target(C::Settings::GROUP, &user.kind);
        let referent = target.and_then(|target| directory.find(target, &namespace, &user.name));
        referent.map_or_else(|| user.name.clone(), |referent| referent.external_name)
    }

    /// True when the usage does not count any more: it is going, and so has its owner. The owner is
    /// looked up live, because a cache may be behind.
    async fn reap(&self, usage: &ProviderConfigUsage<C::Settings>) -> bool {
        if usage.metadata.deletion_timestamp.is_none() || !self.writes() {
            return false;
        }
        let user = &usage.resource_ref;
        let Ok(resource) = self
            .runtime
            .reader
            .resource(&user.api_version, &user.kind)
            .await
        else {
            return false;
        };
        let namespace = usage.namespace().unwrap_or_default();
        let api: Api<DynamicObject> =
            Api::namespaced_with(self.runtime.client.clone(), &namespace, &resource);
        match api.get_opt(&user.name).await {
            Ok(Some(owner)) if owner.uid() == usage.metadata.name => false,
            Ok(_) => {
                usage::untrack::<C::Settings>(&self.runtime.client, &namespace, &usage.name_any())
                    .await
                    .is_ok()
            }
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
                used(&runtime, &configs, usage);
            }
            Event::Apply(usage) => used(&runtime, &configs, usage),
            Event::Delete(usage) => unused(&runtime, &configs, &usage),
            Event::InitDone => {
                for usage in configs.usages.all() {
                    if !listed.contains(&name_of(usage.as_ref())) {
                        unused(&runtime, &configs, &usage);
                    }
                }
                synced();
            }
        }
    }
}

/// Many usages come at once; counting them a little later costs one status write instead of many.
const SETTLING: Duration = Duration::from_secs(1);

fn used<C: Connector>(
    runtime: &Runtime,
    configs: &Configs<C>,
    usage: ProviderConfigUsage<C::Settings>,
) {
    let id = config_of::<C>(&usage);
    let is_going = usage.metadata.deletion_timestamp.is_some();
    let (before, _) = configs.usages.insert(usage);
    let was_going = before
        .as_ref()
        .is_some_and(|before| before.metadata.deletion_timestamp.is_some());
    if before.is_none() || is_going != was_going {
        runtime.queue.add_within(&key(&id), SETTLING);
    }
}

fn unused<C: Connector>(
    runtime: &Runtime,
    configs: &Configs<C>,
    usage: &ProviderConfigUsage<C::Settings>,
) {
    let (namespace, name) = name_of(usage);
    configs.usages.remove(&namespace, &name);
    runtime
        .queue
        .add_within(&key(&config_of::<C>(usage)), SETTLING);
}

/// The config that a usage speaks of.
fn config_of<C: Connector>(usage: &ProviderConfigUsage<C::Settings>) -> ConfigId {
    let namespace = usage.namespace().unwrap_or_default();
    Configs::<C>::id(&namespace, &usage.provider_config_ref)
}
