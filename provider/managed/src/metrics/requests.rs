//! Requests to the API server, under the name that client-go has for them.

use std::{
    future::Future,
    task::{Context, Poll},
};

use futures::{FutureExt, future::BoxFuture};
use http::{Request, Response};
use prometheus_client::{
    encoding::EncodeLabelSet,
    metrics::{counter::Counter, family::Family},
    registry::Registry,
};
use tower::{Layer, Service};

/// What client-go writes when there was no answer.
const NO_ANSWER: &str = "<error>";

#[derive(Clone, Debug, EncodeLabelSet, Eq, Hash, PartialEq)]
struct ByAnswer {
    code: String,
    method: String,
    host: String,
}

/// A layer that counts the requests of a [`kube::Client`]. A watch counts once, when it begins.
#[derive(Clone, Debug, Default)]
pub struct Requests(Family<ByAnswer, Counter>);

impl Requests {
    pub(super) fn register(&self, registry: &mut Registry) {
        let help = "Requests to the API server by status code, method and host";
        registry.register("rest_client_requests", help, self.0.clone());
    }
}

impl<S> Layer<S> for Requests {
    type Service = Counted<S>;

    fn layer(&self, inner: S) -> Counted<S> {
        Counted {
            inner,
            requests: self.clone(),
        }
    }
}

/// A client whose requests are counted.
#[derive(Clone, Debug)]
pub struct Counted<S> {
    inner: S,
    requests: Requests,
}

impl<S, B, A> Service<Request<B>> for Counted<S>
where
    S: Service<Request<B>, Response = Response<A>>,
    S::Future: Future<Output = Result<Response<A>, S::Error>> + Send + 'static,
{
    type Response = Response<A>;
    type Error = S::Error;
    type Future = BoxFuture<'static, Result<Response<A>, S::Error>>;

    fn poll_ready(&mut self, context: &mut Context<'_>) -> Poll<Result<(), S::Error>> {
        self.inner.poll_ready(context)
    }

    fn call(&mut self, request: Request<B>) -> Self::Future {
        let method = request.method().to_string();
        let host = request.uri().authority();
        let host = host.map(ToString::to_string).unwrap_or_default();
        let requests = self.requests.0.clone();
        let count = move |answer: &Result<Response<A>, S::Error>| {
            let code = answer.as_ref().map(|answer| answer.status().as_u16());
            let code = code.map_or_else(|_| NO_ANSWER.to_owned(), |code| code.to_string());
            let label = ByAnswer { code, method, host };
            requests.get_or_create(&label).inc();
        };
        let answer = self.inner.call(request);
        answer.inspect(count).boxed()
    }
}

#[cfg(test)]
mod tests {
    use std::convert::Infallible;

    use kube::{Api, Client, client::Body};
    use tower::service_fn;

    use super::*;
    use crate::metrics::Metrics;

    fn client(metrics: &Metrics) -> Client {
        let answer = service_fn(|request: Request<Body>| async move {
            let status = if request.uri().path().ends_with("/there") {
                200
            } else {
                404
            };
            let body = r#"{"kind": "Secret", "apiVersion": "v1", "metadata": {"name": "there"}}"#;
            let answer = Response::builder().status(status);
            Ok::<_, Infallible>(answer.body(Body::from(body.as_bytes().to_vec())).unwrap())
        });
        Client::new(metrics.requests().layer(answer), "default")
    }

    #[tokio::test]
    async fn requests_are_counted_by_answer_as_client_go_does() {
        let metrics = Metrics::default();
        let secrets: Api<k8s_openapi::api::core::v1::Secret> =
            Api::default_namespaced(client(&metrics));
        secrets.get("there").await.unwrap();
        secrets.get("there").await.unwrap();
        secrets.get_opt("gone").await.unwrap_err();
        let text = metrics.text();
        for line in [
            r#"rest_client_requests_total{code="200",method="GET",host=""} 2"#,
            r#"rest_client_requests_total{code="404",method="GET",host=""} 1"#,
        ] {
            assert!(text.contains(line), "{text}");
        }
    }
}
