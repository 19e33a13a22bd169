//! What the runtime does in a pass, in a few lines: observe, store credentials, act, and observe that nothing differs any more.

use std::collections::BTreeSet;

use managed::{
    external::{Connector, Desired, ExternalClient, ExternalError, Observation, Owner},
    input::Resolved,
    kind::Kind,
    rehearsal::{PlannedStep, Rehearsal},
};

/// A resource that nobody has looked at yet.
pub(crate) fn wanted<K: Kind>(name: &str, parameters: K::Parameters) -> Desired<K> {
    Desired {
        deleting: false,
        external_name: name.to_owned(),
        parameters,
        inputs: Resolved::default(),
        connection: None,
        ledger: BTreeSet::new(),
        last: K::Observation::default(),
        owner: Owner::default(),
    }
}

/// One pass, and a second look that has to find nothing to do.
pub(crate) async fn apply<K: Kind, S: ExternalClient<K>>(session: &S, desired: &mut Desired<K>) {
    try_apply(session, desired)
        .await
        .unwrap_or_else(|error| panic!("{} {}: {error}", K::KIND, desired.external_name));
    assert_eq!(
        drift(session, desired).await,
        Vec::<String>::new(),
        "{} {}",
        K::KIND,
        desired.external_name
    );
    desired.ledger = session.ledger(desired);
}

/// One pass.
pub(crate) async fn try_apply<K: Kind, S: ExternalClient<K>>(
    session: &S,
    desired: &mut Desired<K>,
) -> Result<(), ExternalError> {
    let observation = session.observe(desired).await?;
    let credentials = session.credentials(desired, &observation);
    if let Some(connection) = &mut desired.connection {
        connection.merge(&credentials);
    }
    let ledger = session.ledger(desired);
    desired.ledger.extend(ledger);
    let details = match observation {
        Observation::Absent => session.create(desired).await?,
        Observation::Present {
            drift,
            connection_details,
            ..
        } if drift.is_empty() => connection_details,
        Observation::Present { drift, .. } => session.update(desired, &drift).await?,
    };
    if let Some(connection) = &mut desired.connection {
        connection.merge(&details);
    }
    Ok(())
}

/// What the runtime would show in `status.plan`.
pub(crate) async fn plan<K: Kind, C: Connector>(
    connector: &C,
    session: &C::Session,
    desired: &mut Desired<K>,
) -> Vec<PlannedStep>
where
    C::Session: ExternalClient<K>,
{
    let rehearsal = Rehearsal::default();
    let rehearsing = connector.rehearsing(session, &rehearsal).unwrap();
    let observation: Observation<K> = session.observe(desired).await.unwrap();
    let ledger = session.ledger(desired);
    desired.ledger.extend(ledger);
    match observation {
        Observation::Present { .. } if desired.deleting => {
            rehearsing.delete(desired).await.unwrap();
        }
        Observation::Absent => drop(rehearsing.create(desired).await.unwrap()),
        Observation::Present { drift, .. } => {
            drop(rehearsing.update(desired, &drift).await.unwrap());
        }
    }
    rehearsal.steps()
}

/// The fields that differ; `["absent"]` when it does not exist.
pub(crate) async fn drift<K: Kind, S: ExternalClient<K>>(
    session: &S,
    desired: &Desired<K>,
) -> Vec<String> {
    match session.observe(desired).await.unwrap() {
        Observation::Absent => vec!["absent".to_owned()],
        Observation::Present { drift, .. } => drift.into_iter().map(|drift| drift.field).collect(),
    }
}

/// What the status would show.
pub(crate) async fn status<K: Kind, S: ExternalClient<K>>(
    session: &S,
    desired: &Desired<K>,
) -> K::Observation {
    match session.observe(desired).await.unwrap() {
        Observation::Absent => panic!("{} {} is absent", K::KIND, desired.external_name),
        Observation::Present { at_provider, .. } => at_provider,
    }
}

/// Deletes it, which has to be complete after one call.
pub(crate) async fn remove<K: Kind, S: ExternalClient<K>>(session: &S, desired: &mut Desired<K>) {
    try_remove(session, desired)
        .await
        .unwrap_or_else(|error| panic!("{} {}: {error}", K::KIND, desired.external_name));
    let observation = session.observe(desired).await.unwrap();
    assert!(
        matches!(observation, Observation::Absent),
        "{} {} is still there",
        K::KIND,
        desired.external_name
    );
}

/// Deletes it if it can be deleted.
pub(crate) async fn try_remove<K: Kind, S: ExternalClient<K>>(
    session: &S,
    desired: &mut Desired<K>,
) -> Result<(), ExternalError> {
    desired.deleting = true;
    desired.inputs = Resolved::default();
    match session.observe(desired).await? {
        Observation::Absent => Ok(()),
        Observation::Present { .. } => session.delete(desired).await,
    }
}

/// Somebody changes something by hand: exactly the named fields differ, and one pass repairs them.
pub(crate) async fn repairs<K: Kind, S: ExternalClient<K>>(
    session: &S,
    desired: &mut Desired<K>,
    by_hand: &str,
    fields: &[&str],
) {
    assert_eq!(
        drift(session, desired).await,
        fields,
        "{} {} after {by_hand}",
        K::KIND,
        desired.external_name
    );
    apply(session, desired).await;
}
