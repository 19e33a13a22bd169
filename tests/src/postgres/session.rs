//! A client that owns the task of its connection.

use tokio::task::JoinHandle;
use tokio_postgres::tls::TlsStream;
use tokio_postgres::{Client, Connection, Socket};

/// A connected client. The connection ends when this is dropped.
pub struct Session {
    client: Client,
    connection: JoinHandle<()>,
}

impl Session {
    pub(crate) fn new<S>(client: Client, connection: Connection<Socket, S>) -> Self
    where
        S: TlsStream + Unpin + Send + 'static,
    {
        let connection = tokio::spawn(async move {
            // The client's next statement reports how the connection ended.
            let _ended = connection.await;
        });
        Self { client, connection }
    }
}

impl std::ops::Deref for Session {
    type Target = Client;

    fn deref(&self) -> &Self::Target {
        &self.client
    }
}

impl std::ops::DerefMut for Session {
    fn deref_mut(&mut self) -> &mut Self::Target {
        &mut self.client
    }
}

impl Drop for Session {
    fn drop(&mut self) {
        self.connection.abort();
    }
}
