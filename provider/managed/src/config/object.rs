//! Provider configs and usages as Kubernetes objects.
//!
//! By hand because `#[derive(CustomResource)]` cannot be generic over the settings.

use std::borrow::Cow;

use k8s_openapi::apimachinery::pkg::apis::meta::v1::ObjectMeta;
use kube::core::{ClusterResourceScope, NamespaceResourceScope};
use serde::{Deserialize, Deserializer, Serialize, Serializer};

use super::{
    ClusterProviderConfig, Config, ConfigKind, ConfigRef, ConfigStatus, ProviderConfig,
    ProviderConfigUsage, ProviderSettings, UserRef,
};

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Written<'a, S> {
    api_version: String,
    kind: &'static str,
    metadata: &'a ObjectMeta,
    spec: &'a S,
    #[serde(skip_serializing_if = "Option::is_none")]
    status: &'a Option<ConfigStatus>,
}

#[derive(Deserialize)]
struct Read<S> {
    metadata: ObjectMeta,
    spec: S,
    status: Option<ConfigStatus>,
}

#[derive(Deserialize, Serialize)]
#[serde(rename_all = "camelCase")]
struct Usage {
    #[serde(default)]
    api_version: String,
    #[serde(default)]
    kind: String,
    metadata: ObjectMeta,
    provider_config_ref: ConfigRef,
    resource_ref: UserRef,
}

fn api_version<S: ProviderSettings>() -> String {
    format!("{}/{}", S::GROUP, S::VERSION)
}

macro_rules! resource {
    ($kind:ident, $plural:expr, $scope:ty) => {
        impl<S: ProviderSettings> kube::Resource for $kind<S> {
            type DynamicType = ();
            type Scope = $scope;

            fn kind((): &()) -> Cow<'_, str> {
                stringify!($kind).into()
            }
            fn group((): &()) -> Cow<'_, str> {
                S::GROUP.into()
            }
            fn version((): &()) -> Cow<'_, str> {
                S::VERSION.into()
            }
            fn api_version((): &()) -> Cow<'_, str> {
                api_version::<S>().into()
            }
            fn plural((): &()) -> Cow<'_, str> {
                $plural.into()
            }
            fn meta(&self) -> &ObjectMeta {
                &self.metadata
            }
            fn meta_mut(&mut self) -> &mut ObjectMeta {
                &mut self.metadata
            }
        }
    };
}

macro_rules! config {
    ($kind:ident, |$client:ident, $namespace:ident| $api:expr) => {
        impl<S: ProviderSettings> Serialize for $kind<S> {
            fn serialize<W: Serializer>(&self, serializer: W) -> Result<W::Ok, W::Error> {
                let Self {
                    metadata,
                    spec,
                    status,
                } = self;
                let api_version = api_version::<S>();
                Written {
                    api_version,
                    kind: stringify!($kind),
                    metadata,
                    spec,
                    status,
                }
                .serialize(serializer)
            }
        }

        impl<'de, S: ProviderSettings> Deserialize<'de> for $kind<S> {
            fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
                let Read {
                    metadata,
                    spec,
                    status,
                } = Read::deserialize(deserializer)?;
                Ok(Self {
                    metadata,
                    spec,
                    status,
                })
            }
        }

        impl<S: ProviderSettings> Config for $kind<S> {
            type Settings = S;
            const KIND: ConfigKind = ConfigKind::$kind;

            fn settings(&self) -> &S {
                &self.spec
            }
            fn status(&self) -> Option<&ConfigStatus> {
                self.status.as_ref()
            }
            #[cfg(feature = "runtime")]
            fn api($client: kube::Client, $namespace: &str) -> kube::Api<Self> {
                $api
            }
        }
    };
}

resource!(
    ProviderConfig,
    ConfigKind::ProviderConfig.plural(),
    NamespaceResourceScope
);
resource!(
    ClusterProviderConfig,
    ConfigKind::ClusterProviderConfig.plural(),
    ClusterResourceScope
);
resource!(
    ProviderConfigUsage,
    "providerconfigusages",
    NamespaceResourceScope
);
config!(ProviderConfig, |client, namespace| kube::Api::namespaced(
    client, namespace
));
config!(ClusterProviderConfig, |client, _namespace| kube::Api::all(
    client
));

impl<S: ProviderSettings> Serialize for ProviderConfigUsage<S> {
    fn serialize<W: Serializer>(&self, serializer: W) -> Result<W::Ok, W::Error> {
        Usage {
            api_version: api_version::<S>(),
            kind: "ProviderConfigUsage".into(),
            metadata: self.metadata.clone(),
            provider_config_ref: self.provider_config_ref.clone(),
            resource_ref: self.resource_ref.clone(),
        }
        .serialize(serializer)
    }
}

impl<'de, S: ProviderSettings> Deserialize<'de> for ProviderConfigUsage<S> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let usage = Usage::deserialize(deserializer)?;
        Ok(Self::new(
            usage.metadata,
            usage.provider_config_ref,
            usage.resource_ref,
        ))
    }
}
