//! Entry point: arguments, logging, serve.

use clap::Parser;
use function_tenancy::{Function, args::Args};

#[tokio::main]
async fn main() -> anyhow::Result<()> {
    rustls::crypto::aws_lc_rs::default_provider()
        .install_default()
        .map_err(|_| anyhow::anyhow!("a crypto provider is installed already"))?;
    let args = Args::parse();
    function_sdk_rust::logging::configure(args.debug);
    Function::serve(args).await?;
    Ok(())
}
