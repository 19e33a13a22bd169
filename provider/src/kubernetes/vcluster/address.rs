//! Where the virtual API server is reached: what is published, and what is dialled to prove it. Pure.

use serde_json::Value;

use super::{
    ExposureType,
    target::{Target, host_of},
};

/// Where the API server is reached.
#[derive(Clone, Debug, Eq, PartialEq)]
pub(super) struct Address {
    /// What is published.
    pub(super) server: String,
    /// Name in the certificate, if it is not the host of `server`.
    pub(super) tls_server_name: Option<String>,
    /// What is dialled instead of `server`, with the same name in the certificate. A Service's name means
    /// its cluster address and nothing else, and that also holds where the name does not resolve.
    pub(super) dialled: Option<String>,
}

impl Address {
    /// The address, or what it waits for.
    pub(super) fn of(target: &Target<'_>, service: &Value) -> Result<Self, &'static str> {
        let endpoint = target.parameters.endpoint.as_ref();
        let server = endpoint.and_then(|endpoint| endpoint.server.clone());
        let server = match server {
            Some(server) => server.trim_end_matches('/').to_owned(),
            None => exposed(target, service)?,
        };
        Ok(Self {
            tls_server_name: endpoint.and_then(|endpoint| endpoint.tls_server_name.clone()),
            dialled: dialled(target, service, &server),
            server,
        })
    }

    /// The name that is expected in the certificate.
    pub(super) fn certificate_name(&self) -> &str {
        let host = host_of(&self.server).unwrap_or_default();
        self.tls_server_name.as_deref().unwrap_or(host)
    }
}

/// What follows from the exposure.
fn exposed(target: &Target<'_>, service: &Value) -> Result<String, &'static str> {
    let exposure = &target.parameters.exposure;
    let own = || exposure.host.clone();
    let (host, port) = match exposure.kind {
        ExposureType::ClusterIp => (Some(target.service_name()), 443),
        ExposureType::NodePort => (own(), node_port(service)?),
        ExposureType::LoadBalancer => (own().or_else(|| balancer(service)), 443),
        ExposureType::Ingress => (own(), 443),
    };
    let host = host.ok_or("the load balancer has no address yet")?;
    Ok(url(&host, port))
}

fn url(host: &str, port: i64) -> String {
    if host.contains(':') {
        format!("https://[{host}]:{port}")
    } else {
        format!("https://{host}:{port}")
    }
}

fn dialled(target: &Target<'_>, service: &Value, server: &str) -> Option<String> {
    let own = target.service_name();
    let host = host_of(server)?;
    let is_own = host == own || host == format!("{own}.cluster.local");
    let address = service["spec"]["clusterIP"].as_str()?;
    let is_address = !address.is_empty() && address != "None";
    (is_own && is_address).then(|| url(address, 443))
}

fn node_port(service: &Value) -> Result<i64, &'static str> {
    let ports = service["spec"]["ports"].as_array();
    let mut ports = ports.into_iter().flatten();
    ports
        .find(|port| port["name"] == "https")
        .and_then(|port| port["nodePort"].as_i64())
        .ok_or("the Service has no port on the nodes yet")
}

fn balancer(service: &Value) -> Option<String> {
    let ingress = &service["status"]["loadBalancer"]["ingress"][0];
    let name = ingress["ip"]
        .as_str()
        .or_else(|| ingress["hostname"].as_str())?;
    Some(name.to_owned())
}

#[cfg(test)]
mod tests;
