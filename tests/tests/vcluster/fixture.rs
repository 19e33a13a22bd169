//! A namespace, a session with the rights that the examples give, and a virtual cluster that is
//! reconciled as the runtime does it.

use std::path::Path;
use std::time::{Duration, Instant};

use kube::Client;
use kube::config::{Config, KubeConfigOptions, Kubeconfig};
use managed::ConnectionDetails;
use managed::external::{Desired, ExternalClient, ExternalError, Observation, Owner, Readiness};
use managed::input::Resolved;
use provider_tenancy::kubeconfig::{Access, Remotes};
use provider_tenancy::kubernetes::allowance::Allowance;
use provider_tenancy::kubernetes::vcluster::{Images, VClusterObservation, VClusterParameters};
use provider_tenancy::kubernetes::{Session, VCluster};
use serde_json::{Value, json};
use testbed::{BUSYBOX, COREDNS, ETCD, Namespace, Testbed, VCLUSTER, VCLUSTER_KUBERNETES};

const ROLES: &str = include_str!("../../../examples/install/vcluster-rbac.yaml");
const MANAGED: &str = include_str!("../../../examples/install/optional/vcluster-managed-rbac.yaml");
const PROVIDER: &str = "provider";
/// Name of every virtual cluster here.
pub(crate) const NAME: &str = "dev";

/// A namespace of the host cluster and a session that may do there what the examples allow.
pub(crate) struct Fixture {
    pub(crate) testbed: Testbed,
    pub(crate) session: Session,
    namespace: Namespace,
}

impl Fixture {
    pub(crate) async fn new() -> Self {
        let testbed = Testbed::shared().await.unwrap();
        testbed.import_vcluster_images().await.unwrap();
        testbed.apply(ROLES).await.unwrap();
        let namespace = testbed.namespace("vcluster").await.unwrap();
        testbed.apply(&identity(namespace.name())).await.unwrap();
        let lifetime = Duration::from_secs(3600);
        let kubeconfig = testbed
            .service_account_kubeconfig(namespace.name(), PROVIDER, lifetime)
            .await
            .unwrap();
        let host = client(&kubeconfig).await;
        Self {
            session: Session::new(host.clone(), host, Allowance::default(), Remotes::default()),
            testbed,
            namespace,
        }
    }

    pub(crate) fn namespace(&self) -> &str {
        self.namespace.name()
    }

    /// Lets the session make roles in the namespace, by the example for that.
    pub(crate) async fn let_roles_be_made(&self) {
        self.testbed.apply(MANAGED).await.unwrap();
        let account = format!("--serviceaccount={}:{PROVIDER}", self.namespace());
        let role = "--clusterrole=provider-tenancy-vcluster-roles";
        self.kubectl(&["create", "rolebinding", "provider-roles", role, &account])
            .await;
    }

    /// Waits until the namespace is gone, which says that nothing in it holds it up.
    pub(crate) async fn finish(self) {
        let client = self.testbed.client();
        let limit = Duration::from_secs(60);
        self.namespace.finish(client, limit).await.unwrap();
    }

    /// Parameters for the images of the testbed, without a volume.
    pub(crate) fn parameters() -> VClusterParameters {
        let mut parameters = VClusterParameters::new("0.36.1");
        parameters.images = Images {
            control_plane: Some(VCLUSTER.into()),
            kubernetes: Some(VCLUSTER_KUBERNETES.into()),
            core_dns: Some(COREDNS.into()),
            etcd: Some(ETCD.into()),
            hosts_rewrite: Some(BUSYBOX.into()),
            ..Images::default()
        };
        parameters.persistence.enabled = false;
        parameters
    }

    /// A resource as the runtime keeps it.
    pub(crate) fn resource(&self, parameters: VClusterParameters) -> Desired<VCluster> {
        Desired {
            deleting: false,
            external_name: NAME.into(),
            parameters,
            inputs: Resolved::default(),
            connection: Some(ConnectionDetails::none()),
            ledger: std::collections::BTreeSet::new(),
            last: VClusterObservation::default(),
            owner: Owner {
                uid: format!("uid-of-{}", self.namespace()),
                namespace: self.namespace().into(),
                name: NAME.into(),
                kind: "vcluster.kubernetes.pnats.cloud".into(),
                config: "ClusterProviderConfig default".into(),
            },
        }
    }

    /// One pass: look, and create or update. Returns what was found before, by its fields.
    pub(crate) async fn pass(
        &self,
        resource: &mut Desired<VCluster>,
    ) -> Result<Vec<String>, ExternalError> {
        let found = self.session.observe(resource).await?;
        resource.ledger.extend(self.session.ledger(resource));
        match found {
            Observation::Absent => {
                self.session.create(resource).await?;
                Ok(vec!["absent".into()])
            }
            Observation::Present {
                at_provider, drift, ..
            } => {
                resource.last = at_provider;
                if !drift.is_empty() {
                    self.session.update(resource, &drift).await?;
                }
                Ok(drift.into_iter().map(|drift| drift.field).collect())
            }
        }
    }

    /// Passes until the virtual cluster is ready, and what is then published.
    pub(crate) async fn until_ready(&self, resource: &mut Desired<VCluster>) -> Access {
        let begin = Instant::now();
        loop {
            self.pass(resource).await.unwrap();
            let Observation::Present {
                at_provider,
                ready,
                connection_details,
                ..
            } = self.session.observe(resource).await.unwrap()
            else {
                panic!("nothing is there after a pass");
            };
            resource.last = at_provider;
            match ready {
                Readiness::Ready => {
                    let kubeconfig = connection_details.get("kubeconfig").unwrap();
                    resource.connection = Some(connection_details.clone());
                    return Access::parse(kubeconfig).unwrap();
                }
                Readiness::Creating(_) | Readiness::NotReady(_)
                    if !connection_details.is_empty() =>
                {
                    panic!("published before it was proven");
                }
                Readiness::Creating(why) | Readiness::NotReady(why)
                    if begin.elapsed() > Duration::from_secs(180) =>
                {
                    panic!("not ready after three minutes: {why}; {:?}", resource.last);
                }
                Readiness::Creating(_) | Readiness::NotReady(_) => {
                    tokio::time::sleep(Duration::from_secs(1)).await;
                }
            }
        }
    }

    /// A client of the virtual cluster. The Service's name resolves inside the host cluster only.
    pub(crate) async fn inside(&self, access: Access) -> Client {
        let service = self.live("service", NAME).await;
        let address = service["spec"]["clusterIP"].as_str().unwrap();
        let (server, name) = (format!("https://{address}:443"), access.host());
        let access = access.at(Some(&server), Some(&name)).unwrap();
        access.client().unwrap()
    }

    /// Deletes the resource, as often as the runtime would.
    pub(crate) async fn delete(&self, resource: &mut Desired<VCluster>) {
        resource.deleting = true;
        for _ in 0..10 {
            if matches!(
                self.session.observe(resource).await.unwrap(),
                Observation::Absent
            ) {
                return;
            }
            match self.session.delete(resource).await {
                Ok(()) | Err(ExternalError::Blocked { .. }) => {}
                Err(error) => panic!("{error}"),
            }
        }
        panic!("still there");
    }

    /// An object in the namespace.
    pub(crate) async fn live(&self, kind: &str, name: &str) -> Value {
        let arguments = [
            "get",
            kind,
            name,
            "--namespace",
            self.namespace(),
            "--output=json",
        ];
        serde_json::from_str(&self.testbed.kubectl(&arguments).await.unwrap()).unwrap()
    }

    /// `kubectl` in the namespace.
    pub(crate) async fn kubectl(&self, arguments: &[&str]) -> String {
        let mut all = vec!["--namespace", self.namespace()];
        all.extend(arguments);
        self.testbed.kubectl(&all).await.unwrap()
    }

    /// What is in the namespace, but for what every namespace has and what the fixture made.
    pub(crate) async fn remains(&self) -> Vec<String> {
        let kinds = "all,secret,configmap,serviceaccount,role,rolebinding,persistentvolumeclaim,\
                     networkpolicy,resourcequota,limitrange,ingress,lease";
        let listed = self.kubectl(&["get", kinds, "--output=name"]).await;
        let is_ours = |name: &&str| {
            let always = ["serviceaccount/default", "configmap/kube-root-ca.crt"];
            let of_the_fixture = name
                .split('/')
                .nth(1)
                .is_some_and(|own| own.starts_with(PROVIDER));
            !always.contains(name) && !of_the_fixture
        };
        listed.lines().filter(is_ours).map(str::to_owned).collect()
    }

    /// Kinds, names and resource versions of the objects that carry the resource's mark.
    pub(crate) async fn versions(&self) -> String {
        let kinds = "service,secret,serviceaccount,rolebinding,deployment,statefulset";
        let columns = "--output=custom-columns=K:.kind,N:.metadata.name,G:.metadata.generation,M:.metadata.managedFields[?(@.manager==\"kubernetes.pnats.cloud/vcluster\")].time";
        self.kubectl(&[
            "get",
            kinds,
            "--selector=kubernetes.pnats.cloud/owner-uid",
            columns,
        ])
        .await
    }
}

async fn client(kubeconfig: &Path) -> Client {
    let kubeconfig = Kubeconfig::read_from(kubeconfig).unwrap();
    let options = KubeConfigOptions::default();
    let config = Config::from_custom_kubeconfig(kubeconfig, &options).await;
    Client::try_from(config.unwrap()).unwrap()
}

fn identity(namespace: &str) -> String {
    let metadata = json!({"name": PROVIDER, "namespace": namespace});
    json!({"apiVersion": "v1", "kind": "List", "items": [
        {"apiVersion": "v1", "kind": "ServiceAccount", "metadata": metadata},
        {
            "apiVersion": "rbac.authorization.k8s.io/v1",
            "kind": "RoleBinding",
            "metadata": metadata,
            "roleRef": {
                "apiGroup": "rbac.authorization.k8s.io",
                "kind": "ClusterRole",
                "name": "provider-tenancy-vclusters",
            },
            "subjects": [{"kind": "ServiceAccount", "name": PROVIDER, "namespace": namespace}],
        },
    ]})
    .to_string()
}
