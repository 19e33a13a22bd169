//! Command line of the function. Crossplane passes nothing but `TLS_SERVER_CERTS_DIR`.

use std::path::PathBuf;

use clap::Parser;

/// A Crossplane composition function: one claim in, managed resources out.
#[derive(Clone, Debug, Parser)]
#[command(version, about)]
pub struct Args {
    /// Log at debug level, readable for people.
    #[arg(short, long)]
    pub debug: bool,
    /// Where to listen for Crossplane.
    #[arg(long, default_value = "0.0.0.0:9443")]
    pub address: String,
    /// Directory with tls.crt, tls.key and ca.crt. Whoever calls needs a certificate of this CA.
    #[arg(long, env = "TLS_SERVER_CERTS_DIR")]
    pub tls_certs_dir: Option<PathBuf>,
    /// Listen without TLS, for `crossplane composition render`.
    #[arg(long)]
    pub insecure: bool,
    /// Largest request in bytes. Observed state grows with the claim.
    #[arg(long, default_value_t = 32 << 20)]
    pub max_recv_message_size: usize,
    /// Where to serve /metrics; empty serves none.
    #[arg(long, default_value = ":8080")]
    pub metrics_address: String,
}

impl From<Args> for function_sdk_rust::Args {
    fn from(args: Args) -> Self {
        Self {
            debug: args.debug,
            address: args.address,
            tls_certs_dir: args.tls_certs_dir,
            insecure: args.insecure,
            max_recv_message_size: Some(args.max_recv_message_size),
            metrics_address: args.metrics_address,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn without_arguments_it_listens_where_crossplane_calls() {
        let args = Args::parse_from(["function-tenancy"]);
        assert_eq!(args.address, "0.0.0.0:9443");
        assert!(!args.insecure);
    }
}
