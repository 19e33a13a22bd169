//! Services and Ingress of a virtual cluster.

use serde_json::{Value, json};

use super::{Manifest, given, manifest, selector};
use crate::kubernetes::vcluster::{ExposureType, target::Target};

/// The Service that everything of the virtual cluster hangs on, and that of the `StatefulSet`.
pub(super) fn services(target: &Target<'_>) -> Vec<Manifest> {
    let mut services = vec![service(target)];
    if target.is_stateful() {
        services.push(headless(target));
    }
    services
}

fn service(target: &Target<'_>) -> Manifest {
    let exposure = &target.parameters.exposure;
    let mut https = json!({"name": "https", "port": 443, "protocol": "TCP", "targetPort": 8443});
    if let Some(port) = exposure.node_port {
        https["nodePort"] = port.into();
    }
    let kubelet = json!({"name": "kubelet", "port": 10250, "protocol": "TCP", "targetPort": 8443});
    let ports = match exposure.kind {
        ExposureType::LoadBalancer => vec![https],
        _ => vec![https, kubelet],
    };
    let annotations = match exposure.kind {
        ExposureType::Ingress => Value::Null,
        _ => json!(exposure.annotations),
    };
    let mut metadata = given([("annotations", annotations)]);
    metadata["labels"] = json!({"vcluster.loft.sh/service": "true"});
    let content = json!({
        "metadata": metadata,
        "spec": {
            "type": exposure.kind.service_type(),
            "ports": ports,
            "selector": selector(target, "vcluster"),
        },
    });
    manifest(target, "Service", target.name, "vcluster", content)
}

fn headless(target: &Target<'_>) -> Manifest {
    let content = json!({"spec": {
        "clusterIP": "None",
        "publishNotReadyAddresses": true,
        "ports": [{"name": "https", "port": 443, "protocol": "TCP", "targetPort": 8443}],
        "selector": selector(target, "vcluster"),
    }});
    let name = format!("{}-headless", target.name);
    manifest(target, "Service", &name, "vcluster", content)
}

/// The Ingress, which must pass TLS through: the virtual API server knows its clients by certificate.
pub(super) fn ingress(target: &Target<'_>) -> Option<Manifest> {
    let exposure = &target.parameters.exposure;
    let host = exposure.host.as_ref().filter(|_| target.has_ingress())?;
    let mut annotations = json!({
        "nginx.ingress.kubernetes.io/backend-protocol": "HTTPS",
        "nginx.ingress.kubernetes.io/ssl-passthrough": "true",
        "nginx.ingress.kubernetes.io/ssl-redirect": "true",
    });
    for (key, value) in &exposure.annotations {
        annotations[key] = value.as_str().into();
    }
    let backend = json!({"service": {"name": target.name, "port": {"name": "https"}}});
    let path = json!({"backend": backend, "path": "/", "pathType": "ImplementationSpecific"});
    let mut spec = given([("ingressClassName", json!(exposure.ingress_class_name))]);
    spec["rules"] = json!([{"host": host, "http": {"paths": [path]}}]);
    let content = json!({"metadata": {"annotations": annotations}, "spec": spec});
    Some(manifest(
        target,
        "Ingress",
        target.name,
        "vcluster",
        content,
    ))
}
