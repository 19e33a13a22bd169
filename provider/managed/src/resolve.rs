//! From what a spec names to what it means: references become external names, inputs become values.
//!
//! Everything that was looked at is noted in [`Seen`], found or not, so that the reader wakes when it
//! appears or changes.

mod reader;

use kube::ResourceExt;

pub(crate) use self::reader::Reader;
use crate::{
    dependents::{ANY, ObjectId, Seen, Source},
    directory::{Directory, Referent},
    external::ExternalError,
    kind::Kind,
    reference::{Reference, Resolution, Selector},
    resource::ManagedResource,
};

/// Fills every pending reference of `parameters` with the external name of what it points to.
pub(crate) fn references<K: Kind>(
    directory: &Directory,
    object: &ManagedResource<K>,
    parameters: &mut K::Parameters,
    seen: &mut Seen,
) -> Result<(), ExternalError> {
    let mut first_failure = None;
    for mut reference in K::references(parameters) {
        if let Err(failure) = resolve_reference(directory, object, &mut reference, seen) {
            first_failure.get_or_insert(failure);
        }
    }
    first_failure.map_or(Ok(()), Err)
}

fn resolve_reference<K: Kind>(
    directory: &Directory,
    object: &ManagedResource<K>,
    reference: &mut Reference<'_>,
    seen: &mut Seen,
) -> Result<(), ExternalError> {
    let namespace = object.namespace().unwrap_or_default();
    let found = match (reference.reference, reference.selector) {
        (Some(named), _) => {
            let found = directory.find(reference.target, &namespace, &named.name);
            note(seen, reference, &namespace, &named.name, found.as_ref());
            found
        }
        (None, Some(selector)) if reference.is_pending() => {
            let found = select(
                directory.all(reference.target, &namespace),
                selector,
                object,
            );
            // Without a match, whatever appears or changes next may be one.
            let name = found.as_ref().map_or(ANY, |found| found.name.as_str());
            note(seen, reference, &namespace, name, found.as_ref());
            found
        }
        _ => return Ok(()),
    };
    let is_optional = reference.policy().resolution == Resolution::Optional;
    // What is only planned may build on what is only planned: names are known before anything exists.
    let is_unfinished = |found: &&Referent| !found.exists && !object.only_plans();
    match found.as_ref().filter(is_unfinished) {
        Some(_) if is_optional => return Ok(()),
        Some(found) => return Err(unfinished(reference, &found.name)),
        None if !reference.is_pending() => return Ok(()),
        None => {}
    }
    match found {
        Some(found) => *reference.value = Some(found.external_name),
        None if is_optional => {}
        None => return Err(unresolved(reference)),
    }
    Ok(())
}

fn note(
    seen: &mut Seen,
    reference: &Reference<'_>,
    namespace: &str,
    name: &str,
    found: Option<&Referent>,
) {
    let id = ObjectId {
        group: reference.target.group.into(),
        kind: reference.target.kind.into(),
        namespace: namespace.into(),
        name: name.into(),
    };
    seen.insert(
        Source::Reference(id),
        found.map(|found| found.stamp.clone()).unwrap_or_default(),
    );
}

/// The oldest match wins, then the first by name, so that every pass picks the same.
fn select<K: Kind>(
    all: Vec<Referent>,
    selector: &Selector,
    object: &ManagedResource<K>,
) -> Option<Referent> {
    let own = object
        .owner_references()
        .iter()
        .find(|owner| owner.controller == Some(true));
    let controller = own.map(|owner| owner.uid.clone());
    let matches = |candidate: &Referent| {
        let labels = selector.match_labels.iter().flatten();
        let same_labels = labels
            .into_iter()
            .all(|(key, value)| candidate.labels.get(key) == Some(value));
        let wants_controller = selector.match_controller_ref == Some(true);
        same_labels
            && (!wants_controller || (controller.is_some() && candidate.controller == controller))
    };
    all.into_iter()
        .filter(matches)
        .min_by_key(|candidate| (candidate.created, candidate.name.clone()))
}

/// Waiting here is cheaper than being refused by the server, and the first success of what is waited
/// for wakes the waiter.
fn unfinished(reference: &Reference<'_>, name: &str) -> ExternalError {
    let name = format!("{} {name}", reference.target.kind);
    let cause = format!("{name} is not there yet");
    ExternalError::blocked(name, cause, "wait for it, or see what it waits for")
}

fn unresolved(reference: &Reference<'_>) -> ExternalError {
    let kind = reference.target.kind;
    match reference.reference {
        Some(named) => ExternalError::blocked(
            format!("{kind} {}", named.name),
            format!(
                "{kind} {} named in {}Ref does not exist",
                named.name, reference.field
            ),
            "create it in this namespace, or correct the name",
        ),
        None => ExternalError::blocked(
            kind,
            format!("no {kind} matches {}Selector", reference.field),
            "create one in this namespace, or correct the selector",
        ),
    }
}
