//! The kinds of this provider. This is the only list: CRDs, controllers, packages and the reference
//! page are all made from it.

use k8s_openapi::apiextensions_apiserver::pkg::apis::apiextensions::v1::CustomResourceDefinition;
use managed::crd;
#[cfg(feature = "backends")]
use managed::provider::Provider;

use crate::{kubernetes, postgresql, vault};

macro_rules! kinds {
    ($($backend:ident { $($kind:ident),+ $(,)? })+) => {
        /// The CRDs of every kind and of every group's provider configs, in a stable order.
        pub fn crds() -> Vec<CustomResourceDefinition> {
            let groups: Vec<Vec<CustomResourceDefinition>> = vec![$(
                [$(crd::managed::<$backend::$kind>()),+]
                    .into_iter()
                    .chain(crd::configs::<$backend::Settings>())
                    .collect(),
            )+];
            groups.concat()
        }

        /// Puts every kind under the control of `provider`.
        #[cfg(feature = "backends")]
        pub fn register(provider: &mut Provider) {
            $(
                let group = provider.group($backend::Connector::default());
                $(provider.kind::<$backend::$kind, _>(&group);)+
            )+
        }
    };
}

kinds! {
    kubernetes { ClusterConnection, VCluster, ArgoCdCluster, RemoteObject, ServiceAccountToken }
    postgresql { Database, Role, Grant, DefaultPrivileges }
    vault { KvSecret, Policy, Mount, AuthMount, JwtAuthConfig, JwtAuthRole, KubernetesAuthConfig, KubernetesAuthRole }
}
