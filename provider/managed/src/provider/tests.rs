//! Passes under the care of the process.

use std::time::Duration;

use super::*;
use crate::testing::lab::{Lab, fake, key};

/// Panics, or never ends.
enum Broken {
    Panics,
    Hangs(Arc<()>),
}

impl Reconciler for Broken {
    fn reconcile<'a>(&'a self, _: &'a Key) -> BoxFuture<'a, Wake> {
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
    assert_eq!(next, Ok(key("a")));
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
