//! Sends entries in the order of the changes, one at a time.

use std::{path::Path, time::Duration};

use http::uri::PathAndQuery;
use tokio::sync::{mpsc, watch};
use tonic::{
    Code, Request, Status,
    client::Grpc,
    transport::{Channel, Endpoint},
};
use tonic_prost::ProstCodec;
use tracing::{info, warn};

use super::{
    Losses,
    entry::{Entry, SendChangeLogRequest, SendChangeLogResponse},
};
use crate::draining;

pub(super) const METHOD: &str = "/changelogs.proto.v1alpha1.ChangeLogService/SendChangeLog";

/// How long the sidecar may take for one entry, as in Crossplane.
const FOR_ONE_ENTRY: Duration = Duration::from_secs(10);
/// How long until an entry is tried again, at first and at most.
const FIRST_PAUSE: Duration = Duration::from_millis(100);
const LONGEST_PAUSE: Duration = Duration::from_secs(30);

/// Sends what a change log was handed.
#[derive(Debug)]
pub(crate) struct Forwarder {
    service: Grpc<Channel>,
    entries: mpsc::Receiver<Entry>,
    losses: Losses,
    is_away: bool,
}

impl Forwarder {
    pub(super) fn new(socket: &Path, entries: mpsc::Receiver<Entry>, losses: Losses) -> Self {
        // A path is taken as it is; only what names no Unix socket can be refused.
        let endpoint = Endpoint::from_shared(format!("unix://{}", socket.display()))
            .expect("a Unix socket is an endpoint");
        Self {
            service: Grpc::new(endpoint.connect_lazy()),
            entries,
            losses,
            is_away: false,
        }
    }

    /// Runs until `over` is true and everything handed over by then was sent, or could not be sent at
    /// the first attempt.
    pub(crate) async fn run(mut self, mut over: watch::Receiver<bool>) {
        while let Some(entry) = draining::next(&mut self.entries, &mut over).await {
            self.deliver(&entry, &mut over).await;
        }
    }

    async fn deliver(&mut self, entry: &Entry, over: &mut watch::Receiver<bool>) {
        let mut pause = FIRST_PAUSE;
        loop {
            match self.send(entry).await {
                Ok(()) => return self.sent(),
                Err(status) if is_refusal(&status) => return self.refused(&status),
                Err(status) => self.missed(&status),
            }
            if *over.borrow() {
                return self.losses.dropped();
            }
            let _ = tokio::time::timeout(pause, over.wait_for(|over| *over)).await;
            pause = (pause * 2).min(LONGEST_PAUSE);
        }
    }

    async fn send(&mut self, entry: &Entry) -> Result<(), Status> {
        let sent = tokio::time::timeout(FOR_ONE_ENTRY, self.call(entry.clone())).await;
        sent.unwrap_or_else(|_| Err(Status::unavailable("no answer within 10 s")))
    }

    async fn call(&mut self, entry: Entry) -> Result<(), Status> {
        let ready = self.service.ready().await;
        ready.map_err(|error| Status::unavailable(error.to_string()))?;
        let codec: ProstCodec<_, SendChangeLogResponse> = ProstCodec::default();
        let request = Request::new(SendChangeLogRequest { entry: Some(entry) });
        let method = PathAndQuery::from_static(METHOD);
        self.service.unary(request, method, codec).await.map(drop)
    }

    fn missed(&mut self, status: &Status) {
        self.losses.metrics.change_log_entry("unreachable");
        if !self.is_away {
            warn!(
                error = status.message(),
                "the change log does not answer, trying again; see that the sidecar runs and shares the volume of the socket"
            );
        }
        self.is_away = true;
    }

    fn refused(&self, status: &Status) {
        self.losses.metrics.change_log_entry("refused");
        warn!(
            code = status.code().description(),
            error = status.message(),
            "the change log refused an entry; compare the versions of sidecar and provider"
        );
    }

    fn sent(&mut self) {
        self.losses.metrics.change_log_entry("sent");
        if !self.entries.is_empty() {
            return;
        }
        let dropped = self.losses.caught_up();
        if self.is_away || dropped > 0 {
            info!(dropped, "the change log has caught up");
        }
        self.is_away = false;
    }
}

/// True for what the sidecar has decided, false for what never reached it or whose answer was lost: only
/// that comes from an error of the transport.
fn is_refusal(status: &Status) -> bool {
    status.code() != Code::Unavailable && std::error::Error::source(status).is_none()
}
