use rstest::rstest;

use super::*;
use crate::kubernetes::{status::Endpoint, vcluster::Images};

fn target<'a>(name: &'a str, parameters: &'a VClusterParameters) -> Target<'a> {
    Target::new(name, ("team", "uid"), parameters).unwrap()
}

fn parameters() -> VClusterParameters {
    VClusterParameters::new("0.36.1")
}

#[rstest]
#[case("dev", true)]
#[case(&"a".repeat(48), true)]
#[case(&"a".repeat(49), false)]
#[case("1dev", false)]
#[case("-dev", false)]
#[case("dev-", false)]
#[case("Dev", false)]
#[case("dev.a", false)]
#[case("../etc", false)]
#[case("a\nb", false)]
#[case("", false)]
fn a_name_must_do_for_a_service_and_leave_room_for_what_is_added(
    #[case] name: &str,
    #[case] expected: bool,
) {
    let parameters = parameters();
    let target = Target::new(name, ("team", "uid"), &parameters);
    assert_eq!(target.is_ok(), expected, "{name}");
}

#[test]
fn the_namespace_is_the_resources_own_unless_it_says_another() {
    let mut parameters = parameters();
    assert_eq!(target("dev", &parameters).namespace, "team");
    parameters.namespace = Some("vc-dev".into());
    assert_eq!(target("dev", &parameters).namespace, "vc-dev");
}

#[test]
fn every_cluster_has_an_issuer_of_its_own_unless_it_says_another() {
    let mut parameters = parameters();
    assert_eq!(target("dev", &parameters).issuer(), "https://dev.team.svc");
    parameters.service_account_issuer = Some("https://issuer.example.org".into());
    assert_eq!(
        target("dev", &parameters).issuer(),
        "https://issuer.example.org"
    );
}

#[test]
fn the_certificate_always_names_the_service_and_each_name_once_in_a_stable_order() {
    let mut parameters = parameters();
    let own = ["dev.team.svc", "dev.team.svc.cluster.local"];
    assert_eq!(target("dev", &parameters).certificate_names(), own);
    parameters.exposure.host = Some("dev.example.org".into());
    parameters.exposure.extra_sans = ["b", "a", "b", "dev.team.svc"].map(str::to_owned).into();
    parameters.endpoint = Some(Endpoint {
        server: Some("https://api.example.org:6443".into()),
        tls_server_name: None,
    });
    let names = target("dev", &parameters).certificate_names();
    let more = ["dev.example.org", "api.example.org", "b", "a"];
    assert_eq!(names, [own.as_slice(), more.as_slice()].concat());
    assert_eq!(names, target("dev", &parameters).certificate_names());
}

#[test]
fn a_registry_holds_every_image_and_any_image_can_be_named_in_full() {
    let mut parameters = parameters();
    assert_eq!(
        target("dev", &parameters).control_plane_image(),
        "ghcr.io/loft-sh/vcluster-oss:0.36.1"
    );
    assert_eq!(target("dev", &parameters).core_dns_image(), None);
    parameters.images = Images {
        registry: Some("registry.example.org:5000/mirror".into()),
        kubernetes: Some("localhost/kubernetes:v1.36.4".into()),
        ..Images::default()
    };
    let target = target("dev", &parameters);
    let mirror = "registry.example.org:5000/mirror";
    assert_eq!(
        target.control_plane_image(),
        format!("{mirror}/loft-sh/vcluster-oss:0.36.1")
    );
    assert_eq!(target.kubernetes_image(), "localhost/kubernetes:v1.36.4");
    assert_eq!(target.etcd_image(), format!("{mirror}/etcd:3.6.8-0"));
    assert_eq!(
        target.core_dns_image(),
        Some(format!("{mirror}/coredns/coredns:1.14.2"))
    );
    assert_eq!(
        target.hosts_rewrite_image(),
        ["registry.example.org:5000", "mirror/library/alpine", "3.20"]
    );
}
