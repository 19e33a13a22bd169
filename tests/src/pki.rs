//! The testbed's own certificate authorities and what they sign.
//!
//! One authority signs every server and client of the cluster, PostgreSQL and OpenBao; a second one only signs the front
//! proxy, because Kubernetes wants the two apart. All of it is made anew by each start from nothing.

use std::path::Path;

use rcgen::{
    BasicConstraints, CertificateParams, CertifiedIssuer, DnType, ExtendedKeyUsagePurpose, IsCa,
    KeyPair, KeyUsagePurpose,
};

use crate::network::ADDRESS;
use crate::paths::{Paths, read, write, write_private};

/// First address of the service network: the API server, as pods see it.
const API_SERVICE: &str = "10.96.0.1";

/// The name the only node has.
pub(crate) const NODE: &str = "testbed";

struct Leaf {
    file: &'static str,
    name: String,
    group: Option<&'static str>,
    hosts: Vec<&'static str>,
}

impl Leaf {
    fn server(file: &'static str, name: &str, hosts: &[&'static str]) -> Self {
        let hosts = [hosts, &["localhost", "127.0.0.1", ADDRESS]].concat();
        Self {
            file,
            name: name.to_owned(),
            group: None,
            hosts,
        }
    }

    fn client(file: &'static str, name: &str, group: Option<&'static str>) -> Self {
        Self {
            file,
            name: name.to_owned(),
            group,
            hosts: Vec::new(),
        }
    }

    fn issue(&self, authority: &CertifiedIssuer<'_, KeyPair>, paths: &Paths) -> anyhow::Result<()> {
        let key = KeyPair::generate()?;
        let hosts: Vec<String> = self.hosts.iter().map(ToString::to_string).collect();
        let mut params = named(CertificateParams::new(hosts)?, &self.name);
        if let Some(group) = self.group {
            params
                .distinguished_name
                .push(DnType::OrganizationName, group);
        }
        params.use_authority_key_identifier_extension = true;
        params.key_usages = vec![KeyUsagePurpose::DigitalSignature];
        params.extended_key_usages = vec![
            ExtendedKeyUsagePurpose::ServerAuth,
            ExtendedKeyUsagePurpose::ClientAuth,
        ];
        let certificate = params.signed_by(&key, authority)?;
        write(&paths.pki(&format!("{}.crt", self.file)), certificate.pem())?;
        write_private(
            &paths.pki(&format!("{}.key", self.file)),
            key.serialize_pem(),
        )
    }
}

/// Makes every certificate and key, and the kubeconfigs of those who speak to the API server at `server`.
pub(crate) fn create(paths: &Paths, server: &str) -> anyhow::Result<()> {
    let authority = authority("tenancy testbed", "ca", paths)?;
    for leaf in leaves() {
        leaf.issue(&authority, paths)?;
    }
    let front = self::authority("tenancy testbed front proxy", "front-ca", paths)?;
    Leaf::client("front-proxy", "front-proxy-client", None).issue(&front, paths)?;
    let signer = KeyPair::generate()?;
    write(&paths.pki("service-account.pub"), signer.public_key_pem())?;
    write_private(&paths.pki("service-account.key"), signer.serialize_pem())?;
    for client in [
        "admin",
        "controller-manager",
        "scheduler",
        "kubelet",
        "proxy",
    ] {
        kubeconfig(paths, client, server)?;
    }
    Ok(())
}

fn leaves() -> Vec<Leaf> {
    let api = [
        "kubernetes",
        "kubernetes.default",
        "kubernetes.default.svc",
        "kubernetes.default.svc.cluster.local",
        API_SERVICE,
    ];
    let postgres = [
        "postgres",
        "postgres.shared-services",
        "postgres.shared-services.svc",
        "postgres.shared-services.svc.cluster.local",
    ];
    let openbao = [
        "vault",
        "vault.vault",
        "vault.vault.svc",
        "vault.vault.svc.cluster.local",
    ];
    vec![
        Leaf::server("apiserver", "kube-apiserver", &api),
        Leaf::server("postgres", "postgres", &postgres),
        Leaf::server("openbao", "openbao", &openbao),
        Leaf {
            group: Some("system:nodes"),
            ..Leaf::server("kubelet", &format!("system:node:{NODE}"), &[NODE])
        },
        Leaf::client("admin", "admin", Some("system:masters")),
        Leaf::client("controller-manager", "system:kube-controller-manager", None),
        Leaf::client("scheduler", "system:kube-scheduler", None),
        Leaf::client("proxy", "system:kube-proxy", None),
    ]
}

fn authority(
    name: &str,
    file: &str,
    paths: &Paths,
) -> anyhow::Result<CertifiedIssuer<'static, KeyPair>> {
    let mut params = named(CertificateParams::default(), name);
    params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    params.key_usages = vec![
        KeyUsagePurpose::KeyCertSign,
        KeyUsagePurpose::CrlSign,
        KeyUsagePurpose::DigitalSignature,
    ];
    let authority = CertifiedIssuer::self_signed(params, KeyPair::generate()?)?;
    write(&paths.pki(&format!("{file}.crt")), authority.pem())?;
    write_private(
        &paths.pki(&format!("{file}.key")),
        authority.key().serialize_pem(),
    )?;
    Ok(authority)
}

fn named(mut params: CertificateParams, name: &str) -> CertificateParams {
    params.distinguished_name.push(DnType::CommonName, name);
    params
}

fn kubeconfig(paths: &Paths, client: &str, server: &str) -> anyhow::Result<()> {
    let text = |extension: &str| read(&paths.pki(&format!("{client}.{extension}")));
    let user = serde_json::json!({
        "client-certificate-data": base64(&text("crt")?),
        "client-key-data": base64(&text("key")?),
    });
    write_kubeconfig(
        paths,
        &paths.state(&format!("{client}.kubeconfig")),
        server,
        &user,
    )
}

/// Writes a kubeconfig with one context: the cluster, and `user` as its client.
pub(crate) fn write_kubeconfig(
    paths: &Paths,
    path: &Path,
    server: &str,
    user: &serde_json::Value,
) -> anyhow::Result<()> {
    let authority = base64(&read(&paths.pki("ca.crt"))?);
    let config = serde_json::json!({
        "apiVersion": "v1",
        "kind": "Config",
        "clusters": [{"name": "testbed", "cluster": {"server": server, "certificate-authority-data": authority}}],
        "users": [{"name": "user", "user": user}],
        "contexts": [{"name": "testbed", "context": {"cluster": "testbed", "user": "user"}}],
        "current-context": "testbed",
    });
    write_private(path, serde_json::to_vec_pretty(&config)?)
}

fn base64(text: &str) -> String {
    use base64::Engine;
    base64::engine::general_purpose::STANDARD.encode(text)
}
