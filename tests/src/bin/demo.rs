//! `cargo demo`: from a claim to a database whose credentials are in Vault, on a real control plane.

#[tokio::main]
async fn main() -> anyhow::Result<()> {
    testbed::demo::run().await
}
