//! Which of several processes manages a resource.
//!
//! Every process watches everything, because references lead to any resource, and manages its share:
//! by a stable hash of the UID, or by the label [`SHARD`]. A resource may change hands at any time, by
//! its label or when processes start with another count; a create that one shard has begun is signed,
//! and the next waits for its end.

use kube::ResourceExt;

use crate::{kind::Kind, resource::ManagedResource};

/// Label that gives a resource to a shard, counted from zero.
pub const SHARD: &str = "tenancy.pnats.cloud/shard";

/// The share of one process.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Shards {
    own: u32,
    count: u32,
}

impl Default for Shards {
    fn default() -> Self {
        Self { own: 0, count: 1 }
    }
}

impl Shards {
    /// The share `own`, counted from zero, of `count`.
    ///
    /// # Errors
    /// When there is no such share; says which there are.
    pub fn new(own: u32, count: u32) -> Result<Self, String> {
        if own < count {
            return Ok(Self { own, count });
        }
        Err(match count {
            0 => "there is at least one shard; set the count to 1 or more".into(),
            1 => format!("there is no shard {own} of 1; set the shard to 0, or the count to more"),
            _ => format!(
                "there is no shard {own} of {count}; set the shard to one of 0 to {}",
                count - 1
            ),
        })
    }

    /// Which share this is, counted from zero.
    pub fn own(self) -> u32 {
        self.own
    }

    /// True when there are others.
    pub(crate) fn are_several(self) -> bool {
        self.count > 1
    }

    /// True for the one that writes what all share: the provider configs.
    pub(crate) fn is_first(self) -> bool {
        self.own == 0
    }

    /// True when a resource is in this share.
    pub(crate) fn manages<K: Kind>(self, object: &ManagedResource<K>) -> bool {
        self.of(object) == self.own
    }

    /// What is wrong with the label of a resource, and how to mend it.
    pub(crate) fn complaint<K: Kind>(self, object: &ManagedResource<K>) -> Option<String> {
        let label = object.labels().get(SHARD)?;
        if self.labelled(label).is_some() {
            return None;
        }
        let there_are = match self.count - 1 {
            0 => "there is only shard 0".to_owned(),
            last => format!("there are only the shards 0 to {last}"),
        };
        Some(format!(
            "the label {SHARD} names shard {label:?}, and {there_are}; correct the label or remove it"
        ))
    }

    /// How a create is signed.
    pub(crate) fn signature(self) -> String {
        format!("{}/{}", self.own, self.count)
    }

    /// A wrong label keeps nobody from telling so, and from letting go what is deleted.
    fn of<K: Kind>(self, object: &ManagedResource<K>) -> u32 {
        let label = object.labels().get(SHARD);
        label
            .and_then(|label| self.labelled(label))
            .unwrap_or_else(|| self.hashed(object.metadata.uid.as_deref().unwrap_or_default()))
    }

    fn labelled(self, label: &str) -> Option<u32> {
        label.parse().ok().filter(|shard| *shard < self.count)
    }

    fn hashed(self, uid: &str) -> u32 {
        let shard = fnv_1a(uid.as_bytes()) % u64::from(self.count);
        u32::try_from(shard).expect("less than the count")
    }
}

/// A hash that is the same in every process and every version of this crate: FNV-1a, 64 bits.
fn fnv_1a(bytes: &[u8]) -> u64 {
    bytes.iter().fold(0xcbf2_9ce4_8422_2325, |hash, byte| {
        (hash ^ u64::from(*byte)).wrapping_mul(0x0100_0000_01b3)
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::{Fake, lab::fake};

    fn object(uid: &str) -> ManagedResource<Fake> {
        let mut object = fake("a", 1);
        object.metadata.uid = Some(uid.into());
        object
    }

    fn labelled(label: &str) -> ManagedResource<Fake> {
        let mut object = object("d1");
        object.labels_mut().insert(SHARD.into(), label.into());
        object
    }

    fn all(count: u32) -> Vec<Shards> {
        let shards = (0..count).map(|own| Shards::new(own, count).unwrap());
        shards.collect()
    }

    #[test]
    fn the_hash_is_the_published_one() {
        assert_eq!(fnv_1a(b""), 0xcbf2_9ce4_8422_2325);
        assert_eq!(fnv_1a(b"foobar"), 0x8594_4171_f739_67e8);
    }

    #[test]
    fn every_resource_is_in_one_share_and_the_shares_are_about_equal() {
        let mut sizes = [0_u32; 4];
        for number in 0..4_000_u128 {
            let random = number.wrapping_mul(0x9e37_79b9_7f4a_7c15_f39c_c060_5ced_c835);
            let uid = format!("{random:032x}");
            let object = object(&uid);
            let managing = all(4).into_iter().filter(|shard| shard.manages(&object));
            let [shard] = managing.collect::<Vec<_>>()[..] else {
                panic!("{uid} is not in one share");
            };
            sizes[shard.own as usize] += 1;
        }
        assert!(
            sizes.iter().all(|size| (900..1_100).contains(size)),
            "{sizes:?}"
        );
    }

    #[test]
    fn a_label_gives_a_resource_to_a_shard() {
        let managing = |object: &ManagedResource<Fake>| {
            let shards = all(3).into_iter();
            shards
                .map(|shard| shard.manages(object))
                .collect::<Vec<_>>()
        };
        assert_eq!(managing(&labelled("2")), [false, false, true]);
        assert_eq!(managing(&labelled("0")), [true, false, false]);
    }

    #[test]
    fn a_label_that_names_no_shard_is_told_by_one_of_them() {
        let object = labelled("3");
        let managing = all(3).into_iter().filter(|shard| shard.manages(&object));
        let complaints: Vec<_> = managing
            .filter_map(|shard| shard.complaint(&object))
            .collect();
        assert_eq!(
            complaints,
            [
                "the label tenancy.pnats.cloud/shard names shard \"3\", and there are only the shards 0 to 2; correct the label or remove it"
            ]
        );
    }

    #[test]
    fn a_share_that_is_not_there_is_refused_with_those_that_are() {
        assert_eq!(Shards::new(0, 1), Ok(Shards::default()));
        let refusal = |own, count| Shards::new(own, count).unwrap_err();
        assert_eq!(
            refusal(0, 0),
            "there is at least one shard; set the count to 1 or more"
        );
        assert_eq!(
            refusal(1, 1),
            "there is no shard 1 of 1; set the shard to 0, or the count to more"
        );
        assert_eq!(
            refusal(2, 2),
            "there is no shard 2 of 2; set the shard to one of 0 to 1"
        );
    }
}
