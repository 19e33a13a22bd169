//! vCluster 0.36.

use serde_json::{Value, json};

use super::Profile;
use crate::kubernetes::vcluster::{
    BackingStoreType,
    document::{DIRECTORY, OIDC_AUTHORITIES},
    target::Target,
};

const WRITE: [&str; 7] = [
    "create", "delete", "patch", "update", "get", "list", "watch",
];
const READ: [&str; 3] = ["get", "list", "watch"];

pub(super) const PROFILE: Profile = Profile {
    minor: 36,
    kubernetes: "v1.36.0",
    kubernetes_minors: 33..=36,
    etcd: "etcd:3.6.8-0",
    core_dns: "coredns/coredns:1.14.2",
    hosts_rewrite: "library/alpine:3.20",
    cluster_role: "vcluster-syncer-0-36",
    document,
    overlay: &[
        "controlPlane.coredns.deployment.affinity.*",
        "controlPlane.coredns.deployment.annotations.*",
        "controlPlane.coredns.deployment.labels.*",
        "controlPlane.coredns.deployment.nodeSelector.*",
        "controlPlane.coredns.deployment.pods.annotations.*",
        "controlPlane.coredns.deployment.pods.labels.*",
        "controlPlane.coredns.deployment.replicas",
        "controlPlane.coredns.deployment.resources.*",
        "controlPlane.coredns.deployment.tolerations",
        "controlPlane.coredns.deployment.topologySpreadConstraints",
        "controlPlane.coredns.overwriteConfig",
        "controlPlane.coredns.priorityClassName",
        "controlPlane.coredns.service.annotations.*",
        "controlPlane.coredns.service.labels.*",
        "controlPlane.distro.k8s.apiServer.extraArgs",
        "controlPlane.distro.k8s.controllerManager.extraArgs",
        "controlPlane.statefulSet.highAvailability.leaseDuration",
        "controlPlane.statefulSet.highAvailability.renewDeadline",
        "controlPlane.statefulSet.highAvailability.retryPeriod",
        "experimental.deploy.vcluster.manifests",
        "experimental.deploy.vcluster.manifestsTemplate",
        "logging.encoding",
        "networking.advanced.proxyKubelets.byHostname",
        "networking.advanced.proxyKubelets.byIP",
        "networking.replicateServices.toHost",
        "sync.toHost.pods.enforceTolerations",
        "sync.toHost.pods.priorityClassName",
        "sync.toHost.pods.rewriteHosts.enabled",
        "sync.toHost.pods.rewriteHosts.initContainer.resources.*",
        "sync.toHost.pods.runtimeClassName",
        "sync.toHost.pods.translateImage.*",
        "sync.toHost.pods.useSecretsForSATokens",
        "telemetry.enabled",
    ],
    rules,
};

fn document(target: &Target<'_>) -> Value {
    json!({
        "controlPlane": control_plane(target),
        "experimental": {"syncSettings": {"setOwner": true}},
        "logging": {"encoding": "console"},
        "networking": networking(target),
        "policies": policies(target),
        "rbac": {"role": {"enabled": true}, "clusterRole": {"enabled": "false"}},
        "sync": sync(target),
        "telemetry": {"enabled": false},
    })
}

fn control_plane(target: &Target<'_>) -> Value {
    json!({
        "advanced": {
            "serviceAccount": {"enabled": true, "name": target.service_account()},
            "workloadServiceAccount": {"enabled": true, "name": format!("vc-workload-{}", target.name)},
        },
        "backingStore": backing_store(target),
        "coredns": core_dns(target),
        "distro": {"k8s": {
            "apiServer": {"enabled": true, "extraArgs": api_server_arguments(target)},
            "controllerManager": {"enabled": true},
        }},
        "proxy": {
            "bindAddress": "0.0.0.0",
            "port": 8443,
            "extraSANs": target.certificate_names(),
        },
        "service": {
            "enabled": true,
            "spec": {"type": target.parameters.exposure.kind.service_type()},
        },
        "statefulSet": {"highAvailability": {
            "replicas": target.parameters.replicas,
            "leaseDuration": 60,
            "renewDeadline": 40,
            "retryPeriod": 15,
        }},
    })
}

fn backing_store(target: &Target<'_>) -> Value {
    let store = &target.parameters.backing_store;
    match store.kind {
        BackingStoreType::Sqlite => json!({"database": {"embedded": {"enabled": true}}}),
        BackingStoreType::DeployedEtcd => json!({"etcd": {"deploy": {
            "enabled": true,
            "service": {"enabled": true},
            "statefulSet": {
                "enabled": true,
                "highAvailability": {"replicas": store.etcd_replicas},
            },
        }}}),
    }
}

fn core_dns(target: &Target<'_>) -> Value {
    let mut deployment = json!({
        "replicas": 1,
        "resources": {
            "limits": {"cpu": "1000m", "memory": "170Mi"},
            "requests": {"cpu": "20m", "memory": "64Mi"},
        },
        "topologySpreadConstraints": [{
            "labelSelector": {"matchLabels": {"k8s-app": "vcluster-kube-dns"}},
            "maxSkew": 1,
            "topologyKey": "kubernetes.io/hostname",
            "whenUnsatisfiable": "DoNotSchedule",
        }],
    });
    if let Some(image) = target.core_dns_image() {
        deployment["image"] = image.into();
    }
    json!({
        "enabled": true,
        "deployment": deployment,
        "service": {"spec": {"type": "ClusterIP"}},
    })
}

/// Pods inside get tokens for the three usual audiences whatever the issuer is, so the API server must
/// accept these beside its own.
fn api_server_arguments(target: &Target<'_>) -> Vec<String> {
    let (issuer, networking) = (target.issuer(), &target.parameters.networking);
    let domain = networking
        .cluster_domain
        .as_deref()
        .unwrap_or("cluster.local");
    let mut arguments = vec![
        format!("--service-account-issuer={issuer}"),
        format!(
            "--api-audiences={issuer},https://kubernetes.default.svc.{domain},\
             https://kubernetes.default.svc,https://kubernetes.default"
        ),
    ];
    if let Some(oidc) = &target.parameters.oidc {
        arguments.push(format!("--oidc-issuer-url={}", oidc.issuer_url));
        arguments.push(format!("--oidc-client-id={}", oidc.client_id));
        let username = oidc.username_claim.as_deref().unwrap_or("sub");
        arguments.push(format!("--oidc-username-claim={username}"));
        let groups = oidc.groups_claim.as_ref();
        arguments.extend(groups.map(|claim| format!("--oidc-groups-claim={claim}")));
        let authorities = oidc.ca_cert.as_ref();
        arguments
            .extend(authorities.map(|_| format!("--oidc-ca-file={DIRECTORY}/{OIDC_AUTHORITIES}")));
    }
    arguments
}

fn networking(target: &Target<'_>) -> Value {
    let networking = &target.parameters.networking;
    json!({"advanced": {
        "clusterDomain": networking.cluster_domain.as_deref().unwrap_or("cluster.local"),
        "fallbackHostCluster": networking.fallback_host_cluster,
        "proxyKubelets": {"byHostname": true, "byIP": true},
    }})
}

fn policies(target: &Target<'_>) -> Value {
    let isolation = &target.parameters.isolation;
    let mut policies = json!({});
    if let Some(standard) = isolation.pod_security_standard {
        policies["podSecurityStandard"] = json!(standard);
    }
    if let Some(policy) = &isolation.network_policy {
        let dns = policy.fallback_dns.as_deref().unwrap_or("8.8.8.8");
        policies["networkPolicy"] = json!({"enabled": true, "fallbackDns": dns});
    }
    policies
}

fn sync(target: &Target<'_>) -> Value {
    let sync = &target.parameters.sync;
    let [registry, repository, tag] = target.hosts_rewrite_image();
    let resources = json!({"cpu": "30m", "memory": "64Mi"});
    json!({
        "fromHost": {
            "csiDrivers": {"enabled": "auto"},
            "csiNodes": {"enabled": "auto"},
            "csiStorageCapacities": {"enabled": "auto"},
            "events": {"enabled": sync.from_host.events},
            "storageClasses": {"enabled": "auto"},
        },
        "toHost": {
            "configMaps": {"enabled": true, "all": sync.to_host.all_config_maps},
            "endpointSlices": {"enabled": true},
            "endpoints": {"enabled": true},
            "gatewayApi": {"referenceGrants": {"enabled": "auto"}},
            "ingresses": {"enabled": sync.to_host.ingresses},
            "networkPolicies": {"enabled": sync.to_host.network_policies},
            "persistentVolumeClaims": {"enabled": true},
            "podDisruptionBudgets": {"enabled": sync.to_host.pod_disruption_budgets},
            "pods": {
                "enabled": true,
                "rewriteHosts": {"enabled": true, "initContainer": {
                    "image": {"registry": registry, "repository": repository, "tag": tag},
                    "resources": {"limits": resources, "requests": resources},
                }},
            },
            "secrets": {"enabled": true, "all": sync.to_host.all_secrets},
            "serviceAccounts": {"enabled": sync.to_host.service_accounts},
            "services": {"enabled": true},
        },
    })
}

fn rules(target: &Target<'_>, host_minor: Option<u32>) -> Value {
    let rule = |group: &str, resources: &[&str], verbs: &[&str]| {
        json!({
            "apiGroups": [group], "resources": resources, "verbs": verbs,
        })
    };
    let workloads = ["get", "list", "watch", "patch", "update"];
    let events = ["create", "get", "list", "watch"];
    let mut rules = vec![
        rule("", &SYNCED, &WRITE),
        rule(
            "",
            &["pods/status", "pods/ephemeralcontainers"],
            &["patch", "update"],
        ),
        rule(
            "apps",
            &["statefulsets", "replicasets", "deployments"],
            &workloads,
        ),
        rule("", &["endpoints", "pods/log"], &READ),
        rule("", &["events"], &events),
        rule("events.k8s.io", &["events"], &events),
        rule("", &["endpoints"], &WRITE[..4]),
        rule("discovery.k8s.io", &["endpointslices"], &WRITE),
    ];
    if host_minor.is_some_and(|minor| minor >= 35) {
        rules.insert(2, rule("", &["pods/resize"], &["patch", "update"]));
    }
    if target.parameters.replicas > 1 {
        rules.push(rule("coordination.k8s.io", &["leases"], &WRITE));
    }
    let sync = &target.parameters.sync.to_host;
    let optional = [
        (sync.ingresses, "networking.k8s.io", "ingresses"),
        (
            sync.network_policies,
            "networking.k8s.io",
            "networkpolicies",
        ),
        (sync.service_accounts, "", "serviceaccounts"),
        (
            sync.pod_disruption_budgets,
            "policy",
            "poddisruptionbudgets",
        ),
    ];
    let wanted = optional.iter().filter(|(wanted, ..)| *wanted);
    rules.extend(wanted.map(|(_, group, resource)| rule(group, &[resource], &WRITE)));
    rules.into()
}

const SYNCED: [&str; 8] = [
    "configmaps",
    "secrets",
    "services",
    "pods",
    "pods/attach",
    "pods/portforward",
    "pods/exec",
    "persistentvolumeclaims",
];
