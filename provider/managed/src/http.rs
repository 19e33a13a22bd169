//! `/metrics`, `/healthz` and `/readyz`.
//!
//! They are answered by a thread of their own: a process that has a lot to do is not dead, and being
//! started again would not help it. A process in which nothing runs any more is.

use std::{
    collections::BTreeSet,
    convert::Infallible,
    io,
    net::{self, SocketAddr},
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicU64, Ordering},
    },
    thread,
    time::{Duration, Instant},
};

use http_body_util::Full;
use hyper::{Response, StatusCode, body::Bytes, server::conn::http1, service::service_fn};
use hyper_util::rt::TokioIo;
use tokio::{
    net::TcpListener,
    runtime::{self, Runtime},
    sync::{oneshot, watch},
    task::JoinSet,
    time::sleep,
};
use tracing::debug;

use crate::metrics::Metrics;

/// How often the process shows that it runs.
const BEAT: Duration = Duration::from_secs(5);
/// A process that has not shown it for so long is not alive.
const STANDSTILL: Duration = Duration::from_mins(1);

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
/// `/healthz` is 503 when this future was not run for a minute: its runtime stands still.
///
/// # Errors
/// When an address cannot be bound, or no thread be started.
pub async fn serve(
    addresses: &[SocketAddr],
    metrics: Arc<Metrics>,
    health: Arc<Health>,
) -> io::Result<()> {
    let runtime = runtime::Builder::new_current_thread()
        .enable_all()
        .build()?;
    let listeners = bind(addresses, &runtime)?;
    let (_serving, stopped) = oneshot::channel();
    let site = Arc::new(Site {
        metrics,
        health,
        pulse: Pulse::new(),
    });
    let served = Arc::clone(&site);
    thread::Builder::new()
        .name("probes".into())
        .spawn(move || runtime.block_on(accept_all(listeners, served, stopped)))?;
    loop {
        site.pulse.beat();
        sleep(BEAT).await;
    }
}

fn bind(addresses: &[SocketAddr], runtime: &Runtime) -> io::Result<Vec<TcpListener>> {
    let _served_by = runtime.enter();
    let listeners = addresses.iter().map(|address| {
        let listener = net::TcpListener::bind(address)?;
        listener.set_nonblocking(true)?;
        TcpListener::from_std(listener)
    });
    listeners.collect()
}

/// Until the other end is dropped.
async fn accept_all(
    listeners: Vec<TcpListener>,
    site: Arc<Site>,
    stopped: oneshot::Receiver<Infallible>,
) {
    let mut accepting = JoinSet::new();
    for listener in listeners {
        accepting.spawn(accept(listener, Arc::clone(&site)));
    }
    let _dropped = stopped.await;
}

async fn accept(listener: TcpListener, site: Arc<Site>) {
    let mut connections = JoinSet::new();
    loop {
        while connections.try_join_next().is_some() {}
        let Ok((stream, _)) = listener.accept().await else {
            continue;
        };
        let site = Arc::clone(&site);
        connections.spawn(async move {
            let service = service_fn(|request: hyper::Request<_>| {
                let response = site.answer(request.uri().path());
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

/// What is told.
struct Site {
    metrics: Arc<Metrics>,
    health: Arc<Health>,
    pulse: Pulse,
}

impl Site {
    fn answer(&self, path: &str) -> Response<Full<Bytes>> {
        let (status, body) = match path {
            "/metrics" => (StatusCode::OK, self.metrics.text()),
            "/healthz" => told(self.pulse.problem(Instant::now())),
            "/readyz" => told(self.health.problem()),
            _ => (
                StatusCode::NOT_FOUND,
                "not here; try /metrics, /healthz or /readyz".to_owned(),
            ),
        };
        let mut response = Response::new(Full::new(Bytes::from(body)));
        *response.status_mut() = status;
        response
    }
}

fn told(problem: Option<String>) -> (StatusCode, String) {
    match problem {
        None => (StatusCode::OK, "ok".to_owned()),
        Some(problem) => (StatusCode::SERVICE_UNAVAILABLE, problem),
    }
}

/// When the process last showed that it runs.
struct Pulse {
    began: Instant,
    /// Milliseconds after the beginning.
    last: AtomicU64,
}

impl Pulse {
    fn new() -> Self {
        Self {
            began: Instant::now(),
            last: AtomicU64::new(0),
        }
    }

    fn beat(&self) {
        let since = u64::try_from(self.began.elapsed().as_millis()).unwrap_or(u64::MAX);
        self.last.store(since, Ordering::Release);
    }

    fn problem(&self, now: Instant) -> Option<String> {
        let last = Duration::from_millis(self.last.load(Ordering::Acquire));
        let silent = now.saturating_duration_since(self.began + last);
        (silent > STANDSTILL).then(|| format!("nothing has run for {} s", silent.as_secs()))
    }
}

#[cfg(test)]
mod tests {
    use std::io::{Read, Write};

    use super::*;

    fn free_address() -> SocketAddr {
        let listener = net::TcpListener::bind("127.0.0.1:0").unwrap();
        listener.local_addr().unwrap()
    }

    fn get(address: SocketAddr, path: &str) -> String {
        let mut stream = net::TcpStream::connect(address).unwrap();
        stream.set_read_timeout(Some(BEAT)).unwrap();
        write!(
            stream,
            "GET {path} HTTP/1.1\r\nHost: here\r\nConnection: close\r\n\r\n"
        )
        .unwrap();
        let mut answer = String::new();
        stream.read_to_string(&mut answer).unwrap();
        answer
    }

    #[tokio::test]
    async fn a_process_that_is_busy_answers_its_probes() {
        let address = free_address();
        let addresses = [address];
        let busy = async {
            tokio::task::yield_now().await;
            // Nothing else runs in this runtime until the answers are there.
            (get(address, "/healthz"), get(address, "/readyz"))
        };
        let (alive, ready) = tokio::select! {
            served = serve(&addresses, Arc::default(), Arc::default()) => panic!("{served:?}"),
            answers = busy => answers,
        };
        assert!(alive.starts_with("HTTP/1.1 200"), "{alive}");
        assert!(ready.starts_with("HTTP/1.1 503"), "{ready}");
    }

    #[test]
    fn a_process_in_which_nothing_has_run_for_a_minute_is_not_alive() {
        let pulse = Pulse::new();
        pulse.beat();
        assert_eq!(pulse.problem(Instant::now() + BEAT), None);
        let problem = pulse.problem(Instant::now() + STANDSTILL + BEAT);
        assert_eq!(problem.as_deref(), Some("nothing has run for 65 s"));
    }
}
