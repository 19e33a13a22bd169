//! Goldens: request in, response out. `cargo insta review` shows what a change means to users.

use crate::fixture::{
    change, change_composed, condition, object, outlook, request, settled, shown,
};
use function_sdk_rust::proto::v1::{RunFunctionRequest, RunFunctionResponse};
use function_tenancy::run;
use serde_json::{Value, json};

fn golden(name: &str, value: &Value) {
    insta::with_settings!({
        snapshot_path => "../golden", prepend_module_to_snapshot => false, omit_expression => true, sort_maps => true,
    }, { insta::assert_yaml_snapshot!(name, value) });
}

fn in_full(name: &str) {
    golden(name, &shown(&run(&request(name))));
}

fn fails(request: &mut RunFunctionRequest, key: &str, message: &str) {
    change_composed(request, key, |object| {
        object["status"]["conditions"] = json!([
            condition("Ready", "Unknown", "Unavailable", message),
            condition("Synced", "False", "ReconcileError", message),
        ]);
    });
}

fn names(response: &RunFunctionResponse) -> Value {
    let desired = response.desired.as_ref().unwrap();
    let resources: std::collections::BTreeMap<_, _> = desired.resources.iter().collect();
    let names = resources.into_iter().map(|(key, resource)| {
        let object = object(resource);
        let external = &object["metadata"]["annotations"]["crossplane.io/external-name"];
        (
            key.clone(),
            json!({"object": object["metadata"]["name"], "server": external}),
        )
    });
    names.collect::<serde_json::Map<_, _>>().into()
}

#[test]
fn a_minimal_claim_before_anything_exists() {
    in_full("minimal");
}

#[test]
fn a_login_of_each_profile() {
    in_full("three_logins");
}

#[test]
fn a_classic_claim_is_composed_in_the_namespace_of_the_claim() {
    in_full("classic_claim");
}

#[test]
fn a_claim_whose_data_outlives_it() {
    in_full("orphan");
}

#[test]
fn a_path_and_mount_of_its_own() {
    in_full("vault_path");
}

#[test]
fn a_profile_that_does_not_exist_is_refused_by_field() {
    in_full("unknown_profile");
}

#[test]
fn what_an_earlier_function_wants_stays() {
    in_full("earlier_function");
}

#[test]
fn credentials_inside_a_cluster() {
    in_full("delivered");
    golden(
        "delivered_ready",
        &outlook(&run(&settled(&request("delivered")))),
    );
}

#[test]
fn everything_is_ready() {
    golden(
        "minimal_ready",
        &outlook(&run(&settled(&request("minimal")))),
    );
    golden(
        "three_logins_ready",
        &outlook(&run(&settled(&request("three_logins")))),
    );
}

#[test]
fn a_virtual_cluster_before_anything_exists() {
    in_full("cluster_minimal");
}

#[test]
fn an_existing_cluster_with_everything_registered() {
    in_full("cluster_existing");
}

#[test]
fn a_virtual_cluster_is_ready() {
    golden(
        "cluster_minimal_ready",
        &outlook(&run(&settled(&request("cluster_minimal")))),
    );
}

#[test]
fn without_vault_the_status_leads_to_the_secret() {
    golden(
        "vault_disabled_ready",
        &outlook(&run(&settled(&request("vault_disabled")))),
    );
}

#[test]
fn the_first_cause_is_lifted_in_its_own_words() {
    let mut request = settled(&request("minimal"));
    let sealed =
        "vault https://vault.vault.svc:8200 is sealed; unseal it, this is tried again by itself";
    fails(&mut request, "vault", sealed);
    golden("one_cause", &outlook(&run(&request)));
}

#[test]
fn names_that_do_not_fit_are_cut_and_stay_apart() {
    golden("long_names", &names(&run(&request("long_names"))));
}

#[test]
fn what_cannot_be_seen_now_stays_in_the_status() {
    let mut request = settled(&settled(&request("minimal")));
    for key in ["database", "vault"] {
        change_composed(&mut request, key, |object| {
            object.as_object_mut().unwrap().remove("status");
        });
    }
    golden("missing_status", &outlook(&run(&request)));
}

#[test]
fn a_claim_whose_names_are_taken_says_so() {
    let mut request = request("minimal");
    let composite = request
        .observed
        .as_mut()
        .unwrap()
        .composite
        .as_mut()
        .unwrap();
    change(composite, |composite| {
        let message = "Unsynced resources: database, grant-owners, login-orders, and 2 more";
        composite["status"]["conditions"] =
            json!([condition("Synced", "False", "ReconcileError", message)]);
    });
    golden("names_taken", &outlook(&run(&request)));
}
