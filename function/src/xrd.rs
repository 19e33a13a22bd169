//! Composite resource definitions and Compositions, made from the typed claims.
//!
//! Two packages are made from the same types: [`namespaced`] for composites that users write
//! themselves, [`claims`] for classic claims. What a user writes is the same under both. The machinery
//! of Crossplane (`spec.crossplane`, `claimRef`, `status.conditions`) is added by Crossplane.

use serde_json::{Value, json};

use crate::claim::{Claim, PostgresqlInstance, VirtualCluster};

/// Name of the Function object that the Compositions refer to.
pub const FUNCTION: &str = "function-tenancy";

/// A manifest and the name of its file.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Manifest {
    /// Name of the file, without folder.
    pub file: String,
    /// The object.
    pub object: Value,
}

/// Everything in configuration-tenancy: definitions of scope Namespaced, and their Compositions.
pub fn namespaced() -> Vec<Manifest> {
    [
        as_composite::<PostgresqlInstance>(),
        as_composite::<VirtualCluster>(),
    ]
    .concat()
}

/// Everything in configuration-tenancy-claims: definitions with claims, and their Compositions.
pub fn claims() -> Vec<Manifest> {
    [
        as_claim::<PostgresqlInstance>(),
        as_claim::<VirtualCluster>(),
    ]
    .concat()
}

fn as_composite<C: Claim>() -> Vec<Manifest> {
    let definition = namespaced_definition::<C>();
    manifests(C::PLURAL, definition, composition::<C>(C::KIND, C::PLURAL))
}

fn as_claim<C: Claim>() -> Vec<Manifest> {
    let plural = composite_plural::<C>();
    let composition = composition::<C>(&composite_kind::<C>(), &plural);
    manifests(&plural, claim_definition::<C>(), composition)
}

fn manifests(plural: &str, definition: Value, composition: Value) -> Vec<Manifest> {
    vec![
        Manifest {
            file: format!("{plural}.xrd.yaml"),
            object: definition,
        },
        Manifest {
            file: format!("{plural}.composition.yaml"),
            object: composition,
        },
    ]
}

fn namespaced_definition<C: Claim>() -> Value {
    json!({
        "apiVersion": "apiextensions.crossplane.io/v2",
        "kind": "CompositeResourceDefinition",
        "metadata": { "name": full_name::<C>(C::PLURAL) },
        "spec": {
            "scope": "Namespaced",
            "group": C::GROUP,
            "names": names::<C>(),
            "defaultCompositionRef": { "name": full_name::<C>(C::PLURAL) },
            "versions": [version::<C>()],
        },
    })
}

fn claim_definition<C: Claim>() -> Value {
    let (kind, plural) = (composite_kind::<C>(), composite_plural::<C>());
    json!({
        "apiVersion": "apiextensions.crossplane.io/v1",
        "kind": "CompositeResourceDefinition",
        "metadata": { "name": full_name::<C>(&plural) },
        "spec": {
            "scope": "LegacyCluster",
            "group": C::GROUP,
            "names": { "kind": kind, "plural": plural },
            "claimNames": names::<C>(),
            "defaultCompositionRef": { "name": full_name::<C>(&plural) },
            "versions": [version::<C>()],
        },
    })
}

fn composition<C: Claim>(kind: &str, plural: &str) -> Value {
    json!({
        "apiVersion": "apiextensions.crossplane.io/v1",
        "kind": "Composition",
        "metadata": { "name": full_name::<C>(plural) },
        "spec": {
            "compositeTypeRef": { "apiVersion": format!("{}/{}", C::GROUP, C::VERSION), "kind": kind },
            "mode": "Pipeline",
            "pipeline": [{ "step": "tenancy", "functionRef": { "name": FUNCTION } }],
        },
    })
}

fn version<C: Claim>() -> Value {
    json!({
        "name": C::VERSION,
        "served": true,
        "referenceable": true,
        "additionalPrinterColumns": C::COLUMNS.iter().map(|column| json!({
            "name": column.name,
            "type": "string",
            "jsonPath": column.path,
            "priority": i32::from(column.wide),
        })).collect::<Vec<_>>(),
        "schema": { "openAPIV3Schema": schema::<C>() },
    })
}

fn schema<C: Claim>() -> Value {
    let rules = C::RULES
        .iter()
        .map(|(rule, message)| json!({ "rule": rule, "message": message }));
    json!({
        "type": "object",
        "description": C::DESCRIPTION,
        "required": ["spec"],
        "properties": {
            "spec": described(managed::crd::schema::<C::Spec>(), "What is wanted."),
            "status": described(managed::crd::schema::<C::Status>(), "What was made of it."),
        },
        "x-kubernetes-validations": rules.collect::<Vec<_>>(),
    })
}

fn described(mut schema: Value, description: &str) -> Value {
    schema["description"] = description.into();
    if let Some(schema) = schema.as_object_mut() {
        schema.remove("title");
    }
    schema
}

fn names<C: Claim>() -> Value {
    json!({
        "kind": C::KIND,
        "plural": C::PLURAL,
        "singular": C::KIND.to_lowercase(),
        "shortNames": C::SHORT_NAMES,
    })
}

fn full_name<C: Claim>(plural: &str) -> String {
    format!("{plural}.{}", C::GROUP)
}

fn composite_kind<C: Claim>() -> String {
    format!("X{}", C::KIND)
}

fn composite_plural<C: Claim>() -> String {
    format!("x{}", C::PLURAL)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Fields that Crossplane adds to composites and claims; it would overwrite ours.
    const MACHINERY: [&str; 12] = [
        "crossplane",
        "claimRef",
        "resourceRef",
        "resourceRefs",
        "compositionRef",
        "compositionSelector",
        "compositionRevisionRef",
        "compositionRevisionSelector",
        "compositionUpdatePolicy",
        "compositeDeletePolicy",
        "writeConnectionSecretToRef",
        "publishConnectionDetailsTo",
    ];

    fn schemas() -> [Value; 2] {
        [schema::<PostgresqlInstance>(), schema::<VirtualCluster>()]
    }

    fn undescribed(path: &str, schema: &Value, found: &mut Vec<String>) {
        for (name, field) in schema["properties"].as_object().into_iter().flatten() {
            let path = format!("{path}.{name}");
            if field["description"].as_str().is_none_or(str::is_empty) {
                found.push(path.clone());
            }
            undescribed(&path, field, found);
            undescribed(&path, &field["items"], found);
        }
    }

    #[test]
    fn every_field_has_a_description() {
        let mut found = Vec::new();
        for schema in schemas() {
            undescribed("", &schema, &mut found);
        }
        assert_eq!(found, Vec::<String>::new());
    }

    #[test]
    fn no_field_is_one_that_crossplane_adds() {
        for schema in schemas() {
            let fields = |part: &str| schema["properties"][part]["properties"].clone();
            let (spec, status) = (fields("spec"), fields("status"));
            assert!(MACHINERY.iter().all(|name| spec.get(name).is_none()));
            for name in [
                "conditions",
                "connectionDetails",
                "claimConditionTypes",
                "crossplane",
            ] {
                assert!(status.get(name).is_none(), "{name}");
            }
        }
    }

    #[test]
    fn both_packages_have_the_same_schema() {
        let versions = |manifests: Vec<Manifest>| -> Vec<_> {
            let definitions = manifests.into_iter().step_by(2);
            definitions
                .map(|manifest| manifest.object["spec"]["versions"].clone())
                .collect()
        };
        assert_eq!(versions(namespaced()), versions(claims()));
    }

    #[test]
    fn a_composite_and_its_claim_differ_in_kind_and_plural() {
        let definition = &claims()[0].object["spec"];
        assert_eq!(definition["names"]["kind"], "XPostgreSQLInstance");
        assert_eq!(definition["claimNames"]["kind"], "PostgreSQLInstance");
        assert_ne!(
            definition["names"]["plural"],
            definition["claimNames"]["plural"]
        );
    }

    #[test]
    fn every_composition_refers_to_the_composite_of_its_package() {
        let manifests = [namespaced(), claims()].concat();
        for pair in manifests.chunks(2) {
            let [definition, composition] = pair else {
                panic!("a definition and a composition")
            };
            let names = &definition.object["spec"]["names"];
            assert_eq!(
                composition.object["spec"]["compositeTypeRef"]["kind"],
                names["kind"]
            );
            let default = &definition.object["spec"]["defaultCompositionRef"]["name"];
            assert_eq!(&composition.object["metadata"]["name"], default);
        }
    }
}
