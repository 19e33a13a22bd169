//! `CustomResourceDefinition`s, derived from the declarations.
//!
//! One storage version, no conversion webhook; what can be refused at admission is refused there by
//! CEL rules. Output is deterministic.

use k8s_openapi::apiextensions_apiserver::pkg::apis::apiextensions::v1::{
    CustomResourceColumnDefinition, CustomResourceDefinition, CustomResourceDefinitionNames,
    CustomResourceDefinitionSpec, CustomResourceDefinitionVersion, CustomResourceSubresourceStatus,
    CustomResourceSubresources, CustomResourceValidation, JSONSchemaProps,
};
use kube::core::schema::{OptionalEnum, StructuralSchemaRewriter};
use schemars::{JsonSchema, generate::SchemaGenerator, generate::SchemaSettings};
use serde_json::{Value, json};

use crate::{
    config::{ConfigKind, ConfigRef, ConfigStatus, ProviderSettings, UserRef},
    kind::Kind,
    resource::{Spec, Status},
};

/// The structural schema of a type, as a CRD or an XRD carries it.
pub fn schema<T: JsonSchema>() -> Value {
    generator().into_root_schema_for::<T>().to_value()
}

fn generator() -> SchemaGenerator {
    SchemaSettings::openapi3()
        .with(|settings| {
            settings.inline_subschemas = true;
            settings.meta_schema = None;
        })
        .with_transform(StructuralSchemaRewriter)
        .with_transform(OptionalEnum)
        .into_generator()
}

/// The CRD of a managed kind.
pub fn managed<K: Kind>() -> CustomResourceDefinition {
    let mut spec = schema::<Spec<K>>();
    add_rules(&mut spec, &K::rules());
    describe(&mut spec, "What is wanted.");
    let mut status = schema::<Status<K>>();
    describe(&mut status, "What was found and done.");
    Definition {
        group: K::GROUP,
        version: K::VERSION,
        kind: K::KIND,
        plural: K::PLURAL,
        short_names: K::SHORT_NAMES,
        categories: &["crossplane", "managed", K::CATEGORY],
        scope: "Namespaced",
        columns: managed_columns(),
        schema: object(
            K::DESCRIPTION,
            &json!({ "spec": spec, "status": status }),
            &["spec"],
        ),
        has_status: true,
    }
    .build()
}

/// The CRDs of a group's provider configs and of their usages.
pub fn configs<S: ProviderSettings>() -> [CustomResourceDefinition; 3] {
    [
        config::<S>(ConfigKind::ProviderConfig, "Namespaced"),
        config::<S>(ConfigKind::ClusterProviderConfig, "Cluster"),
        usage::<S>(),
    ]
}

fn config<S: ProviderSettings>(kind: ConfigKind, scope: &'static str) -> CustomResourceDefinition {
    let mut spec = schema::<S>();
    add_rules(&mut spec, &S::rules());
    describe(&mut spec, "Address and credentials of the server.");
    let mut status = schema::<ConfigStatus>();
    describe(&mut status, "Users and readiness.");
    let description = match scope {
        "Cluster" => {
            "Address and credentials of a server, for managed resources in every namespace."
        }
        _ => "Address and credentials of a server, for managed resources in the same namespace.",
    };
    Definition {
        group: S::GROUP,
        version: S::VERSION,
        kind: kind.as_str(),
        plural: kind.plural(),
        short_names: &[],
        categories: &["crossplane", "provider", S::CATEGORY],
        scope,
        columns: config_columns(),
        schema: object(
            description,
            &json!({ "spec": spec, "status": status }),
            &["spec"],
        ),
        has_status: true,
    }
    .build()
}

fn usage<S: ProviderSettings>() -> CustomResourceDefinition {
    let properties = json!({
        "providerConfigRef": schema::<ConfigRef>(),
        "resourceRef": schema::<UserRef>(),
    });
    Definition {
        group: S::GROUP,
        version: S::VERSION,
        kind: "ProviderConfigUsage",
        plural: "providerconfigusages",
        short_names: &[],
        categories: &["crossplane", "provider", S::CATEGORY],
        scope: "Namespaced",
        columns: usage_columns(),
        schema: object(
            "Notes that a managed resource uses a provider config.",
            &properties,
            &["providerConfigRef", "resourceRef"],
        ),
        has_status: false,
    }
    .build()
}

struct Definition {
    group: &'static str,
    version: &'static str,
    kind: &'static str,
    plural: &'static str,
    short_names: &'static [&'static str],
    categories: &'static [&'static str],
    scope: &'static str,
    columns: Vec<CustomResourceColumnDefinition>,
    schema: Value,
    has_status: bool,
}

impl Definition {
    fn build(self) -> CustomResourceDefinition {
        let names = self.names();
        CustomResourceDefinition {
            metadata: kube::core::ObjectMeta {
                name: Some(format!("{}.{}", self.plural, self.group)),
                ..Default::default()
            },
            spec: CustomResourceDefinitionSpec {
                group: self.group.into(),
                names,
                scope: self.scope.into(),
                versions: vec![self.version()],
                ..Default::default()
            },
            status: None,
        }
    }

    fn names(&self) -> CustomResourceDefinitionNames {
        let owned = |names: &[&str]| {
            names
                .iter()
                .map(|name| (*name).to_owned())
                .collect::<Vec<_>>()
        };
        CustomResourceDefinitionNames {
            categories: Some(owned(self.categories)),
            kind: self.kind.into(),
            list_kind: Some(format!("{}List", self.kind)),
            plural: self.plural.into(),
            short_names: Some(owned(self.short_names)).filter(|names| !names.is_empty()),
            singular: Some(self.kind.to_lowercase()),
        }
    }

    fn version(self) -> CustomResourceDefinitionVersion {
        let schema: JSONSchemaProps =
            serde_json::from_value(self.schema).expect("schemars emits JSON schema");
        CustomResourceDefinitionVersion {
            additional_printer_columns: Some(self.columns),
            name: self.version.into(),
            schema: Some(CustomResourceValidation {
                open_api_v3_schema: Some(schema),
            }),
            served: true,
            storage: true,
            subresources: self.has_status.then(|| CustomResourceSubresources {
                scale: None,
                status: Some(CustomResourceSubresourceStatus(json!({}))),
            }),
            ..Default::default()
        }
    }
}

fn object(description: &str, properties: &Value, required: &[&str]) -> Value {
    json!({
        "description": description,
        "type": "object",
        "properties": properties,
        "required": required,
    })
}

fn describe(schema: &mut Value, description: &str) {
    schema["description"] = description.into();
    if let Some(schema) = schema.as_object_mut() {
        schema.remove("title");
    }
}

fn add_rules(schema: &mut Value, rules: &[(&str, &str)]) {
    if rules.is_empty() {
        return;
    }
    let added = rules
        .iter()
        .map(|(rule, message)| json!({ "rule": rule, "message": message }));
    match schema["x-kubernetes-validations"].as_array_mut() {
        Some(present) => present.extend(added),
        None => schema["x-kubernetes-validations"] = added.collect(),
    }
}

fn column(name: &str, kind: &str, path: &str) -> CustomResourceColumnDefinition {
    CustomResourceColumnDefinition {
        name: name.into(),
        type_: kind.into(),
        json_path: path.into(),
        ..Default::default()
    }
}

fn condition_column(name: &str, condition: &str) -> CustomResourceColumnDefinition {
    column(
        name,
        "string",
        &format!(".status.conditions[?(@.type=='{condition}')].status"),
    )
}

fn age() -> CustomResourceColumnDefinition {
    column("AGE", "date", ".metadata.creationTimestamp")
}

fn managed_columns() -> Vec<CustomResourceColumnDefinition> {
    vec![
        condition_column("READY", "Ready"),
        condition_column("SYNCED", "Synced"),
        column("DRIFT", "string", ".status.drift[*].field"),
        column(
            "EXTERNAL-NAME",
            "string",
            r".metadata.annotations.crossplane\.io/external-name",
        ),
        age(),
    ]
}

fn config_columns() -> Vec<CustomResourceColumnDefinition> {
    vec![
        condition_column("READY", "Ready"),
        condition_column("RIGHTS", "RightsComplete"),
        column("SERVER", "string", ".status.server"),
        column("USERS", "integer", ".status.users"),
        age(),
    ]
}

fn usage_columns() -> Vec<CustomResourceColumnDefinition> {
    vec![
        column("CONFIG-NAME", "string", ".providerConfigRef.name"),
        column("RESOURCE-KIND", "string", ".resourceRef.kind"),
        column("RESOURCE-NAME", "string", ".resourceRef.name"),
        age(),
    ]
}

#[cfg(all(test, feature = "runtime"))]
mod tests {
    use super::*;
    use crate::testing::{Fake, FakeSettings};

    #[test]
    fn a_managed_crd_has_crossplanes_columns_categories_and_status() {
        let crd = managed::<Fake>();
        assert_eq!(crd.metadata.name.as_deref(), Some("fakes.example.org"));
        assert_eq!(crd.spec.scope, "Namespaced");
        let categories = crd.spec.names.categories.clone().unwrap();
        assert_eq!(categories, ["crossplane", "managed", "fake"]);
        let version = &crd.spec.versions[0];
        let columns = version.additional_printer_columns.iter().flatten();
        let columns: Vec<_> = columns.map(|column| column.name.as_str()).collect();
        assert_eq!(
            columns,
            ["READY", "SYNCED", "DRIFT", "EXTERNAL-NAME", "AGE"]
        );
        assert!(version.subresources.as_ref().unwrap().status.is_some());
        let schema = serde_json::to_value(version.schema.as_ref().unwrap()).unwrap();
        let status = &schema["openAPIV3Schema"]["properties"]["status"]["properties"];
        assert_eq!(status["conditions"]["x-kubernetes-list-type"], "map");
        assert_eq!(
            status["conditions"]["x-kubernetes-list-map-keys"],
            json!(["type"])
        );
    }

    #[test]
    fn the_kinds_of_a_config_have_crossplanes_names_and_scopes() {
        let crds = configs::<FakeSettings>();
        let names = crds.map(|crd| format!("{} {}", crd.spec.names.kind, crd.spec.scope));
        assert_eq!(
            names,
            [
                "ProviderConfig Namespaced",
                "ClusterProviderConfig Cluster",
                "ProviderConfigUsage Namespaced"
            ]
        );
    }

    #[test]
    fn init_provider_has_the_fields_of_for_provider_and_requires_none() {
        let schema = schema::<Spec<Fake>>();
        let (init, given) = (
            &schema["properties"]["initProvider"],
            &schema["properties"]["forProvider"],
        );
        let names = |schema: &Value| {
            let properties = schema["properties"].as_object().unwrap();
            properties.keys().cloned().collect::<Vec<_>>()
        };
        assert_eq!(names(init), names(given));
        assert!(init.get("required").is_none());
    }
}
