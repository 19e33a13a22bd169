//! The last words of a process: what waits in a queue is still taken out of it when the process ends.

use tokio::sync::{mpsc, watch};

/// The next entry. Once `over` is true nothing more is let in, and what waits is the last.
pub(crate) async fn next<T>(
    queue: &mut mpsc::Receiver<T>,
    over: &mut watch::Receiver<bool>,
) -> Option<T> {
    tokio::select! {
        entry = queue.recv() => return entry,
        _ = over.wait_for(|over| *over) => queue.close(),
    }
    queue.recv().await
}
