//! Where in the host cluster a resource may write. Pure.
//!
//! | namespace | allowed |
//! |---|---|
//! | `kube-system`, `crossplane-system`, `argocd`, `vault` | when the config writes it out |
//! | the resource's own | always else |
//! | another | when a pattern of the config fits |
//!
//! A namespaced config has no patterns: whoever may write it has no say over other namespaces.

use managed::external::ExternalError;

/// Namespaces whose content is the keys to everything else.
pub const PROTECTED: [&str; 4] = ["kube-system", "crossplane-system", "argocd", "vault"];

/// What a provider config allows.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub struct Allowance {
    patterns: Vec<String>,
}

impl Allowance {
    /// The allowance of a config with these patterns, `*` for any characters.
    pub fn new(patterns: Vec<String>) -> Self {
        Self { patterns }
    }

    /// The namespaces that are written out.
    pub fn exact(&self) -> impl Iterator<Item = &str> {
        let patterns = self.patterns.iter().map(String::as_str);
        patterns.filter(|pattern| !pattern.contains('*'))
    }

    /// Refuses a namespace that a resource of the namespace `own` may not write in.
    ///
    /// # Errors
    /// [`ExternalError::Invalid`]: waits until the config or the spec changes.
    pub fn check(&self, own: &str, namespace: &str) -> Result<(), ExternalError> {
        let is_written_out = self.exact().any(|exact| exact == namespace);
        let is_protected = PROTECTED.contains(&namespace);
        let fits = || {
            self.patterns
                .iter()
                .any(|pattern| matches(pattern, namespace))
        };
        if is_written_out || (!is_protected && (namespace == own || fits())) {
            return Ok(());
        }
        let cause = format!("the provider config does not allow the namespace {namespace:?}");
        Err(ExternalError::invalid(
            cause,
            "add it to allowedHostNamespaces",
        ))
    }
}

fn matches(pattern: &str, text: &str) -> bool {
    let Some((head, tail)) = pattern.split_once('*') else {
        return pattern == text;
    };
    let Some(rest) = text.strip_prefix(head) else {
        return false;
    };
    let mut starts = rest.char_indices().map(|(at, _)| at).chain([rest.len()]);
    starts.any(|at| matches(tail, &rest[at..]))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn allows(patterns: &[&str], own: &str, namespace: &str) -> bool {
        let patterns = patterns
            .iter()
            .map(|pattern| (*pattern).to_owned())
            .collect();
        Allowance::new(patterns).check(own, namespace).is_ok()
    }

    #[test]
    fn a_resource_writes_in_its_own_namespace_and_where_the_config_says() {
        let table: [(&[&str], &str, &str, bool); 12] = [
            (&[], "team", "team", true),
            (&[], "team", "other", false),
            (&["vc-*"], "team", "vc-dev", true),
            (&["vc-*"], "team", "vc", false),
            (&["*-dev"], "team", "a-b-dev", true),
            (&["a*b*c"], "team", "a1b2b3c", true),
            (&["a*b*c"], "team", "a1c2b", false),
            (&["argocd"], "team", "argocd", true),
            (&["*"], "team", "argocd", false),
            (&["*"], "team", "kube-system", false),
            (&[], "argocd", "argocd", false),
            (&["*"], "team", "anything", true),
        ];
        for (patterns, own, namespace, expected) in table {
            assert_eq!(
                allows(patterns, own, namespace),
                expected,
                "{patterns:?} {own} {namespace}"
            );
        }
    }

    #[test]
    fn every_protected_namespace_must_be_written_out() {
        for namespace in PROTECTED {
            assert!(!allows(&["*"], namespace, namespace), "{namespace}");
            assert!(allows(&[namespace], "team", namespace), "{namespace}");
        }
    }
}
