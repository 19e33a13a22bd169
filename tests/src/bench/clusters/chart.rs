//! vCluster's chart as a release of it, served over HTTP on the loopback.

use std::path::{Path, PathBuf};

use anyhow::Context;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::process::Command;
use tokio::task::JoinHandle;

use crate::{Testbed, command, paths};

/// A chart that can be downloaded for as long as this lives.
pub(super) struct Chart {
    /// Where.
    pub(super) url: String,
    serving: JoinHandle<()>,
}

impl Chart {
    /// Packs the chart with the version that the images have.
    pub(super) async fn serve(
        testbed: &Testbed,
        directory: &Path,
        version: &str,
    ) -> anyhow::Result<Self> {
        let file = pack(testbed, directory, version).await?;
        let content = std::fs::read(&file)?;
        let listener = TcpListener::bind("127.0.0.1:0").await?;
        let name = file.file_name().context("the chart has no name")?.display();
        let url = format!("http://{}/{name}", listener.local_addr()?);
        let serving = tokio::spawn(async move {
            while let Ok((connection, _)) = listener.accept().await {
                // A client that goes away fetches it again.
                let _answered = answer(connection, &content).await;
            }
        });
        Ok(Self { url, serving })
    }
}

impl Drop for Chart {
    fn drop(&mut self) {
        self.serving.abort();
    }
}

async fn pack(testbed: &Testbed, directory: &Path, version: &str) -> anyhow::Result<PathBuf> {
    paths::create_directory(directory)?;
    let mut helm = Command::new(testbed.clients().join("helm"));
    helm.arg("package").arg(testbed.vcluster_chart().await?);
    helm.args(["--version", version, "--app-version", version]);
    command::run(helm.arg("--destination").arg(directory)).await?;
    Ok(directory.join(format!("vcluster-{version}.tgz")))
}

/// Whatever is asked for, it is the chart.
async fn answer(mut connection: TcpStream, content: &[u8]) -> std::io::Result<()> {
    let (mut asked, mut buffer) = (Vec::new(), [0; 1024]);
    while !asked.ends_with(b"\r\n\r\n") {
        let read = connection.read(&mut buffer).await?;
        if read == 0 {
            return Ok(());
        }
        asked.extend_from_slice(&buffer[..read]);
    }
    let head = format!(
        "HTTP/1.1 200 OK\r\nContent-Type: application/gzip\r\nContent-Length: {}\r\nConnection: close\r\n\r\n",
        content.len()
    );
    connection.write_all(head.as_bytes()).await?;
    connection.write_all(content).await?;
    connection.shutdown().await
}
