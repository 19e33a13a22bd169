//! Watches that go on: through interruptions, and past an object that cannot be read.
//!
//! What is there when a watch begins comes as a stream (Kubernetes "streaming lists", KEP-3157), so that
//! neither side holds a list of ten thousand objects in memory. An API server that refuses to stream
//! (before 1.34 unless its feature gate `WatchList` is on) is asked for pages instead.
//!
//! Of a list with one broken object the others still come; the broken one is named in the log and left
//! alone until somebody corrects it.

use std::future::ready;

use futures::{StreamExt, stream::BoxStream};
use kube::{
    Api, Client, Error,
    core::DeserializeGuard,
    runtime::{
        WatchStreamExt,
        watcher::{self, Event, watcher},
    },
};
use serde::de::DeserializeOwned;
use tracing::{info, warn};

/// What is there and what happens to it. After an error the stream goes on, a little later. Needs list
/// and watch.
pub(crate) fn events<T>(api: Api<T>) -> BoxStream<'static, watcher::Result<Event<T>>>
where
    T: kube::Resource + Clone + std::fmt::Debug + DeserializeOwned + Send + 'static,
{
    let streamed = watcher(api.clone(), watcher::Config::default().streaming_lists());
    let paged = watcher(api, watcher::Config::default());
    streamed
        .take_while(|event| ready(!is_streaming_refused(event)))
        .chain(paged)
        .default_backoff()
        .boxed()
}

/// The API server answers 422 `Invalid` to a parameter that its feature gate does not allow.
fn is_streaming_refused<T>(event: &watcher::Result<Event<T>>) -> bool {
    let refused = matches!(
        event,
        Err(watcher::Error::WatchStartFailed(Error::Api(status))) if status.code == 422
    );
    if refused {
        info!("the API server does not stream lists; it is asked for pages");
    }
    refused
}

/// Everything that happens to the objects of a kind in all namespaces. Needs list and watch on it.
pub(crate) fn all<T>(client: Client) -> BoxStream<'static, Event<T>>
where
    T: kube::Resource<DynamicType = ()>
        + Clone
        + std::fmt::Debug
        + DeserializeOwned
        + Send
        + 'static,
{
    events(Api::<DeserializeGuard<T>>::all(client))
        .filter_map(|event| ready(event.map_or_else(|error| interrupted::<T>(&error), readable)))
        .boxed()
}

fn interrupted<T: kube::Resource<DynamicType = ()>>(error: &watcher::Error) -> Option<Event<T>> {
    warn!(%error, kind = %T::kind(&()), "watch interrupted, trying again");
    None
}

fn readable<T: kube::Resource<DynamicType = ()>>(
    event: Event<DeserializeGuard<T>>,
) -> Option<Event<T>> {
    Some(match event {
        Event::Init => Event::Init,
        Event::InitDone => Event::InitDone,
        Event::InitApply(object) => Event::InitApply(decoded(object)?),
        Event::Apply(object) => Event::Apply(decoded(object)?),
        Event::Delete(object) => Event::Delete(decoded(object)?),
    })
}

fn decoded<T: kube::Resource<DynamicType = ()>>(object: DeserializeGuard<T>) -> Option<T> {
    match object.0 {
        Ok(object) => Some(object),
        Err(error) => {
            let name = error.metadata.name.as_deref();
            warn!(%error, kind = %T::kind(&()), name, "an object cannot be read and is left alone; correct it");
            None
        }
    }
}

#[cfg(test)]
mod tests {
    use std::{sync::Arc, time::Duration};

    use kube::ResourceExt;
    use serde_json::json;

    use super::*;
    use crate::testing::{
        Fault,
        lab::{FakeResource, Lab, NAMESPACE, fake},
    };

    /// What the watch has brought by now, such as `Apply a`.
    async fn news(events: &mut BoxStream<'static, Event<FakeResource>>) -> Vec<String> {
        let mut news = Vec::new();
        // Longer than the back-off after an interruption.
        let quiet = Duration::from_mins(2);
        while let Ok(Some(event)) = tokio::time::timeout(quiet, events.next()).await {
            news.push(match event {
                Event::Init => "Init".into(),
                Event::InitDone => "InitDone".into(),
                Event::InitApply(object) => format!("InitApply {}", object.name_any()),
                Event::Apply(object) => format!("Apply {}", object.name_any()),
                Event::Delete(object) => format!("Delete {}", object.name_any()),
            });
        }
        news
    }

    fn watched(lab: &Lab) -> BoxStream<'static, Event<FakeResource>> {
        all(lab.server.client())
    }

    #[tokio::test(start_paused = true)]
    async fn one_object_that_cannot_be_read_does_not_hide_the_others() {
        let lab = Lab::new();
        for name in ["a", "b", "c"] {
            lab.server.put(&fake(name, 1));
        }
        let spoil = |name: &str, size| {
            lab.edit(name, move |object| {
                object["spec"]["forProvider"]["size"] = size;
            });
        };
        spoil("b", json!("large"));
        let mut events = watched(&lab);
        assert_eq!(
            news(&mut events).await,
            ["Init", "InitApply a", "InitApply c", "InitDone"]
        );
        spoil("c", json!("small"));
        spoil("a", json!(2));
        spoil("b", json!(3));
        assert_eq!(news(&mut events).await, ["Apply a", "Apply b"]);
    }

    #[tokio::test(start_paused = true)]
    async fn a_watch_that_is_closed_goes_on_where_it_was() {
        let lab = Lab::new();
        let mut events = watched(&lab);
        lab.server.put(&fake("a", 1));
        assert_eq!(news(&mut events).await, ["Init", "InitApply a", "InitDone"]);
        lab.server.close_watches();
        lab.server.put(&fake("b", 1));
        lab.delete("a");
        assert_eq!(news(&mut events).await, ["Apply b", "Delete a"]);
    }

    #[tokio::test(start_paused = true)]
    async fn a_list_that_is_refused_is_tried_again_until_it_is_granted() {
        let lab = Lab::new();
        lab.server.put(&fake("a", 1));
        for fault in [
            (403, "Forbidden"),
            (500, "InternalError"),
            (429, "TooManyRequests"),
        ] {
            lab.server
                .fail_next("watch fakes", Fault::Refuse(fault.0, fault.1));
        }
        assert_eq!(news(&mut watched(&lab)).await.last().unwrap(), "InitDone");
    }

    #[tokio::test(start_paused = true)]
    async fn a_server_that_does_not_stream_lists_is_asked_for_pages() {
        let lab = Lab::new();
        lab.server.put(&fake("a", 1));
        let refusal = Fault::Refuse(422, "Invalid");
        lab.server.fail_next("watch fakes", refusal);
        let mut events = watched(&lab);
        assert_eq!(news(&mut events).await, ["Init", "InitApply a", "InitDone"]);
        lab.server.put(&fake("b", 1));
        assert_eq!(news(&mut events).await, ["Apply b"]);
        let asked = lab.server.take_requests();
        let asked: Vec<_> = asked.iter().map(|request| request.what.as_str()).collect();
        assert_eq!(asked, ["watch fakes", "list fakes", "watch fakes"]);
    }

    #[tokio::test(start_paused = true)]
    async fn a_server_that_streams_lists_is_never_asked_for_one() {
        let lab = Lab::new();
        lab.server.put(&fake("a", 1));
        assert_eq!(
            news(&mut watched(&lab)).await,
            ["Init", "InitApply a", "InitDone"]
        );
        let asked = lab.server.take_requests();
        assert!(asked.iter().all(|request| request.what == "watch fakes"));
    }

    #[tokio::test(start_paused = true)]
    async fn what_was_deleted_while_nobody_watched_is_forgotten() {
        let lab = Lab::settled(&fake("a", 1)).await;
        lab.edit("a", |object| {
            object["metadata"]["finalizers"] = json!([]);
        });
        lab.delete("a");
        let controller = Arc::clone(&lab.controller);
        let listed = Arc::new(tokio::sync::Notify::new());
        let done = Arc::clone(&listed);
        let watch = tokio::spawn(controller.watch(move || done.notify_one()));
        listed.notified().await;
        assert!(lab.controller.cache.get(NAMESPACE, "a").is_none());
        watch.abort();
    }
}
