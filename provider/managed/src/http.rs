//! `/metrics`, `/healthz` and `/readyz`.

use std::{
    collections::BTreeSet,
    convert::Infallible,
    net::SocketAddr,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
};

use http_body_util::Full;
use hyper::{
    Request, Response, StatusCode,
    body::{Bytes, Incoming},
    server::conn::http1,
    service::service_fn,
};
use hyper_util::rt::TokioIo;
use tokio::{net::TcpListener, sync::watch, task::JoinSet};
use tracing::debug;

use crate::metrics::Metrics;

/// Whether the process can do its work.
#[derive(Debug, Default)]
pub struct Health {
    ready: AtomicBool,
    unlisted: watch::Sender<BTreeSet<String>>,
}

impl Health {
    /// Says that every kind that is served is being watched, or that this is a standby.
    pub fn set_ready(&self) {
        self.ready.store(true, Ordering::Release);
    }

    /// Says that the objects of a CRD are not known yet.
    pub(crate) fn lacks(&self, crd: &str) {
        self.unlisted
            .send_if_modified(|unlisted| unlisted.insert(crd.to_owned()));
    }

    /// Says that the objects of a CRD are known.
    pub(crate) fn knows(&self, crd: &str) {
        self.unlisted
            .send_if_modified(|unlisted| unlisted.remove(crd));
    }

    /// What keeps the process from its work; `None` when nothing does.
    pub fn problem(&self) -> Option<String> {
        if !self.ready.load(Ordering::Acquire) {
            return Some("kinds are not watched yet".into());
        }
        let unlisted = self.unlisted.borrow();
        let names: Vec<_> = unlisted.iter().map(String::as_str).collect();
        (!names.is_empty()).then(|| format!("cannot list {}; see the log", names.join(", ")))
    }
}

/// Listens until the future is dropped. Every path is served on every address given.
///
/// # Errors
/// When an address cannot be bound.
pub async fn serve(
    addresses: &[SocketAddr],
    metrics: Arc<Metrics>,
    health: Arc<Health>,
) -> std::io::Result<()> {
    let mut listeners = JoinSet::new();
    for address in addresses {
        let listener = TcpListener::bind(address).await?;
        listeners.spawn(accept(listener, Arc::clone(&metrics), Arc::clone(&health)));
    }
    while listeners.join_next().await.is_some() {}
    Ok(())
}

async fn accept(listener: TcpListener, metrics: Arc<Metrics>, health: Arc<Health>) {
    let mut connections = JoinSet::new();
    loop {
        while connections.try_join_next().is_some() {}
        let Ok((stream, _)) = listener.accept().await else {
            continue;
        };
        let (metrics, health) = (Arc::clone(&metrics), Arc::clone(&health));
        connections.spawn(async move {
            let service = service_fn(|request| {
                let response = answer(&request, &metrics, &health);
                async move { Ok::<_, Infallible>(response) }
            });
            if let Err(error) = http1::Builder::new()
                .serve_connection(TokioIo::new(stream), service)
                .await
            {
                debug!(%error, "connection to metrics or probes ended");
            }
        });
    }
}

fn answer(
    request: &Request<Incoming>,
    metrics: &Metrics,
    health: &Health,
) -> Response<Full<Bytes>> {
    let (status, body) = match request.uri().path() {
        "/metrics" => (StatusCode::OK, metrics.text()),
        "/healthz" => (StatusCode::OK, "ok".to_owned()),
        "/readyz" => match health.problem() {
            None => (StatusCode::OK, "ok".to_owned()),
            Some(problem) => (StatusCode::SERVICE_UNAVAILABLE, problem),
        },
        _ => (
            StatusCode::NOT_FOUND,
            "not here; try /metrics, /healthz or /readyz".to_owned(),
        ),
    };
    let mut response = Response::new(Full::new(Bytes::from(body)));
    *response.status_mut() = status;
    response
}
