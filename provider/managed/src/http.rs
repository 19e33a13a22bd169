//! `/metrics`, `/healthz` and `/readyz`.

use std::{
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
use tokio::{net::TcpListener, task::JoinSet};
use tracing::debug;

use crate::metrics::Metrics;

/// Whether the process can do its work.
#[derive(Debug, Default)]
pub struct Health {
    ready: AtomicBool,
}

impl Health {
    /// Says that every kind that is served is being watched, or that this is a standby.
    pub fn set_ready(&self) {
        self.ready.store(true, Ordering::Release);
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
        "/readyz" if health.ready.load(Ordering::Acquire) => (StatusCode::OK, "ok".to_owned()),
        "/readyz" => (
            StatusCode::SERVICE_UNAVAILABLE,
            "kinds are not watched yet".to_owned(),
        ),
        _ => (
            StatusCode::NOT_FOUND,
            "not here; try /metrics, /healthz or /readyz".to_owned(),
        ),
    };
    let mut response = Response::new(Full::new(Bytes::from(body)));
    *response.status_mut() = status;
    response
}
