use super::*;
use crate::kubernetes::vcluster::{
    BackingStoreType, ExposureType, NetworkPolicy, Oidc, RbacMode, ResourceQuota, Resources,
    VClusterParameters,
};

fn parameters() -> VClusterParameters {
    VClusterParameters::new("0.36.1")
}

fn target(parameters: &VClusterParameters) -> Target<'_> {
    Target::new("dev", ("team", "uid"), parameters).unwrap()
}

fn rendered(parameters: &VClusterParameters) -> Vec<Manifest> {
    all(&target(parameters), Host::default()).unwrap()
}

fn names(parameters: &VClusterParameters) -> Vec<String> {
    let manifests = rendered(parameters);
    manifests
        .iter()
        .map(|manifest| manifest.part.to_string())
        .collect()
}

fn body(parameters: &VClusterParameters, part: &str) -> Value {
    let found = rendered(parameters);
    let found = found
        .into_iter()
        .find(|manifest| manifest.part.to_string() == part);
    found.unwrap().body
}

#[test]
fn a_default_control_plane_is_eight_objects_in_the_order_of_applying() {
    assert_eq!(
        names(&parameters()),
        [
            "ServiceAccount/vc-dev",
            "ServiceAccount/vc-workload-dev",
            "RoleBinding/vc-dev",
            "Secret/vc-config-dev",
            "Service/dev",
            "Service/dev-headless",
            "StatefulSet/dev",
        ]
    );
    let mut managed = parameters();
    managed.rbac.mode = RbacMode::Managed;
    assert_eq!(names(&managed).len(), 8);
    assert!(names(&managed).contains(&"Role/vc-dev".to_owned()));
}

#[test]
fn every_object_carries_what_it_is_found_by() {
    let mut parameters = parameters();
    parameters.backing_store.kind = BackingStoreType::DeployedEtcd;
    parameters.isolation.network_policy = Some(NetworkPolicy::default());
    for manifest in rendered(&parameters) {
        let metadata = &manifest.body["metadata"];
        assert_eq!(metadata["namespace"], "team");
        assert_eq!(metadata["labels"][OWNER], "uid");
        assert_eq!(metadata["labels"]["release"], "dev");
        assert_eq!(metadata["labels"]["chart"], "vcluster-0.36.1");
        assert!(api_of(&manifest.part.kind).is_some());
    }
}

#[test]
fn without_a_volume_there_is_a_deployment_and_no_headless_service() {
    let mut parameters = parameters();
    parameters.persistence.enabled = false;
    let names = names(&parameters);
    assert!(names.contains(&"Deployment/dev".to_owned()));
    assert!(
        !names
            .iter()
            .any(|name| name.contains("headless") || name.starts_with("StatefulSet"))
    );
}

#[test]
fn etcd_of_three_members_knows_all_three_and_the_control_planes_may_choose_a_leader() {
    let mut parameters = parameters();
    parameters.backing_store.kind = BackingStoreType::DeployedEtcd;
    parameters.backing_store.etcd_replicas = 3;
    parameters.replicas = 3;
    parameters.rbac.mode = RbacMode::Managed;
    let names = names(&parameters);
    for part in [
        "Service/dev-etcd-headless",
        "Service/dev-etcd",
        "StatefulSet/dev-etcd",
        "Deployment/dev",
    ] {
        assert!(names.contains(&part.to_owned()), "{part}");
    }
    let etcd = body(&parameters, "StatefulSet/dev-etcd");
    let command = etcd["spec"]["template"]["spec"]["containers"][0]["command"].to_string();
    for index in 0..3 {
        let member =
            format!("dev-etcd-{index}=https://dev-etcd-{index}.dev-etcd-headless.team:2380");
        assert!(command.contains(&member), "{member}");
    }
    let rules = body(&parameters, "Role/vc-dev")["rules"].to_string();
    assert!(rules.contains("leases"));
    parameters.replicas = 1;
    let rules = body(&parameters, "Role/vc-dev")["rules"].to_string();
    assert!(!rules.contains("leases"));
}

#[test]
fn resizing_pods_is_granted_where_the_host_knows_it() {
    let mut parameters = parameters();
    parameters.rbac.mode = RbacMode::Managed;
    let target = Target::new("dev", ("team", "uid"), &parameters).unwrap();
    for (minor, expected) in [
        (None, false),
        (Some(34), false),
        (Some(35), true),
        (Some(36), true),
    ] {
        let manifests = all(&target, Host { minor }).unwrap();
        let role = manifests
            .iter()
            .find(|manifest| manifest.part.kind == "Role")
            .unwrap();
        assert_eq!(
            role.body.to_string().contains("pods/resize"),
            expected,
            "{minor:?}"
        );
    }
}

#[test]
fn an_old_host_is_not_told_what_becomes_of_claims() {
    let parameters = parameters();
    let target = Target::new("dev", ("team", "uid"), &parameters).unwrap();
    for (minor, expected) in [(Some(26), false), (Some(27), true), (None, true)] {
        let manifests = all(&target, Host { minor }).unwrap();
        let workload = &manifests.last().unwrap().body["spec"];
        let said = workload
            .get("persistentVolumeClaimRetentionPolicy")
            .is_some();
        assert_eq!(said, expected, "{minor:?}");
    }
}

#[test]
fn each_copied_kind_has_a_binding_of_its_own() {
    let mut parameters = parameters();
    parameters.sync.to_host.ingresses = true;
    let binding = body(&parameters, "RoleBinding/vc-dev-ingresses");
    assert_eq!(binding["roleRef"]["name"], "vcluster-sync-ingresses");
    parameters.rbac.mode = RbacMode::External;
    parameters.rbac.service_account_name = Some("given".into());
    let names = names(&parameters);
    assert!(
        !names.iter().any(|name| name.starts_with("Role")),
        "{names:?}"
    );
    assert!(!names.contains(&"ServiceAccount/given".to_owned()));
    let pod = &body(&parameters, "StatefulSet/dev")["spec"]["template"]["spec"];
    assert_eq!(pod["serviceAccountName"], "given");
}

#[test]
fn the_service_is_of_the_type_that_the_exposure_needs() {
    let table = [
        (ExposureType::ClusterIp, "ClusterIP", 2, false),
        (ExposureType::NodePort, "NodePort", 2, false),
        (ExposureType::LoadBalancer, "LoadBalancer", 1, false),
        (ExposureType::Ingress, "ClusterIP", 2, true),
    ];
    for (kind, service_type, ports, has_ingress) in table {
        let mut parameters = parameters();
        parameters.exposure.kind = kind;
        parameters.exposure.host = Some("dev.example.org".into());
        let service = body(&parameters, "Service/dev");
        assert_eq!(service["spec"]["type"], service_type);
        assert_eq!(service["spec"]["ports"].as_array().unwrap().len(), ports);
        let ingress = names(&parameters).contains(&"Ingress/dev".to_owned());
        assert_eq!(ingress, has_ingress, "{kind:?}");
    }
}

#[test]
fn the_quota_leaves_room_for_the_ports_of_the_control_planes_own_service() {
    let table = [
        (ExposureType::ClusterIp, false),
        (ExposureType::NodePort, true),
        (ExposureType::LoadBalancer, true),
        (ExposureType::Ingress, false),
    ];
    for (kind, has_node_ports) in table {
        let mut parameters = parameters();
        parameters.exposure.kind = kind;
        parameters.exposure.host = Some("dev.example.org".into());
        parameters.isolation.resource_quota = Some(ResourceQuota::default());
        let service = body(&parameters, "Service/dev");
        let ports = service["spec"]["ports"].as_array().unwrap().len();
        let room = if has_node_ports { ports } else { 0 };
        let quota = body(&parameters, "ResourceQuota/vc-dev");
        let hard = &quota["spec"]["hard"]["services.nodeports"];
        assert_eq!(hard, &json!(room.to_string()), "{kind:?}");
    }
}

#[test]
fn a_changed_configuration_changes_the_pods_and_nothing_else_of_the_workload() {
    let before = body(&parameters(), "StatefulSet/dev");
    let mut changed = parameters();
    changed.networking.fallback_host_cluster = true;
    let mut after = body(&changed, "StatefulSet/dev");
    let hash = "/spec/template/metadata/annotations/vClusterConfigHash";
    assert_ne!(before.pointer(hash), after.pointer(hash));
    *after.pointer_mut(hash).unwrap() = before.pointer(hash).unwrap().clone();
    assert_eq!(before, after);
}

#[test]
fn the_authorities_of_an_openid_connect_provider_are_beside_the_configuration() {
    let before = body(&parameters(), "StatefulSet/dev");
    let authorities = authorities();
    let mut parameters = parameters();
    parameters.oidc = Some(Oidc {
        issuer_url: "https://id.example.org".into(),
        client_id: "dev".into(),
        ca_cert: Some(authorities.clone()),
        ..Oidc::default()
    });
    let secret = body(&parameters, "Secret/vc-config-dev");
    assert_eq!(secret["data"]["oidc-ca.crt"], base64(&authorities));
    let configuration = Document::of(&target(&parameters)).unwrap();
    let file = "--oidc-ca-file=/var/lib/vcluster/oidc-ca.crt";
    assert!(configuration.text.contains(file));

    let with = body(&parameters, "StatefulSet/dev");
    let hash = "/spec/template/metadata/annotations/vClusterConfigHash";
    assert_ne!(before.pointer(hash), with.pointer(hash));
    let renewed = Some(self::authorities());
    parameters.oidc.as_mut().unwrap().ca_cert = renewed;
    let renewed = body(&parameters, "StatefulSet/dev");
    assert_ne!(with.pointer(hash), renewed.pointer(hash));
}

#[test]
fn authorities_that_are_no_certificates_are_refused() {
    let mut parameters = parameters();
    parameters.oidc = Some(Oidc {
        ca_cert: Some("-----BEGIN CERTIFICATE-----".into()),
        ..Oidc::default()
    });
    let refused = Target::new("dev", ("team", "uid"), &parameters).unwrap_err();
    assert!(refused.to_string().contains("oidc.caCert"), "{refused}");
}

fn authorities() -> String {
    let key = rcgen::KeyPair::generate().unwrap();
    let authority = rcgen::CertificateParams::new(["id.example.org".to_owned()]).unwrap();
    authority.self_signed(&key).unwrap().pem()
}

#[test]
fn a_paused_cluster_has_no_replicas_and_given_resources_replace_the_usual() {
    let mut parameters = parameters();
    parameters.paused = Some(true);
    parameters.resources = Some(Resources {
        requests: [("cpu".to_owned(), "50m".to_owned())].into(),
        ..Resources::default()
    });
    let spec = &body(&parameters, "StatefulSet/dev")["spec"];
    assert_eq!(spec["replicas"], 0);
    let resources = &spec["template"]["spec"]["containers"][0]["resources"];
    assert_eq!(resources, &json!({"requests": {"cpu": "50m"}}));
}
