//! What the provider asks of the API server is written down, verb by verb, in `docs/install.md` and in the
//! roles of `examples/install`. A verb that is asked for and stands nowhere fails here, whether it was
//! granted or not.

mod asked;
mod written;

use std::collections::BTreeSet;

use serde_json::json;
use testbed::product::Flavour;
use testbed::story::Stage;

#[tokio::test]
async fn no_verb_is_used_that_is_not_written_down() -> anyhow::Result<()> {
    let stage = Stage::beside_others(Flavour::Namespaced, "verbs").await?;
    let claim = stage.claim("orders");
    let spec = json!({
        "environment": "dev",
        "service": stage.name(),
        "access": [{ "name": "service", "profile": "readwrite" }],
    });
    claim.apply(&spec).await?;
    claim.ready().await?;
    claim.delete_and_wait().await?;

    // Everything that other stories made it ask for counts, too.
    let asked = asked::read(&stage.testbed.provider_requests())?;
    let written = written::read()?;
    let missing: BTreeSet<_> = asked
        .iter()
        .filter(|one| !written.iter().any(|rule| rule.covers(one)))
        .map(ToString::to_string)
        .collect();
    assert!(
        missing.is_empty(),
        "asked for and not written down in docs/install.md: {missing:#?}"
    );
    for verb in ["create", "delete", "get", "list", "patch", "watch"] {
        assert!(
            asked.iter().any(|one| one.verb == verb),
            "nobody has asked to {verb}"
        );
    }
    stage.finish().await
}
