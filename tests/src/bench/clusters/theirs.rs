//! provider-helm and provider-kubernetes as platform teams use them for virtual clusters: a Release of the chart, and an
//! Object that observes the Secret which vCluster writes and publishes the kubeconfig in it.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use serde_json::{Value, json};

use super::figures::vcluster_version;
use super::installation::LABEL;
use super::side::{Account, Provider, Side, Wanted, kind};
use super::{HOST_NAMESPACE, NAME, NAMESPACE, SECRET};
use crate::{BUSYBOX, COREDNS, VCLUSTER, VCLUSTER_KUBERNETES};

/// The group of provider-helm.
pub(super) const HELM: &str = "helm.m.crossplane.io";
/// The group of provider-kubernetes.
pub(super) const KUBERNETES: &str = "kubernetes.m.crossplane.io";
/// What ours does without being told.
const POLL: &str = "--poll=1m";

/// The two programs, where the certificate for the webhook of the second lies, and the address of the chart.
pub(super) fn side([helm, kubernetes]: [&Path; 2], certificates: &Path, chart: &str) -> Side {
    let probes = "--health-probe-bind-addr=127.0.0.1:18097";
    let certificates = certificates.display().to_string();
    let env = BTreeMap::from([("TLS_SERVER_CERTS_DIR".to_owned(), certificates)]);
    Side {
        name: "provider-helm + -kubernetes",
        key: "theirs",
        providers: vec![
            Provider {
                config: Some("helm.m.crossplane.io/v1beta1"),
                ..provider("provider-helm", helm, &[POLL])
            },
            Provider {
                config: Some("kubernetes.m.crossplane.io/v1alpha1"),
                env,
                ..provider("provider-kubernetes", kubernetes, &[POLL, probes])
            },
        ],
        claim: vec![release(chart), object()],
    }
}

fn provider(name: &'static str, program: &Path, flags: &[&str]) -> Provider {
    Provider {
        name,
        program: PathBuf::from(program),
        flags: flags.iter().map(|flag| (*flag).to_owned()).collect(),
        env: BTreeMap::new(),
        account: Account {
            namespace: NAMESPACE,
            name,
        },
        config: None,
    }
}

/// An account that may do anything, as the documentation of both providers has it.
pub(super) fn rights(account: Account) -> Value {
    let Account { namespace, name } = account;
    let binding = format!("bench-{name}");
    let role = json!({
        "apiGroup": "rbac.authorization.k8s.io", "kind": "ClusterRole", "name": "cluster-admin",
    });
    json!({"apiVersion": "v1", "kind": "List", "items": [
        {
            "apiVersion": "v1", "kind": "ServiceAccount",
            "metadata": {"name": name, "namespace": namespace},
        },
        {
            "apiVersion": "rbac.authorization.k8s.io/v1", "kind": "ClusterRoleBinding",
            "metadata": {"name": binding, "labels": {LABEL: "clusters"}},
            "subjects": [{"kind": "ServiceAccount", "name": name, "namespace": namespace}],
            "roleRef": role,
        },
    ]})
}

fn release(chart: &str) -> Wanted {
    Wanted {
        kind: kind(HELM, "v1beta1", "Release"),
        spec: json!({
            "providerConfigRef": {"kind": "ProviderConfig", "name": "default"},
            "forProvider": {
                "chart": {"name": "vcluster", "version": vcluster_version(), "url": chart},
                "namespace": HOST_NAMESPACE,
                "values": values(),
            },
        }),
    }
}

fn object() -> Wanted {
    let secret = format!("vc-{NAME}");
    Wanted {
        kind: kind(KUBERNETES, "v1alpha1", "Object"),
        spec: json!({
            "managementPolicies": ["Observe"],
            "providerConfigRef": {"kind": "ProviderConfig", "name": "default"},
            "writeConnectionSecretToRef": {"name": SECRET},
            "forProvider": {"manifest": {
                "apiVersion": "v1", "kind": "Secret",
                "metadata": {"name": secret, "namespace": HOST_NAMESPACE},
            }},
            "connectionDetails": [{
                "apiVersion": "v1", "kind": "Secret", "name": secret, "namespace": HOST_NAMESPACE,
                "fieldPath": "data.config", "toConnectionSecretKey": "kubeconfig",
            }],
            "readiness": {"policy": "DeriveFromCelQuery", "celQuery": "has(object.data.config)"},
        }),
    }
}

/// What our kind makes without being told: the images of the testbed, names in the certificate and an issuer that are of
/// this virtual cluster, a kubeconfig with a server that others than the control plane reach.
fn values() -> Value {
    let host = format!("{NAME}.{HOST_NAMESPACE}.svc");
    let issuer = format!("https://{host}");
    let audiences = "https://kubernetes.default.svc.cluster.local,https://kubernetes.default.svc,\
                     https://kubernetes.default";
    json!({
        "controlPlane": {
            "coredns": {"deployment": {"image": COREDNS}},
            "distro": {"k8s": {
                "image": image(VCLUSTER_KUBERNETES),
                "imagePullPolicy": "IfNotPresent",
                "apiServer": {"extraArgs": [
                    format!("--service-account-issuer={issuer}"),
                    format!("--api-audiences={issuer},{audiences}"),
                ]},
            }},
            "proxy": {"extraSANs": [host, format!("{host}.cluster.local")]},
            "statefulSet": {
                "image": image(VCLUSTER),
                "imagePullPolicy": "IfNotPresent",
                "persistence": {"volumeClaim": {"enabled": false}},
            },
        },
        "exportKubeConfig": {"server": format!("https://{host}:443")},
        "rbac": {"clusterRole": {"enabled": false}},
        "sync": {"toHost": {"pods": {"rewriteHosts": {"initContainer": {"image": image(BUSYBOX)}}}}},
        "telemetry": {"enabled": false},
    })
}

/// An image as the chart takes it.
fn image(name: &str) -> Value {
    let (path, tag) = name.rsplit_once(':').unwrap_or((name, "latest"));
    let (registry, repository) = path.split_once('/').unwrap_or(("", path));
    json!({"registry": registry, "repository": repository, "tag": tag})
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_chart_takes_an_image_in_three_parts() {
        let parts = json!({"registry": "localhost", "repository": "vcluster", "tag": "0.36.1"});
        assert_eq!(image("localhost/vcluster:0.36.1"), parts);
    }
}
