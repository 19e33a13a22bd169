//! What must hold for every request: nothing that exists is dropped, nothing depends on chance.

use std::collections::BTreeSet;

use crate::fixture::{change, change_composed, composed, condition, object, request, settled};
use function_sdk_rust::proto::v1::{RunFunctionRequest, RunFunctionResponse, Severity};
use function_tenancy::run;
use serde_json::{Value, json};

const CLAIMS: [&str; 11] = [
    "minimal",
    "three_logins",
    "vault_disabled",
    "vault_path",
    "orphan",
    "classic_claim",
    "long_names",
    "delivered",
    "earlier_function",
    "cluster_minimal",
    "cluster_existing",
];

fn keys(response: &RunFunctionResponse) -> BTreeSet<String> {
    response
        .desired
        .as_ref()
        .unwrap()
        .resources
        .keys()
        .cloned()
        .collect()
}

fn with_spec(edit: impl FnOnce(&mut Value)) -> RunFunctionRequest {
    let mut request = request("minimal");
    change(
        request
            .observed
            .as_mut()
            .unwrap()
            .composite
            .as_mut()
            .unwrap(),
        |composite| {
            edit(&mut composite["spec"]);
        },
    );
    request
}

fn refusal(request: &RunFunctionRequest) -> String {
    let response = run(request);
    let fatal = response
        .results
        .iter()
        .find(|result| result.severity() == Severity::Fatal);
    assert_eq!(
        response.desired, request.desired,
        "a refusal wants what was wanted before"
    );
    fatal
        .map(|result| result.message.clone())
        .unwrap_or_default()
}

/// Ways in which an observed resource may be incomplete.
fn damages() -> [fn(&mut Value); 7] {
    [
        |object| drop(object.as_object_mut().unwrap().remove("status")),
        |object| drop(object.as_object_mut().unwrap().remove("spec")),
        |object| object["status"] = json!({"conditions": "nonsense"}),
        |object| object["status"]["atProvider"] = json!({"host": 7, "port": "x", "version": {}}),
        |object| object["metadata"]["deletionTimestamp"] = json!("2026-11-24T20:00:00Z"),
        |object| object["spec"]["forProvider"] = json!({"privileges": 3}),
        |object| *object = json!({"apiVersion": "v1", "kind": "Unknown"}),
    ]
}

#[test]
fn every_observed_resource_is_wanted_whatever_is_missing_in_it() {
    for name in CLAIMS {
        let settled = settled(&request(name));
        let all = keys(&run(&request(name)));
        for key in settled.observed.as_ref().unwrap().resources.keys() {
            for damage in damages() {
                let mut request = settled.clone();
                change_composed(&mut request, key, damage);
                assert_eq!(keys(&run(&request)), all, "{name}: {key}");
            }
            let mut request = settled.clone();
            request.observed.as_mut().unwrap().resources.remove(key);
            assert_eq!(keys(&run(&request)), all, "{name}: {key} is gone");
        }
    }
}

#[test]
fn the_same_request_gets_the_same_response() {
    for name in CLAIMS {
        let request = settled(&request(name));
        assert_eq!(run(&request), run(&request), "{name}");
    }
}

#[test]
fn what_is_wanted_does_not_depend_on_what_is_observed() {
    for name in CLAIMS {
        let (first, later) = (run(&request(name)), run(&settled(&request(name))));
        for (key, resource) in &first.desired.as_ref().unwrap().resources {
            let later = &later.desired.as_ref().unwrap().resources[key];
            assert_eq!(object(resource), object(later), "{name}: {key}");
        }
    }
}

#[test]
fn a_grant_of_an_older_function_leaves_its_rights_behind_before_it_goes() {
    let old = |policies: Value| {
        json!({
            "apiVersion": "postgresql.pnats.cloud/v1alpha1", "kind": "Grant",
            "metadata": {"name": "dev-orders-grant-writers-tables", "namespace": "shop"},
            "spec": {"forProvider": {"privileges": ["SELECT"]}, "managementPolicies": policies},
        })
    };
    let with = |key: &str, object: &Value| {
        let mut request = settled(&request("three_logins"));
        let resources = &mut request.observed.as_mut().unwrap().resources;
        resources.insert(key.into(), composed(object));
        request
    };
    let new = keys(&run(&request("three_logins")));
    let key = "grant-writers-tables";
    let response = run(&with(key, &old(json!(["*"]))));
    let desired = &response.desired.as_ref().unwrap().resources[key];
    let told = old(json!(["Observe", "Create", "Update", "LateInitialize"]));
    assert_eq!(object(desired), told);
    // Once that has arrived it is not wanted any more; the new ones are wanted throughout.
    assert_eq!(keys(&run(&with(key, &told))), new);
    assert!(new.is_subset(&keys(&response)));
    // A group that nobody is in any more takes its rights with it.
    let gone = with("grant-auditors-tables", &old(json!(["*"])));
    assert_eq!(keys(&run(&gone)), new);
}

#[test]
fn names_are_within_the_limits_of_where_they_are_used() {
    for name in CLAIMS {
        let response = run(&request(name));
        let mut seen = BTreeSet::new();
        for resource in response.desired.as_ref().unwrap().resources.values() {
            let object = object(resource);
            let metadata = &object["metadata"];
            assert!(metadata["name"].as_str().unwrap().len() <= 63);
            if let Some(external) = metadata["annotations"]["crossplane.io/external-name"].as_str()
            {
                assert!(external.len() <= 63, "{external}");
                assert!(
                    seen.insert((object["kind"].to_string(), external.to_owned())),
                    "{external} is there twice"
                );
            }
        }
    }
}

#[test]
fn ready_and_settled_means_no_event_and_a_long_ttl() {
    for name in CLAIMS {
        let request = settled(&settled(&request(name)));
        let response = run(&request);
        assert!(
            response.results.is_empty(),
            "{name}: {:?}",
            response.results
        );
        assert_eq!(response.meta.unwrap().ttl.unwrap().seconds, 600, "{name}");
    }
}

#[test]
fn while_crossplane_keeps_events_back_it_is_asked_to_come_again_soon() {
    let unheard = |mut request: RunFunctionRequest| {
        let observed = request.observed.as_mut().unwrap();
        change(observed.composite.as_mut().unwrap(), |composite| {
            let open = condition("Responsive", "False", "WatchCircuitOpen", "Too many events");
            composite["status"]["conditions"] = json!([open]);
        });
        run(&request).meta.unwrap().ttl.unwrap().seconds
    };
    assert_eq!(unheard(request("cluster_minimal")), 10);
    assert_eq!(unheard(settled(&request("cluster_minimal"))), 30);
}

#[test]
fn a_changed_claim_is_not_ready_before_its_resources_follow() {
    let mut request = settled(&settled(&request("minimal")));
    change(
        request
            .observed
            .as_mut()
            .unwrap()
            .composite
            .as_mut()
            .unwrap(),
        |composite| {
            composite["spec"]["database"] = json!({"connectionLimit": 5});
        },
    );
    let response = run(&request);
    let database = response
        .conditions
        .iter()
        .find(|condition| condition.r#type == "DatabaseReady")
        .unwrap();
    assert_eq!(database.reason, "Applying");
}

#[test]
fn another_first_login_keeps_the_secret_at_the_path_of_the_claim() {
    let request = |names: [&str; 2]| {
        let access = names.map(|name| json!({"name": name, "profile": "readonly"}));
        with_spec(|spec| spec["access"] = json!(access))
    };
    let path = |request: &RunFunctionRequest| {
        let response = run(request);
        object(&response.desired.unwrap().resources["vault"])["spec"]["forProvider"]["path"].clone()
    };
    assert_eq!(path(&request(["a", "b"])), path(&request(["b", "a"])));
}

#[test]
fn credentials_delivered_to_another_place_leave_the_old_one() {
    let delivered = |cluster: &str, namespace: &str| {
        let place = json!({"name": cluster, "namespace": namespace});
        let request = with_spec(|spec| spec["deliver"]["virtualCluster"] = place);
        let remote = |resource: &&String| resource.starts_with("deliver-");
        let keys: Vec<_> = keys(&run(&request))
            .iter()
            .filter(remote)
            .cloned()
            .collect();
        assert_eq!(keys.len(), 1);
        keys
    };
    let places =
        [("a", "b"), ("a", "c"), ("c", "b")].map(|(cluster, inside)| delivered(cluster, inside));
    assert_eq!(places.iter().collect::<BTreeSet<_>>().len(), 3);
    assert_eq!(places[0], delivered("a", "b"));
}

#[test]
fn a_delivery_that_is_not_wanted_any_more_is_said_to_be_off() {
    let mut request = settled(&request("delivered"));
    let composite = request.observed.as_mut().unwrap().composite.as_mut();
    change(composite.unwrap(), |composite| {
        composite["spec"].as_object_mut().unwrap().remove("deliver");
    });
    let response = run(&request);
    let delivered = |response: &RunFunctionResponse| {
        let mut conditions = response.conditions.iter();
        conditions
            .find(|condition| condition.r#type == "CredentialsDelivered")
            .map(|condition| condition.reason.clone())
    };
    assert_eq!(delivered(&response).as_deref(), Some("Disabled"));
    assert_eq!(delivered(&run(&self::request("minimal"))), None);
}

#[test]
fn a_refusal_names_the_field() {
    let twice = json!([{"name": "a", "profile": "owner"}, {"name": "a", "profile": "owner"}]);
    let cases = [
        (
            "environment",
            json!("moon"),
            "spec.environment: unknown variant `moon`",
        ),
        ("environment", Value::Null, "spec.environment: "),
        ("service", json!("No Label"), "spec.service: \"No Label\""),
        ("service", json!("s".repeat(64)), "spec.service: "),
        ("database", json!({"name": "a\"b"}), "spec.database.name: "),
        (
            "access",
            json!([{"name": "owners", "profile": "owner"}]),
            "spec.access[0].name: \"owners\"",
        ),
        ("access", twice, "spec.access[1].name: \"a\" is there twice"),
        (
            "access",
            json!([{"name": "a", "profile": "boss"}]),
            "spec.access[0].profile: unknown variant",
        ),
        ("vault", json!({"path": "a/../b"}), "spec.vault.path: "),
        (
            "deliver",
            json!({"virtualCluster": {"name": "team", "access": "nobody"}}),
            "spec.deliver.virtualCluster.access: \"nobody\" is no login of this claim",
        ),
    ];
    for (field, value, expected) in cases {
        let message = refusal(&with_spec(|spec| spec[field] = value));
        assert!(
            message.contains(expected),
            "{message:?} does not contain {expected:?}"
        );
    }
}

#[test]
fn a_composite_that_nobody_claimed_is_refused() {
    let mut request = request("classic_claim");
    change(
        request
            .observed
            .as_mut()
            .unwrap()
            .composite
            .as_mut()
            .unwrap(),
        |composite| {
            composite["spec"]
                .as_object_mut()
                .unwrap()
                .remove("claimRef");
        },
    );
    assert!(refusal(&request).contains("has no claim"));
}

#[test]
fn another_kind_is_refused() {
    let mut request = request("minimal");
    change(
        request
            .observed
            .as_mut()
            .unwrap()
            .composite
            .as_mut()
            .unwrap(),
        |composite| {
            composite["kind"] = json!("Teapot");
        },
    );
    assert!(refusal(&request).contains("kind Teapot"));
}

#[test]
fn no_secret_of_a_request_gets_into_a_response() {
    let mut request = settled(&request("minimal"));
    for resource in request.observed.as_mut().unwrap().resources.values_mut() {
        resource
            .connection_details
            .insert("password".into(), b"canary-hunter2".to_vec());
    }
    let response = format!("{:?}", run(&request));
    assert!(!response.contains("canary-hunter2"));
    assert!(!response.contains(&format!("{:?}", b"canary-hunter2")));
}

/// The API server does not take tokens for Vault, so Vault has one of its own to ask with.
#[test]
fn vault_may_ask_the_api_server_about_tokens_with_the_method_kubernetes() {
    let response = run(&request("cluster_existing"));
    let composed = &response.desired.as_ref().unwrap().resources["vault-reviewer"];
    let manifest = &object(composed)["spec"]["forProvider"]["manifest"];
    assert_eq!(manifest["kind"], "ClusterRoleBinding");
    assert_eq!(manifest["roleRef"]["name"], "system:auth-delegator");
    let account = json!({"kind": "ServiceAccount", "name": "external-secrets", "namespace": "external-secrets-system"});
    assert_eq!(manifest["subjects"], json!([account]));
    let config = &response.desired.as_ref().unwrap().resources["vault-config"];
    let reviewer = &object(config)["spec"]["forProvider"]["reviewer"];
    assert_eq!(reviewer["serviceAccount"]["name"], "external-secrets");
    assert!(!keys(&run(&request("cluster_minimal"))).contains("vault-reviewer"));
}
