//! The provider's process.

use clap::Parser;
use provider_tenancy::{args::Args, run};

#[tokio::main]
async fn main() -> anyhow::Result<()> {
    run::run(Args::parse()).await
}
