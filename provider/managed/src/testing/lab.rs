//! A controller of [`Fake`] over a fake API server and a fake external system, driven by hand.

use std::{collections::HashSet, sync::Arc, time::Duration};

use k8s_openapi::api::core::v1::Secret;
use serde_json::{Value, json};
use tokio::sync::mpsc;

use super::{
    ApiServer, Clock, Fake, FakeConnector, FakeSettings, Moment, Thing, Trail, World,
    specimen::named,
};
use crate::{
    cache::{Cached, name_of},
    changelog::{ChangeLog, Entry},
    condition,
    config::{
        ClusterProviderConfig, ConfigSecretKeyRef, ProviderConfig, ProviderConfigUsage,
        session::Configs, usage::Known,
    },
    controller::{Controller, Reconciler},
    event::{Recorder, Report},
    metrics::Metrics,
    options::Options,
    queue::{Priority, Wake},
    runtime::Runtime,
    shards::{SHARD, Shards},
};

pub(crate) use super::specimen::{FakeResource, NAMESPACE, fake, fake_with_secret, key, secret};

/// Everything a pass needs.
pub(crate) struct Lab {
    pub(crate) trail: Trail,
    pub(crate) clock: Clock,
    pub(crate) server: ApiServer,
    pub(crate) world: World,
    pub(crate) controller: Arc<Controller<Fake, FakeConnector>>,
    reports: mpsc::Receiver<Report>,
    entries: mpsc::Receiver<Entry>,
}

impl Lab {
    /// A lab with the provider config `default`, whose credentials are in the Secret `system/admin`.
    pub(crate) fn new() -> Self {
        let (trail, clock) = (Trail::default(), Clock::default());
        let server = ApiServer::new(clock.clone(), trail.clone());
        let world = World::new(trail.clone());
        server.put(&secret("system", "admin", &[("password", "root")]));
        server.put(&ClusterProviderConfig {
            metadata: named("", "default"),
            spec: FakeSettings {
                password_secret_ref: ConfigSecretKeyRef {
                    namespace: Some("system".into()),
                    name: "admin".into(),
                    key: "password".into(),
                },
            },
            status: None,
        });
        let (controller, reports, entries) = process(&server, &world, &clock, Shards::default());
        Self {
            trail,
            clock,
            server,
            world,
            controller,
            reports,
            entries,
        }
    }

    /// The process is gone with all it knew, and another one starts.
    pub(crate) fn restart(&mut self) {
        (self.controller, self.reports, self.entries) =
            process(&self.server, &self.world, &self.clock, self.shards());
    }

    /// Another process over the same servers that has a share of the resources.
    pub(crate) fn shard(&self, own: u32, count: u32) -> Self {
        let shards = Shards::new(own, count).unwrap();
        let (controller, reports, entries) =
            process(&self.server, &self.world, &self.clock, shards);
        Self {
            trail: self.trail.clone(),
            clock: self.clock.clone(),
            server: self.server.clone(),
            world: self.world.clone(),
            controller,
            reports,
            entries,
        }
    }

    fn shards(&self) -> Shards {
        self.controller.runtime.options.shards
    }

    /// Creates a resource and runs it until it has settled.
    pub(crate) async fn settled(object: &FakeResource) -> Self {
        let mut lab = Self::new();
        lab.server.put(object);
        lab.settle(&object.metadata.name.clone().unwrap()).await;
        // The look at which the create is marked as a success.
        lab.wait(Duration::from_secs(30)).await;
        lab.settle(&object.metadata.name.clone().unwrap()).await;
        lab.forget();
        lab
    }

    /// Forgets what was recorded so far.
    pub(crate) fn forget(&mut self) {
        self.trail.take();
        self.server.take_requests();
        self.events();
        self.entries();
    }

    /// What the watches would have told by now.
    pub(crate) fn sync(&self) {
        let listed: HashSet<_> = self
            .server
            .list()
            .iter()
            .map(name_of::<FakeResource>)
            .collect();
        for object in self.server.list::<FakeResource>() {
            self.controller.applied(object, Priority::Fresh);
        }
        self.controller.prune(&listed);
        let configs = &self.controller.configs;
        for config in configs.cluster.all() {
            configs.cluster.remove("", &name_of(config.as_ref()).1);
        }
        for config in self.server.list::<ClusterProviderConfig<FakeSettings>>() {
            configs.cluster.insert(config);
        }
        for config in self.server.list::<ProviderConfig<FakeSettings>>() {
            configs.namespaced.insert(config);
        }
        for usage in configs.usages.all() {
            let (namespace, name) = usage.name();
            configs.usages.remove(&namespace, &name);
        }
        for usage in self.server.list::<ProviderConfigUsage<FakeSettings>>() {
            configs.usages.insert(Known::from(&usage));
        }
    }

    /// One pass over a resource, after the watches have caught up.
    pub(crate) async fn pass(&self, name: &str) -> Wake {
        self.sync();
        self.stale_pass(name).await
    }

    /// One pass over what is known, however old.
    pub(crate) async fn stale_pass(&self, name: &str) -> Wake {
        self.controller.reconcile(&key(name).into()).await
    }

    /// Passes until nothing is retried soon. A second goes by between them.
    pub(crate) async fn settle(&self, name: &str) -> Wake {
        for _ in 0..12 {
            match self.pass(name).await {
                Wake::Backoff | Wake::Throttled(_) => self.wait(Duration::from_secs(2)).await,
                wake => return wake,
            }
        }
        panic!("{name} does not settle: {:?}", self.conditions(name));
    }

    /// Lets time go by.
    pub(crate) async fn wait(&self, time: Duration) {
        self.clock.advance(time);
        tokio::time::advance(time).await;
    }

    /// A pass that never comes back from the given step. True when it came that far.
    pub(crate) async fn pass_until(&self, name: &str, step: usize, moment: Moment) -> bool {
        self.trail.take();
        self.trail.stop_at(step, moment);
        let died = tokio::select! {
            _ = self.pass(name) => false,
            () = self.trail.stopped() => true,
        };
        self.trail.go_on();
        died
    }

    pub(crate) fn edit(&self, name: &str, edit: impl FnOnce(&mut Value)) {
        self.server.edit::<FakeResource>(NAMESPACE, name, edit);
    }

    pub(crate) fn annotate(&self, name: &str, annotation: &str, value: &str) {
        self.edit(name, |object| {
            object["metadata"]["annotations"][annotation] = json!(value);
        });
    }

    /// Gives a resource to a shard.
    pub(crate) fn hand_to(&self, shard: u32, name: &str) {
        self.edit(name, |object| {
            object["metadata"]["labels"][SHARD] = json!(shard.to_string());
        });
    }

    pub(crate) fn delete(&self, name: &str) {
        self.server.delete::<FakeResource>(NAMESPACE, name);
    }

    pub(crate) fn get(&self, name: &str) -> Option<FakeResource> {
        self.server.get(NAMESPACE, name)
    }

    pub(crate) fn object(&self, name: &str) -> FakeResource {
        self.get(name).expect("the resource exists")
    }

    pub(crate) fn thing(&self, name: &str) -> Thing {
        self.world
            .thing(name)
            .expect("the external resource exists")
    }

    /// Type, status and reason of every condition, such as `Ready=True/Available`.
    pub(crate) fn conditions(&self, name: &str) -> Vec<String> {
        let status = self.object(name).status.unwrap_or_default();
        let mut all: Vec<_> = status
            .conditions
            .iter()
            .map(|condition| {
                format!(
                    "{}={}/{}",
                    condition.type_, condition.status, condition.reason
                )
            })
            .collect();
        all.sort();
        all
    }

    pub(crate) fn message(&self, name: &str, kind: &str) -> String {
        let status = self.object(name).status.unwrap_or_default();
        let found = condition::find(&status.conditions, kind);
        found
            .map(|condition| condition.message.clone())
            .unwrap_or_default()
    }

    /// A key of a Secret in the namespace.
    pub(crate) fn stored(&self, name: &str, key: &str) -> Option<String> {
        let secret: Secret = self.server.get(NAMESPACE, name)?;
        let value = secret.data?.remove(key)?;
        Some(String::from_utf8(value.0).unwrap())
    }

    /// Reason and message of every event since the last call.
    pub(crate) fn events(&mut self) -> Vec<String> {
        std::iter::from_fn(|| self.reports.try_recv().ok())
            .map(|report| {
                format!(
                    "{}: {}",
                    report.occurrence.reason, report.occurrence.message
                )
            })
            .collect()
    }

    /// What was handed to the change log since the last call.
    pub(crate) fn entries(&mut self) -> Vec<Entry> {
        std::iter::from_fn(|| self.entries.try_recv().ok()).collect()
    }

    /// Who waits in the queue; nobody afterwards.
    pub(crate) fn queued(&self) -> Vec<String> {
        use futures::FutureExt;
        let queue = &self.controller.runtime.queue;
        let keys: Vec<_> = std::iter::from_fn(|| queue.next().now_or_never()).collect();
        for key in &keys {
            queue.finish(key, Wake::Gone);
        }
        keys.iter().map(|key| key.name.clone()).collect()
    }

    /// Writes to the API server since the last call.
    pub(crate) fn writes(&self) -> Vec<String> {
        let writes = self.server.take_writes();
        writes.into_iter().map(|request| request.what).collect()
    }
}

type Process = (
    Arc<Controller<Fake, FakeConnector>>,
    mpsc::Receiver<Report>,
    mpsc::Receiver<Entry>,
);

fn process(server: &ApiServer, world: &World, clock: &Clock, shards: Shards) -> Process {
    let (recorder, reports) = Recorder::pair();
    let client = server.client();
    let metrics = Arc::new(Metrics::default());
    let (change_log, entries) = ChangeLog::pair(Arc::clone(&metrics));
    let options = Options {
        shards,
        ..Options::default()
    };
    let (mut runtime, _) = Runtime::new(client.clone(), options, recorder, metrics);
    let clock = clock.clone();
    runtime.clock = Box::new(move || clock.now());
    runtime.change_log = change_log;
    let runtime = Arc::new(runtime);
    let connector = FakeConnector(world.clone());
    let configs = Arc::new(Configs::new(client, connector, runtime.heard()));
    (
        Arc::new(Controller::new(runtime, configs)),
        reports,
        entries,
    )
}
