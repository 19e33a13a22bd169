//! Work that can be interrupted anywhere, and what is true once it is done.

use k8s_openapi::{ByteString, api::core::v1::Secret};
use serde_json::json;

use super::ALL_GOOD;
use crate::{
    config::ProviderConfigUsage,
    input::SecretKeyRef,
    persist,
    testing::{
        FakeSettings,
        lab::{FakeResource, Lab, NAMESPACE, fake_with_secret, secret},
    },
};

/// What is to be done with the resource `a`.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum Work {
    /// Make it.
    Create,
    /// Change a size, take one share back and give another.
    Update,
    /// Delete it.
    Delete,
    /// Its connection Secret was deleted.
    RepairSecret,
    /// The Secret its password comes from was changed.
    Rotate,
    /// Its reference to the connection Secret was renamed.
    Rename,
}

pub(super) const ALL: [Work; 6] = [
    Work::Create,
    Work::Update,
    Work::Delete,
    Work::RepairSecret,
    Work::Rotate,
    Work::Rename,
];

fn resource(work: Work) -> FakeResource {
    let mut object = fake_with_secret("a", 3);
    object.spec.for_provider.shares = ["x".to_owned()].into();
    if work == Work::Rotate {
        object.spec.for_provider.password_secret_ref = Some(SecretKeyRef {
            name: "source".into(),
            key: "password".into(),
        });
    }
    object
}

/// A lab in which nothing but this work is to be done.
pub(super) async fn ready_for(work: Work) -> Lab {
    if work == Work::Create {
        let lab = Lab::new();
        lab.server.put(&resource(work));
        return lab;
    }
    let lab = Lab::new();
    lab.server
        .put(&secret(NAMESPACE, "source", &[("password", "one")]));
    lab.server.put(&resource(work));
    lab.settle("a").await;
    // The look at which the create is marked as a success.
    lab.settle("a").await;
    match work {
        Work::Create => {}
        Work::Update => lab.edit("a", |object| {
            object["spec"]["forProvider"]["size"] = json!(4);
            object["spec"]["forProvider"]["shares"] = json!(["y"]);
        }),
        Work::Delete => lab.delete("a"),
        Work::RepairSecret => lab.server.delete::<Secret>(NAMESPACE, "a"),
        Work::Rename => lab.edit("a", |object| {
            object["spec"]["writeConnectionSecretToRef"]["name"] = json!("renamed");
        }),
        Work::Rotate => lab.server.edit::<Secret>(NAMESPACE, "source", |secret| {
            secret["data"]["password"] = json!(ByteString(b"two".to_vec()));
        }),
    }
    lab
}

/// Nothing is missing, nothing is there twice, nothing is left over.
pub(super) async fn assert_done(lab: &Lab, work: Work, story: &str) {
    if work == Work::Delete {
        assert!(lab.get("a").is_none(), "{story}");
        assert!(lab.world.names().is_empty(), "{story}");
        // A usage that outlived its owner is let go by the reaper.
        assert_eq!(lab.stored("a", "password"), None, "{story}");
        return;
    }
    assert_thing(lab, work, story);
    assert_eq!(lab.conditions("a"), ALL_GOOD, "{story}");
    let usages = lab.server.list::<ProviderConfigUsage<FakeSettings>>().len();
    let secrets = lab.server.list::<Secret>().len();
    let expected = if work == Work::Create { 2 } else { 3 };
    assert_eq!((usages, secrets), (1, expected), "{story}");
    lab.pass("a").await;
    lab.server.take_writes();
    lab.pass("a").await;
    assert_eq!(lab.writes(), [""; 0], "{story}");
}

fn assert_thing(lab: &Lab, work: Work, story: &str) {
    let (size, share) = match work {
        Work::Update => (4, "y"),
        _ => (3, "x"),
    };
    let (thing, object) = (lab.thing("a"), lab.object("a"));
    assert_eq!(lab.world.names(), ["a"], "{story}");
    let shares = [share.to_owned()].into();
    assert_eq!((thing.size, &thing.shares), (size, &shares), "{story}");
    assert_eq!(Some(thing.maker), object.metadata.uid, "{story}");
    assert_eq!(persist::ledger(&object), shares, "{story}");
    assert!(thing.password.is_some(), "{story}");
    let (kept, left) = if work == Work::Rename {
        ("renamed", "a")
    } else {
        ("a", "renamed")
    };
    assert_eq!(lab.stored(kept, "password"), thing.password, "{story}");
    assert_eq!(lab.stored(left, "password"), None, "{story}");
    match work {
        Work::Rotate => assert_eq!(thing.password.as_deref(), Some("two"), "{story}"),
        // Nobody but us has touched the resource.
        Work::Create | Work::Update | Work::Rename => {
            assert_eq!(object.status.unwrap().last_drift, None, "{story}");
        }
        Work::Delete | Work::RepairSecret => {}
    }
}
