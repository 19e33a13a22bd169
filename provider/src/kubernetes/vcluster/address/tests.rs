use serde_json::json;

use super::*;
use crate::kubernetes::{status::Endpoint, vcluster::VClusterParameters};

fn address(parameters: &VClusterParameters, service: &Value) -> Result<Address, &'static str> {
    let target = Target::new("dev", ("team", "uid"), parameters).unwrap();
    Address::of(&target, service)
}

fn exposed(kind: ExposureType, host: Option<&str>) -> VClusterParameters {
    let mut parameters = VClusterParameters::new("0.36.1");
    parameters.exposure.kind = kind;
    parameters.exposure.host = host.map(str::to_owned);
    parameters
}

#[test]
fn each_exposure_is_published_where_its_clients_are() {
    let service = json!({
        "spec": {
            "clusterIP": "10.96.0.7",
            "ports": [{"name": "https", "nodePort": 31443}],
        },
        "status": {"loadBalancer": {"ingress": [{"ip": "192.0.2.7"}]}},
    });
    let table = [
        (ExposureType::ClusterIp, None, "https://dev.team.svc:443"),
        (
            ExposureType::NodePort,
            Some("192.0.2.1"),
            "https://192.0.2.1:31443",
        ),
        (ExposureType::LoadBalancer, None, "https://192.0.2.7:443"),
        (
            ExposureType::LoadBalancer,
            Some("dev.example.org"),
            "https://dev.example.org:443",
        ),
        (
            ExposureType::Ingress,
            Some("dev.example.org"),
            "https://dev.example.org:443",
        ),
        (
            ExposureType::NodePort,
            Some("2001:db8::1"),
            "https://[2001:db8::1]:31443",
        ),
    ];
    for (kind, host, server) in table {
        let address = address(&exposed(kind, host), &service).unwrap();
        assert_eq!(address.server, server);
        let own = (kind == ExposureType::ClusterIp).then(|| "https://10.96.0.7:443".to_owned());
        assert_eq!(address.dialled, own, "{kind:?}");
    }
}

#[test]
fn an_address_that_is_not_known_yet_is_waited_for() {
    let service = json!({"spec": {"ports": [{"name": "https"}]}});
    let balancer = address(&exposed(ExposureType::LoadBalancer, None), &service);
    assert_eq!(balancer, Err("the load balancer has no address yet"));
    let node = address(
        &exposed(ExposureType::NodePort, Some("192.0.2.1")),
        &service,
    );
    assert_eq!(node, Err("the Service has no port on the nodes yet"));
}

#[test]
fn a_given_endpoint_is_published_and_the_services_own_name_is_dialled_at_its_address() {
    let service = json!({"spec": {"clusterIP": "10.96.0.7"}});
    let mut parameters = exposed(ExposureType::ClusterIp, None);
    parameters.endpoint = Some(Endpoint {
        server: Some("https://api.example.org:6443/".into()),
        tls_server_name: Some("dev".into()),
    });
    let elsewhere = address(&parameters, &service).unwrap();
    assert_eq!(elsewhere.server, "https://api.example.org:6443");
    assert_eq!(elsewhere.certificate_name(), "dev");
    assert_eq!(elsewhere.dialled, None);
    parameters.endpoint = Some(Endpoint {
        server: Some("https://dev.team.svc.cluster.local".into()),
        tls_server_name: None,
    });
    let own = address(&parameters, &service).unwrap();
    assert_eq!(own.dialled.as_deref(), Some("https://10.96.0.7:443"));
    assert_eq!(own.certificate_name(), "dev.team.svc.cluster.local");
}
