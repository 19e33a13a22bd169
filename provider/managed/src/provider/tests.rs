//! Passes under the care of the process.

use std::time::Duration;

use futures::future::BoxFuture;
use k8s_openapi::apiextensions_apiserver::pkg::apis::apiextensions::v1::CustomResourceDefinition;

use super::*;
use crate::{
    changelog::{
        ChangeLogs,
        sidecar::{Sidecar, Socket},
    },
    testing::{
        Fake, FakeConnector, FakeSettings, Fault,
        lab::{Lab, fake, key},
    },
};

/// Panics, or never ends.
enum Broken {
    Panics,
    Hangs(Arc<()>),
}

impl Reconciler for Broken {
    fn reconcile<'a>(&'a self, _: &'a Arc<Key>) -> BoxFuture<'a, Wake> {
        match self {
            Self::Panics => Box::pin(async { panic!("a bug") }),
            Self::Hangs(alive) => {
                let alive = Arc::clone(alive);
                Box::pin(async move {
                    let wake = std::future::pending().await;
                    drop(alive);
                    wake
                })
            }
        }
    }
}

fn with(reconciler: Arc<dyn Reconciler>) -> Arc<Reconcilers> {
    Arc::new([((key("a").group, key("a").plural), reconciler)].into())
}

#[tokio::test(start_paused = true)]
async fn a_panic_ends_the_pass_and_not_the_process() {
    let lab = Lab::new();
    let queue = &lab.controller.runtime.queue;
    queue.add(key("a"), crate::queue::Priority::Fresh);
    let taken = queue.next().await;
    pass(
        &lab.controller.runtime,
        &with(Arc::new(Broken::Panics)),
        taken,
    )
    .await;
    let next = tokio::time::timeout(Duration::from_secs(2), queue.next()).await;
    assert_eq!(next, Ok(key("a").into()));
}

#[tokio::test(start_paused = true)]
async fn a_stop_waits_for_passes_under_way_and_starts_no_other() {
    let lab = Lab::new();
    lab.server.put(&fake("a", 1));
    lab.sync();
    let (stop, mut stopped) = watch::channel(false);
    lab.world.meanwhile("create", move || {
        stop.send_replace(true);
    });
    let reconcilers = with(Arc::clone(&lab.controller) as Arc<dyn Reconciler>);
    work(&lab.controller.runtime, &reconcilers, &mut stopped).await;
    assert_eq!(lab.conditions("a").len(), 3);
}

#[tokio::test(start_paused = true)]
async fn a_stop_waits_no_longer_than_the_grace_period_and_ends_what_is_left() {
    let (lab, alive) = (Lab::new(), Arc::new(()));
    let runtime = &lab.controller.runtime;
    runtime.queue.add(key("a"), crate::queue::Priority::Fresh);
    let (stop, mut stopped) = watch::channel(false);
    let asked = async {
        tokio::time::sleep(Duration::from_secs(1)).await;
        stop.send_replace(true);
    };
    let started = tokio::time::Instant::now();
    let reconcilers = with(Arc::new(Broken::Hangs(Arc::clone(&alive))));
    tokio::join!(work(runtime, &reconcilers, &mut stopped), asked);
    assert_eq!(
        started.elapsed().as_secs(),
        1 + runtime.options.grace.as_secs()
    );
    drop(reconcilers);
    tokio::task::yield_now().await;
    assert_eq!(Arc::strong_count(&alive), 1);
}

fn crds(lab: &Lab) {
    let mut crds = crate::crd::configs::<FakeSettings>().to_vec();
    crds.push(crate::crd::managed::<Fake>());
    for crd in crds {
        lab.server.put(&crd);
    }
}

type Process = (
    Arc<Health>,
    tokio::task::JoinHandle<()>,
    watch::Sender<bool>,
);

/// A whole process over the servers of the lab.
fn process(lab: &Lab) -> Process {
    process_with(lab, Options::default())
}

fn process_with(lab: &Lab, options: Options) -> Process {
    let (metrics, health) = (Arc::new(Metrics::default()), Arc::new(Health::default()));
    let (stop, stopped) = watch::channel(false);
    let client = lab.server.client();
    let mut provider = Provider::new(client, options, metrics, Arc::clone(&health));
    let group = provider.group(FakeConnector(lab.world.clone()));
    provider.kind::<Fake, _>(&group);
    (health, tokio::spawn(provider.run(stopped)), stop)
}

/// Waits for the process to make something true.
async fn soon(what: impl Fn() -> bool) -> bool {
    for _ in 0..120 {
        if what() {
            return true;
        }
        tokio::time::sleep(Duration::from_secs(1)).await;
    }
    false
}

fn is_ready(lab: &Lab, name: &str) -> bool {
    let object = lab.get(name);
    object.is_some_and(|object| condition::holds(object.conditions(), READY))
}

#[tokio::test(start_paused = true)]
async fn a_kind_runs_while_its_crd_is_there_and_again_when_it_is_back() {
    let lab = Lab::new();
    let (_health, running, stop) = process(&lab);
    lab.server.put(&fake("a", 1));
    assert!(!soon(|| is_ready(&lab, "a")).await);
    crds(&lab);
    assert!(soon(|| is_ready(&lab, "a")).await);
    let name = Fake::crd_name();
    lab.server.delete::<CustomResourceDefinition>("", &name);
    tokio::time::sleep(Duration::from_secs(1)).await;
    lab.server.put(&fake("b", 1));
    assert!(!soon(|| is_ready(&lab, "b")).await);
    lab.server.put(&crate::crd::managed::<Fake>());
    assert!(soon(|| is_ready(&lab, "b")).await);
    stop.send_replace(true);
    running.await.unwrap();
}

#[tokio::test(start_paused = true)]
async fn usages_that_went_with_their_crd_unheard_hold_no_config() {
    type Config = ClusterProviderConfig<FakeSettings>;
    let lab = Lab::new();
    crds(&lab);
    lab.server
        .fail_next("watch providerconfigusages", Fault::Hang);
    lab.server.put(&fake("a", 1));
    let (_health, running, stop) = process(&lab);
    assert!(soon(|| is_ready(&lab, "a")).await);
    lab.server.delete::<Config>("", "default");
    let is_held = || lab.server.get::<Config>("", "default").is_some();
    assert!(!soon(|| !is_held()).await);
    let usages = "providerconfigusages.example.org";
    lab.server.delete::<CustomResourceDefinition>("", usages);
    assert!(soon(|| !is_held()).await);
    stop.send_replace(true);
    running.await.unwrap();
}

#[tokio::test(start_paused = true)]
async fn resources_that_change_hands_all_the_time_are_created_once_each() {
    let lab = Lab::new();
    crds(&lab);
    lab.world.slow_down("create", Duration::from_secs(7));
    let shards = (0..3).map(|own| process_with(&lab, shard(own, 3)));
    let shards: Vec<_> = shards.collect();
    let names: Vec<_> = (0..30).map(|number| format!("r{number}")).collect();
    for name in &names {
        lab.server.put(&fake(name, 1));
    }
    for round in 0..40_usize {
        for (number, name) in names.iter().enumerate() {
            if (number + round) % 5 == 0 {
                lab.hand_to(u32::try_from((number + round) % 3).unwrap(), name);
            }
        }
        tokio::time::sleep(Duration::from_millis(1_300)).await;
    }
    assert!(soon(|| names.iter().all(|name| is_ready(&lab, name))).await);
    let steps = lab.trail.steps();
    for name in &names {
        let create = format!("external create {name}");
        let creates = steps.iter().filter(|step| **step == create).count();
        assert_eq!(creates, 1, "{name}");
    }
    for (_health, running, stop) in shards {
        stop.send_replace(true);
        running.await.unwrap();
    }
}

fn shard(own: u32, count: u32) -> Options {
    Options {
        shards: crate::shards::Shards::new(own, count).unwrap(),
        ..Options::default()
    }
}

#[tokio::test(start_paused = true)]
async fn a_stop_waits_for_no_list_that_does_not_come() {
    let lab = Lab::new();
    crds(&lab);
    lab.server.fail_next("watch fakes", Fault::Hang);
    let (_health, running, stop) = process(&lab);
    tokio::time::sleep(Duration::from_secs(1)).await;
    stop.send_replace(true);
    let ended = tokio::time::timeout(Duration::from_secs(1), running).await;
    assert!(ended.is_ok_and(|ended| ended.is_ok()));
}

#[tokio::test(start_paused = true)]
async fn a_kind_that_cannot_be_listed_holds_no_other_up_and_is_reported() {
    let lab = Lab::new();
    crds(&lab);
    for _ in 0..60 {
        let refusal = Fault::Refuse(500, "InternalError");
        lab.server.fail_next("watch providerconfigs", refusal);
    }
    lab.server.put(&fake("a", 1));
    let (health, running, stop) = process(&lab);
    assert!(soon(|| is_ready(&lab, "a")).await);
    assert_eq!(
        health.problem().as_deref(),
        Some("cannot list providerconfigs.example.org; see the log")
    );
    let mut is_mended = false;
    for _ in 0..30 {
        is_mended = is_mended || soon(|| health.problem().is_none()).await;
    }
    assert!(is_mended);
    stop.send_replace(true);
    running.await.unwrap();
}

// Not with a paused clock, which runs ahead of a real socket.
#[tokio::test]
async fn a_provider_tells_the_sidecar_it_was_given() {
    let (lab, socket) = (Lab::new(), Socket::new());
    crds(&lab);
    lab.server.put(&fake("a", 1));
    let mut sidecar = Sidecar::on(&socket);
    let change_logs = ChangeLogs {
        socket: socket.0.clone(),
        provider: "provider-fake:v1".into(),
    };
    let options = Options {
        change_logs: Some(change_logs),
        ..Options::default()
    };
    let (_health, running, stop) = process_with(&lab, options);
    let entry = sidecar.next().await;
    assert_eq!((entry.name.as_str(), entry.operation), ("a", 1));
    stop.send_replace(true);
    running.await.unwrap();
}
