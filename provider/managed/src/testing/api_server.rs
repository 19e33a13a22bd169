//! An API server in memory that answers a real client and remembers every request.

use std::{
    collections::BTreeMap,
    convert::Infallible,
    sync::{Arc, Mutex},
};

use futures::{StreamExt, stream};
use http_body_util::{BodyExt, Full, StreamBody, combinators::UnsyncBoxBody};
use hyper::body::{Bytes, Frame};
use kube::{Client, Resource, client::Body};
use serde::{Serialize, de::DeserializeOwned};
use serde_json::{Value, json};

use super::{
    Clock, Trail,
    objects::{Key, Objects, Refused},
    target::{Target, parameter},
};

type Response = http::Response<UnsyncBoxBody<Bytes, Infallible>>;

/// A request as the server saw it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Request {
    /// Such as `patch fakes/a/status` or `list secrets`.
    pub what: String,
    /// The body; null when there is none.
    pub body: Value,
}

impl Request {
    /// True when it changes something.
    pub fn is_write(&self) -> bool {
        !["get ", "list ", "watch "]
            .iter()
            .any(|verb| self.what.starts_with(verb))
    }
}

/// What goes wrong with a request.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Fault {
    /// The server refuses with this status and reason.
    Refuse(u16, &'static str),
    /// No answer ever comes, and nothing is changed.
    Hang,
    /// Another writer is faster: the object gets this annotation first.
    Overtake(&'static str),
    /// The server carries it out, and the answer is a time-out.
    LoseAnswer,
}

#[derive(Default)]
struct State {
    objects: Objects,
    kinds: BTreeMap<String, (String, String)>,
    requests: Vec<Request>,
    faults: Vec<(String, Fault)>,
}

/// An API server in memory. Clones are the same server.
#[derive(Clone)]
pub struct ApiServer {
    state: Arc<Mutex<State>>,
    clock: Clock,
    trail: Trail,
}

impl ApiServer {
    /// A server without objects.
    pub fn new(clock: Clock, trail: Trail) -> Self {
        Self {
            state: Arc::default(),
            clock,
            trail,
        }
    }

    /// A client of this server. Needs a Tokio runtime.
    pub fn client(&self) -> Client {
        let server = self.clone();
        let service = tower::service_fn(move |request| {
            let server = server.clone();
            async move { Ok::<_, Infallible>(server.answer(request).await) }
        });
        Client::new(service, "default")
    }

    /// Creates an object as a user would. Returns it as it is stored.
    pub fn put<T: Resource<DynamicType = ()> + Serialize + DeserializeOwned>(
        &self,
        object: &T,
    ) -> T {
        let key = (
            T::plural(&()).into_owned(),
            object.meta().namespace.clone().unwrap_or_default(),
            object.meta().name.clone().unwrap_or_default(),
        );
        let mut body = serde_json::to_value(object).expect("objects are JSON");
        body["apiVersion"] = json!(T::api_version(&()));
        body["kind"] = json!(T::kind(&()));
        self.with(|state| {
            let kind = (T::api_version(&()).into_owned(), T::kind(&()).into_owned());
            state.kinds.insert(key.0.clone(), kind);
        });
        let now = self.clock.now();
        let stored = self.with(|state| state.objects.create(key, body, now));
        serde_json::from_value(stored.expect("the name is free")).expect("was one before")
    }

    /// An object, if it is there.
    pub fn get<T: Resource<DynamicType = ()> + DeserializeOwned>(
        &self,
        namespace: &str,
        name: &str,
    ) -> Option<T> {
        let key = key::<T>(namespace, name);
        self.with(|state| state.objects.get(&key).cloned())
            .map(|object| serde_json::from_value(object).expect("was written as one"))
    }

    /// All objects of a kind.
    pub fn list<T: Resource<DynamicType = ()> + DeserializeOwned>(&self) -> Vec<T> {
        self.with(|state| state.objects.list(&T::plural(&()), ""))
            .into_iter()
            .map(|object| serde_json::from_value(object).expect("was written as one"))
            .collect()
    }

    /// Changes an object as a user would, or as another controller would.
    pub fn edit<T: Resource<DynamicType = ()>>(
        &self,
        namespace: &str,
        name: &str,
        edit: impl FnOnce(&mut Value),
    ) {
        let key = key::<T>(namespace, name);
        self.with(|state| state.objects.edit(&key, edit));
    }

    /// Deletes an object as a user would.
    pub fn delete<T: Resource<DynamicType = ()>>(&self, namespace: &str, name: &str) {
        let (key, now) = (key::<T>(namespace, name), self.clock.now());
        self.with(|state| state.objects.delete(&key, now))
            .expect("the object to delete exists");
    }

    /// Ends every watch that is open, as a load balancer does now and then.
    pub fn close_watches(&self) {
        self.with(|state| state.objects.history().close_watches());
    }

    /// Has the next request like this go wrong. `what` is the beginning of [`Request::what`].
    pub fn fail_next(&self, what: impl Into<String>, fault: Fault) {
        self.with(|state| state.faults.push((what.into(), fault)));
    }

    /// How many of the faults that were asked for have not happened yet.
    pub fn outstanding_faults(&self) -> usize {
        self.with(|state| state.faults.len())
    }

    /// The requests so far; none are left afterwards.
    pub fn take_requests(&self) -> Vec<Request> {
        self.with(|state| std::mem::take(&mut state.requests))
    }

    /// The requests so far that changed something, events left out; none are left afterwards.
    pub fn take_writes(&self) -> Vec<Request> {
        let mut requests = self.take_requests();
        requests.retain(|request| request.is_write() && !request.what.contains(" events"));
        requests
    }

    fn with<T>(&self, change: impl FnOnce(&mut State) -> T) -> T {
        change(&mut self.state.lock().expect("no panic while held"))
    }

    // === answers ===

    async fn answer(&self, request: http::Request<Body>) -> Response {
        let (parts, body) = request.into_parts();
        let bytes = body.collect_bytes().await.expect("the body is in memory");
        let body = serde_json::from_slice(&bytes).unwrap_or_default();
        let query = parts.uri.query().unwrap_or_default();
        let Some(target) = Target::of(parts.uri.path(), query) else {
            return response(200, &self.resources(parts.uri.path()));
        };
        let request = Request {
            what: target.what(&parts.method),
            body,
        };
        let manager = parameter(query, "fieldManager")
            .unwrap_or_default()
            .to_owned();
        self.with(|state| state.requests.push(request.clone()));
        if request.is_write() && target.plural != "events" {
            let step = self.trail.begin(request.what.clone()).await;
            let response = self
                .carry_out(&parts.method, target, &request, &manager)
                .await;
            self.trail.end(step).await;
            return response;
        }
        self.carry_out(&parts.method, target, &request, &manager)
            .await
    }

    async fn carry_out(
        &self,
        method: &http::Method,
        target: Target,
        request: &Request,
        manager: &str,
    ) -> Response {
        let fault = self.fault(&request.what);
        match fault {
            Some(Fault::Hang) => std::future::pending().await,
            Some(Fault::Refuse(code, reason)) => return refusal(Refused(code, reason)),
            Some(Fault::Overtake(annotation)) => self.with(|state| {
                state.objects.edit(&target.key(), |object| {
                    object["metadata"]["annotations"][annotation] = json!("overtaken");
                });
            }),
            Some(Fault::LoseAnswer) | None => {}
        }
        if let Some(since) = target.watched_since {
            return self.changes(target, since);
        }
        let now = self.clock.now();
        let result =
            self.with(|state| target.carry_out(&mut state.objects, method, request, manager, now));
        match result {
            Ok(_) if fault == Some(Fault::LoseAnswer) => refusal(Refused(504, "Timeout")),
            Ok(object) => response(200, &object),
            Err(refused) => refusal(refused),
        }
    }

    /// Everything that happens from now on; before it what is there, if that is asked for.
    fn changes(&self, target: Target, since: u64) -> Response {
        let (news, there) = self.with(|state| {
            let there = target.streams_list.then(|| {
                let objects = &state.objects;
                objects.streamed(&target.plural, &target.namespace)
            });
            (state.objects.history().subscribe(), there)
        });
        let opened = *news.borrow();
        let (since, there) = there.unwrap_or((since, Bytes::new()));
        let server = self.clone();
        let later = stream::unfold((news, since), move |(mut news, since)| {
            let (server, target) = (server.clone(), target.clone());
            async move {
                loop {
                    if opened.is_closed_at(*news.borrow_and_update()) {
                        return None;
                    }
                    let (version, lines) = server.with(|state| {
                        let history = state.objects.history();
                        history.since(since, &target.plural, &target.namespace)
                    });
                    if !lines.is_empty() {
                        return Some((Ok(Frame::data(lines)), (news, version)));
                    }
                    news.changed().await.ok()?;
                }
            }
        });
        let there = stream::iter([Ok(Frame::data(there))]);
        http::Response::new(StreamBody::new(there.chain(later)).boxed_unsync())
    }

    fn fault(&self, what: &str) -> Option<Fault> {
        self.with(|state| {
            let at = state
                .faults
                .iter()
                .position(|(prefix, _)| what.starts_with(prefix))?;
            Some(state.faults.remove(at).1)
        })
    }

    /// Discovery.
    fn resources(&self, path: &str) -> Value {
        let api_version = path
            .trim_start_matches("/apis/")
            .trim_start_matches("/api/");
        let kinds = self.with(|state| state.kinds.clone());
        let resources: Vec<_> = kinds
            .iter()
            .filter(|(_, (version, _))| version == api_version)
            .map(|(plural, (_, kind))| {
                json!({ "name": plural, "singularName": "", "namespaced": true, "kind": kind, "verbs": ["get", "list"] })
            })
            .collect();
        json!({ "kind": "APIResourceList", "apiVersion": "v1", "groupVersion": api_version, "resources": resources })
    }
}

fn key<T: Resource<DynamicType = ()>>(namespace: &str, name: &str) -> Key {
    (T::plural(&()).into_owned(), namespace.into(), name.into())
}

fn refusal(Refused(code, reason): Refused) -> Response {
    let message = format!("the fake server says {reason}");
    let body = json!({ "kind": "Status", "apiVersion": "v1", "status": "Failure", "message": message, "reason": reason, "code": code });
    response(code, &body)
}

fn response(code: u16, body: &Value) -> Response {
    let body = Full::new(Bytes::from(body.to_string()));
    let mut response = http::Response::new(body.boxed_unsync());
    *response.status_mut() = http::StatusCode::from_u16(code).expect("a valid status");
    response
}
