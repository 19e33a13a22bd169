//! From what differs to drift, without showing a secret. Pure.

use managed::{Drift, Shown};
use serde_json::Value as Json;

use super::wanted::Wanted;
use crate::kubernetes::manifest::{Difference, abandoned, applied, compare};

/// Every field of the live object that is not as wanted, and every field that was applied once and is
/// not wanted any more.
pub(super) fn drift(wanted: &Wanted, live: &Json) -> Vec<Drift> {
    let tree = applied(live);
    let differs = compare(&wanted.manifest, live, tree);
    let differs = differs
        .into_iter()
        .map(|difference| shown(wanted, &difference));
    let left = tree
        .map(|tree| abandoned(&wanted.manifest, tree))
        .unwrap_or_default();
    let left = left.into_iter().map(|path| Drift {
        field: format!("manifest.{path}"),
        desired: Shown::absent(),
        observed: Shown::plain("(applied before)"),
    });
    differs.chain(left).collect()
}

fn shown(wanted: &Wanted, difference: &Difference) -> Drift {
    let field = format!("manifest.{}", difference.path);
    if wanted.hides(difference.path.as_str(), &difference.desired) {
        return Drift::secret(field);
    }
    Drift {
        field,
        desired: text(&difference.desired),
        observed: difference
            .observed
            .as_ref()
            .map_or_else(Shown::absent, text),
    }
}

fn text(value: &Json) -> Shown {
    match value {
        Json::String(text) => Shown::plain(text),
        other => Shown::plain(other),
    }
}
