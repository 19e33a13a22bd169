//! One virtual cluster as it is to be: names, versions, images and addresses that follow from the
//! parameters. Refuses what could not work before anything is written. Pure.

use managed::external::{Desired, ExternalError};

use crate::kubeconfig::certificate::are_certificates;

use super::{
    BackingStoreType, ExposureType, VCluster, VClusterParameters,
    profile::{Profile, Version},
};

/// The label that says which managed resource an object belongs to.
pub(super) const OWNER: &str = "kubernetes.pnats.cloud/owner-uid";
/// Longer names do not fit into the names and labels that are made from them.
const LONGEST_NAME: usize = 48;
/// A virtual cluster as it is to be.
#[derive(Clone, Copy, Debug)]
pub(super) struct Target<'a> {
    /// Name of the virtual cluster and of its Service.
    pub(super) name: &'a str,
    /// Namespace in the host cluster.
    pub(super) namespace: &'a str,
    /// UID of the managed resource.
    pub(super) owner: &'a str,
    /// What is asked for.
    pub(super) parameters: &'a VClusterParameters,
    /// What the minor of vCluster needs.
    pub(super) profile: &'static Profile,
}

impl<'a> Target<'a> {
    /// The target of a managed resource.
    pub(super) fn of(desired: &'a Desired<VCluster>) -> Result<Self, ExternalError> {
        Self::new(
            &desired.external_name,
            (&desired.owner.namespace, &desired.owner.uid),
            &desired.parameters,
        )
    }

    /// The target, or why there can be none.
    pub(super) fn new(
        name: &'a str,
        (own_namespace, owner): (&'a str, &'a str),
        parameters: &'a VClusterParameters,
    ) -> Result<Self, ExternalError> {
        check_name(name)?;
        let namespace = namespace(parameters, own_namespace);
        let version = Version::parse(&parameters.version)?;
        let profile = Profile::of(version)?;
        profile.check_kubernetes(parameters.kubernetes_version.as_deref())?;
        check_authorities(parameters)?;
        Ok(Self {
            name,
            namespace,
            owner,
            parameters,
            profile,
        })
    }

    /// Issuer of the tokens inside.
    pub(super) fn issuer(&self) -> String {
        self.parameters
            .service_account_issuer
            .clone()
            .unwrap_or_else(|| format!("https://{}", self.service_name()))
    }

    /// The Service's name in the host cluster, as long as the host cluster's domain may differ.
    pub(super) fn service_name(&self) -> String {
        format!("{}.{}.svc", self.name, self.namespace)
    }

    /// Names and addresses for the API server's certificate, in a stable order and without repetition.
    pub(super) fn certificate_names(&self) -> Vec<String> {
        let service = self.service_name();
        let exposure = &self.parameters.exposure;
        let mut names = vec![format!("{service}.cluster.local"), service];
        names.reverse();
        names.extend(exposure.host.clone());
        names.extend(self.endpoint_name().map(str::to_owned));
        names.extend(exposure.extra_sans.iter().cloned());
        let mut seen = std::collections::BTreeSet::new();
        names.retain(|name| seen.insert(name.clone()));
        names
    }

    /// The name that clients of the published endpoint expect in the certificate.
    fn endpoint_name(&self) -> Option<&str> {
        let endpoint = self.parameters.endpoint.as_ref()?;
        endpoint
            .tls_server_name
            .as_deref()
            .or_else(|| host_of(endpoint.server.as_deref()?))
    }

    /// Name of the control plane's `ServiceAccount`.
    pub(super) fn service_account(&self) -> String {
        let own = || format!("vc-{}", self.name);
        self.parameters
            .rbac
            .service_account_name
            .clone()
            .unwrap_or_else(own)
    }

    /// Whether the control plane is a `StatefulSet`; else it is a Deployment.
    pub(super) const fn is_stateful(&self) -> bool {
        is_stateful(self.parameters)
    }

    /// Kind of the control plane's workload.
    pub(super) const fn workload_kind(&self) -> &'static str {
        if self.is_stateful() {
            "StatefulSet"
        } else {
            "Deployment"
        }
    }

    /// Whether etcd runs beside the control plane.
    pub(super) const fn has_etcd(&self) -> bool {
        matches!(
            self.parameters.backing_store.kind,
            BackingStoreType::DeployedEtcd
        )
    }

    /// Whether something is kept on volumes.
    pub(super) const fn has_claims(&self) -> bool {
        self.parameters.persistence.enabled
    }

    /// Whether there is an Ingress.
    pub(super) const fn has_ingress(&self) -> bool {
        matches!(self.parameters.exposure.kind, ExposureType::Ingress)
    }

    /// Image of the control plane.
    pub(super) fn control_plane_image(&self) -> String {
        let images = &self.parameters.images;
        images.control_plane.clone().unwrap_or_else(|| {
            let path = format!("loft-sh/vcluster-oss:{}", self.parameters.version);
            self.image("ghcr.io", &path)
        })
    }

    /// Image with the binaries of Kubernetes.
    pub(super) fn kubernetes_image(&self) -> String {
        let version = self.parameters.kubernetes_version.as_deref();
        let version = version.unwrap_or(self.profile.kubernetes);
        let images = &self.parameters.images;
        images
            .kubernetes
            .clone()
            .unwrap_or_else(|| self.image("ghcr.io", &format!("loft-sh/kubernetes:{version}")))
    }

    /// Image of etcd.
    pub(super) fn etcd_image(&self) -> String {
        let images = &self.parameters.images;
        images
            .etcd
            .clone()
            .unwrap_or_else(|| self.image("registry.k8s.io", self.profile.etcd))
    }

    /// Image of the name server inside; `None` leaves the choice to vCluster.
    pub(super) fn core_dns_image(&self) -> Option<String> {
        let images = &self.parameters.images;
        let mirrored = || {
            let mirror = images.registry.as_deref()?;
            Some(format!("{mirror}/{}", self.profile.core_dns))
        };
        images.core_dns.clone().or_else(mirrored)
    }

    /// Image that writes `/etc/hosts`, as registry, path and tag.
    pub(super) fn hosts_rewrite_image(&self) -> [String; 3] {
        let images = &self.parameters.images;
        let image = images
            .hosts_rewrite
            .clone()
            .unwrap_or_else(|| self.image("mirror.gcr.io", self.profile.hosts_rewrite));
        let (path, tag) = image.rsplit_once(':').unwrap_or((&image, "latest"));
        let (registry, repository) = path.split_once('/').unwrap_or(("docker.io", path));
        [registry, repository, tag].map(str::to_owned)
    }

    fn image(&self, upstream: &str, path: &str) -> String {
        let registry = self.parameters.images.registry.as_deref();
        format!("{}/{path}", registry.unwrap_or(upstream))
    }
}

/// Whether the control plane keeps its objects on a volume of its own.
pub(super) const fn is_stateful(parameters: &VClusterParameters) -> bool {
    parameters.persistence.enabled
        && matches!(parameters.backing_store.kind, BackingStoreType::Sqlite)
}

/// The namespace of the host cluster.
pub(super) fn namespace<'a>(parameters: &'a VClusterParameters, own: &'a str) -> &'a str {
    parameters.namespace.as_deref().unwrap_or(own)
}

/// Host part of an `https` address.
pub(super) fn host_of(server: &str) -> Option<&str> {
    let authority = server.strip_prefix("https://")?.split('/').next()?;
    match authority.strip_prefix('[') {
        Some(address) => address.split(']').next(),
        None => authority.split(':').next(),
    }
}

fn check_name(name: &str) -> Result<(), ExternalError> {
    let allowed = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-';
    let starts = name.starts_with(|c: char| c.is_ascii_lowercase());
    if !starts || !name.chars().all(allowed) || name.ends_with('-') {
        return Err(ExternalError::invalid(
            format!("{name:?} cannot be the name of a Service"),
            "use lower case letters, digits and -, a letter first",
        ));
    }
    if name.len() > LONGEST_NAME {
        return Err(ExternalError::invalid(
            format!("the name {name} has {} characters", name.len()),
            format!("use at most {LONGEST_NAME}"),
        ));
    }
    Ok(())
}

fn check_authorities(parameters: &VClusterParameters) -> Result<(), ExternalError> {
    let oidc = parameters.oidc.as_ref();
    let authorities = oidc.and_then(|oidc| oidc.ca_cert.as_deref());
    if authorities.is_none_or(are_certificates) {
        return Ok(());
    }
    Err(ExternalError::invalid(
        "oidc.caCert holds no certificate that can be read",
        "set it to the certificates in PEM of the authorities that sign the provider's certificate",
    ))
}

#[cfg(test)]
mod tests;
