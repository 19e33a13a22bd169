//! Starts, shows and stops the testbed.

use clap::Parser;
use testbed::cli::{Arguments, run};

#[tokio::main]
async fn main() -> anyhow::Result<()> {
    run(Arguments::parse()).await
}
