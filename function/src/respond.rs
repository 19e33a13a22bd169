//! The only writer of protobuf: from a composition to a response.
//!
//! A response begins with what earlier functions in the pipeline want, so that none of it is lost, and
//! ends below the 4 MiB that Crossplane accepts.

use std::time::Duration;

use function_sdk_rust::{
    proto::v1::{
        Condition as ProtoCondition, Ready, Result as ProtoResult, RunFunctionRequest,
        RunFunctionResponse, Severity, Status, Target,
    },
    resource::{json_to_pb, json_to_struct},
    response,
};
use managed::condition::Truth;
use prost::Message;
use serde_json::Value;

use crate::compose::{Composed, Composition, Condition, Event, Standing};

/// Crossplane's gRPC client takes 4 MiB; this leaves room for framing.
const LARGEST_RESPONSE: usize = (4 << 20) - (64 << 10);
/// How long Crossplane may wait before it asks again after a refusal.
const AFTER_REFUSAL: Duration = Duration::from_mins(1);

/// The response to a request whose claim could be composed, good for the given time.
pub fn composed(
    request: &RunFunctionRequest,
    composition: &Composition,
    ttl: Duration,
) -> RunFunctionResponse {
    let mut written = response::to(request, ttl);
    for resource in &composition.resources {
        write_resource(&mut written, resource);
    }
    write_status(&mut written, &composition.status);
    written
        .conditions
        .extend(composition.conditions.iter().map(condition));
    written.results.extend(composition.events.iter().map(event));
    let size = written.encoded_len();
    if size > LARGEST_RESPONSE {
        return fatal(request, &too_large(size));
    }
    written
}

/// The response that stops the pipeline: nothing is applied, and nothing is deleted.
pub fn fatal(request: &RunFunctionRequest, message: &str) -> RunFunctionResponse {
    let mut written = response::to(request, AFTER_REFUSAL);
    response::fatal(&mut written, message).target = Some(Target::CompositeAndClaim.into());
    written
}

fn write_resource(written: &mut RunFunctionResponse, resource: &Composed) {
    let desired = response::desired_composed(written, resource.key.as_str());
    desired.resource = resource.object.as_object().map(json_to_struct);
    let ready = match resource.standing {
        Standing::Ready => Ready::True,
        Standing::Waiting(_) | Standing::Failing(_) => Ready::False,
    };
    desired.ready = ready.into();
}

/// Adds our fields to the status that earlier functions want.
fn write_status(written: &mut RunFunctionResponse, status: &Value) {
    use function_sdk_rust::proto::v1::Resource;

    let Resource { resource, .. } = response::desired_composite(written);
    let object = resource.get_or_insert_default();
    let present = object
        .fields
        .get("status")
        .map(function_sdk_rust::resource::pb_to_json);
    let mut merged = present
        .as_ref()
        .and_then(Value::as_object)
        .cloned()
        .unwrap_or_default();
    merged.extend(status.as_object().cloned().unwrap_or_default());
    object
        .fields
        .insert("status".into(), json_to_pb(&Value::Object(merged)));
}

fn condition(condition: &Condition) -> ProtoCondition {
    let status = match condition.status {
        Truth::True => Status::ConditionTrue,
        Truth::False => Status::ConditionFalse,
        Truth::Unknown => Status::ConditionUnknown,
    };
    ProtoCondition {
        r#type: condition.kind.into(),
        status: status.into(),
        reason: condition.reason.clone(),
        message: Some(condition.message.clone()),
        target: Some(Target::CompositeAndClaim.into()),
    }
}

fn event(event: &Event) -> ProtoResult {
    let severity = if event.is_warning {
        Severity::Warning
    } else {
        Severity::Normal
    };
    ProtoResult {
        severity: severity.into(),
        message: event.message.clone(),
        reason: Some(event.reason.into()),
        target: Some(Target::CompositeAndClaim.into()),
    }
}

fn too_large(size: usize) -> String {
    format!(
        "the response has {size} bytes and Crossplane takes no more than {LARGEST_RESPONSE}; \
         use fewer access entries, or fewer functions in the pipeline"
    )
}
