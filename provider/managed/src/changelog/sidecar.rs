//! A sidecar for tests, on a real socket.

use std::{
    convert::Infallible,
    path::PathBuf,
    sync::{
        Arc, Mutex,
        atomic::{AtomicU32, Ordering},
    },
};

use futures::future::BoxFuture;
use hyper::{Request as HttpRequest, body::Incoming, server::conn::http2, service::service_fn};
use hyper_util::rt::{TokioExecutor, TokioIo};
use tokio::{
    net::{UnixListener, UnixStream},
    sync::mpsc,
    task::JoinSet,
};
use tonic::{Request, Response, Status, server::UnaryService};
use tonic_prost::ProstCodec;

use super::{
    entry::{Entry, SendChangeLogRequest, SendChangeLogResponse},
    forwarder::METHOD,
};

/// A path for a socket of one test, gone with it.
pub(crate) struct Socket(pub(crate) PathBuf);

impl Socket {
    pub(crate) fn new() -> Self {
        static NEXT: AtomicU32 = AtomicU32::new(0);
        let number = NEXT.fetch_add(1, Ordering::Relaxed);
        let name = format!("changelogs-{}-{number}.sock", std::process::id());
        Self(std::env::temp_dir().join(name))
    }
}

impl Drop for Socket {
    fn drop(&mut self) {
        let _ = std::fs::remove_file(&self.0);
    }
}

/// How a sidecar answers.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) enum Answer {
    /// It logs everything.
    #[default]
    Logs,
    /// It cannot log what is about a resource of this name.
    Refuses(&'static str),
    /// It takes what it gets and says nothing.
    Never,
}

#[derive(Clone)]
struct Service {
    received: mpsc::UnboundedSender<Entry>,
    answer: Arc<Mutex<Answer>>,
}

impl UnaryService<SendChangeLogRequest> for Service {
    type Response = SendChangeLogResponse;
    type Future = BoxFuture<'static, Result<Response<SendChangeLogResponse>, Status>>;

    fn call(&mut self, request: Request<SendChangeLogRequest>) -> Self::Future {
        let entry = request.into_inner().entry.unwrap();
        let answer = *self.answer.lock().unwrap();
        let is_refused = matches!(answer, Answer::Refuses(name) if name == entry.name);
        self.received.send(entry).unwrap();
        Box::pin(async move {
            match answer {
                Answer::Never => std::future::pending().await,
                _ if is_refused => Err(Status::unknown("cannot write")),
                _ => Ok(Response::new(SendChangeLogResponse {})),
            }
        })
    }
}

/// A sidecar. Its connections end with it.
pub(crate) struct Sidecar {
    entries: mpsc::UnboundedReceiver<Entry>,
    answer: Arc<Mutex<Answer>>,
    _serving: JoinSet<()>,
}

impl Sidecar {
    pub(crate) fn on(socket: &Socket) -> Self {
        let _ = std::fs::remove_file(&socket.0);
        let listener = UnixListener::bind(&socket.0).unwrap();
        let (received, entries) = mpsc::unbounded_channel();
        let answer = Arc::default();
        let service = Service {
            received,
            answer: Arc::clone(&answer),
        };
        let mut serving = JoinSet::new();
        serving.spawn(async move {
            let mut connections = JoinSet::new();
            loop {
                let (stream, _) = listener.accept().await.unwrap();
                connections.spawn(serve(stream, service.clone()));
            }
        });
        Self {
            entries,
            answer,
            _serving: serving,
        }
    }

    pub(crate) fn answering(self, answer: Answer) -> Self {
        *self.answer.lock().unwrap() = answer;
        self
    }

    /// What it is sent next.
    pub(crate) async fn next(&mut self) -> Entry {
        self.entries.recv().await.unwrap()
    }
}

async fn serve(stream: UnixStream, service: Service) {
    let answer = service_fn(|request: HttpRequest<Incoming>| {
        assert_eq!(request.uri().path(), METHOD);
        let service = service.clone();
        async move {
            let mut grpc = tonic::server::Grpc::new(ProstCodec::default());
            Ok::<_, Infallible>(grpc.unary(service, request).await)
        }
    });
    let served = http2::Builder::new(TokioExecutor::new())
        .serve_connection(TokioIo::new(stream), answer)
        .await;
    drop(served);
}
