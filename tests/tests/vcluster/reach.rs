//! Ways to a virtual API server other than its Service, with what stands between played by the test: the
//! load balancer that gives an address, the controller of an Ingress that passes TLS through.

use std::net::{Ipv4Addr, SocketAddr};
use std::time::Duration;

use managed::external::{ExternalClient, Observation, Readiness};
use provider_tenancy::kubernetes::status::Endpoint;
use provider_tenancy::kubernetes::vcluster::{ExposureType, RbacMode};
use serde_json::json;
use tokio::net::{TcpListener, TcpStream};

use crate::fixture::{Fixture, NAME};

#[tokio::test]
async fn the_address_of_a_load_balancer_is_awaited_published_and_followed() {
    let fixture = Fixture::new().await;
    let mut parameters = Fixture::parameters();
    parameters.exposure.kind = ExposureType::LoadBalancer;
    let mut resource = fixture.resource(parameters);
    fixture.pass(&mut resource).await.unwrap();
    let waiting = loop {
        let Observation::Present { ready, .. } = fixture.session.observe(&resource).await.unwrap()
        else {
            panic!("nothing is there after a pass");
        };
        match ready {
            Readiness::Creating(why) if why.contains("load balancer") => break why,
            Readiness::Creating(_) => tokio::time::sleep(Duration::from_secs(1)).await,
            ready => panic!("{ready:?} without an address"),
        }
    };
    assert!(waiting.contains("no address yet"), "{waiting}");

    for address in ["203.0.113.10", "203.0.113.11"] {
        balance(&fixture, address).await;
        let access = fixture.until_ready(&mut resource).await;
        assert_eq!(access.server, format!("https://{address}:443"));
        let client = access.client().unwrap();
        let version = client.apiserver_version().await.unwrap();
        assert_eq!(version.git_version, "v1.36.4");
    }
    fixture.delete(&mut resource).await;
    assert_eq!(fixture.remains().await, Vec::<String>::new());
    fixture.finish().await;
}

/// Gives the Service this address, as the controller of a load balancer does.
async fn balance(fixture: &Fixture, address: &str) {
    let status = json!({"status": {"loadBalancer": {"ingress": [{"ip": address}]}}}).to_string();
    let patch = [
        "patch",
        "service",
        NAME,
        "--subresource=status",
        "--patch",
        &status,
    ];
    fixture.kubectl(&patch).await;
}

#[tokio::test]
async fn a_cluster_with_rights_of_its_own_is_reached_through_an_ingress_that_passes_tls_through() {
    const HOST: &str = "dev.example.org";
    let fixture = Fixture::new().await;
    let mut parameters = Fixture::parameters();
    parameters.exposure.kind = ExposureType::Ingress;
    parameters.exposure.host = Some(HOST.into());
    parameters.exposure.ingress_class_name = Some("passes-through".into());
    parameters.rbac.mode = RbacMode::Managed;
    let door = Door::open().await;
    // The name resolves nowhere; the certificate is still checked against it.
    parameters.endpoint = Some(Endpoint {
        server: Some(format!("https://{}", door.address)),
        tls_server_name: Some(HOST.into()),
    });
    let mut resource = fixture.resource(parameters);

    let refused = fixture.pass(&mut resource).await.unwrap_err().to_string();
    assert!(refused.contains("roles"), "{refused}");
    assert!(refused.contains("escalate"), "{refused}");
    fixture.let_roles_be_made().await;
    fixture.pass(&mut resource).await.unwrap();
    let ingress = fixture.live("ingress", NAME).await;
    let spec = &ingress["spec"];
    assert_eq!(spec["ingressClassName"], "passes-through");
    assert_eq!(spec["rules"][0]["host"], HOST);
    let backend = &spec["rules"][0]["http"]["paths"][0]["backend"]["service"];
    assert_eq!(backend["name"], NAME);
    let service = fixture.live("service", NAME).await;
    door.lead_to(service["spec"]["clusterIP"].as_str().unwrap());

    let access = fixture.until_ready(&mut resource).await;
    assert_eq!(access.server, format!("https://{}", door.address));
    assert_eq!(access.tls_server_name.as_deref(), Some(HOST));
    let version = access.client().unwrap().apiserver_version().await.unwrap();
    assert_eq!(version.git_version, "v1.36.4");
    let role = fixture.live("role", "vc-dev").await;
    assert!(
        role["rules"]
            .as_array()
            .is_some_and(|rules| rules.len() > 5)
    );

    fixture.delete(&mut resource).await;
    assert_eq!(fixture.remains().await, Vec::<String>::new());
    fixture.finish().await;
}

/// Where the controller of the Ingress listens.
struct Door {
    address: SocketAddr,
    leads_to: tokio::sync::watch::Sender<Option<SocketAddr>>,
}

impl Door {
    async fn open() -> Self {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await.unwrap();
        let address = listener.local_addr().unwrap();
        let (leads_to, led) = tokio::sync::watch::channel(None);
        tokio::spawn(async move {
            while let Ok((guest, _)) = listener.accept().await {
                if let Some(target) = *led.borrow() {
                    tokio::spawn(pass_through(guest, target));
                }
            }
        });
        Self { address, leads_to }
    }

    fn lead_to(&self, service: &str) {
        let address = service.parse().unwrap();
        self.leads_to
            .send_replace(Some(SocketAddr::new(address, 443)));
    }
}

async fn pass_through(mut guest: TcpStream, target: SocketAddr) {
    if let Ok(mut host) = TcpStream::connect(target).await {
        let _ended = tokio::io::copy_bidirectional(&mut guest, &mut host).await;
    }
}
