use rstest::rstest;

use super::*;

fn version(text: &str) -> Version {
    Version::parse(text).unwrap()
}

#[rstest]
#[case("0.36.1", "0.36.1", true)]
#[case("0.36.1", "0.36.2", true)]
#[case("0.36.1", "0.37.0", true)]
#[case("0.36.1", "0.38.0", false)]
#[case("0.36.2", "0.36.1", false)]
#[case("0.37.0", "0.36.9", false)]
fn a_version_goes_up_by_one_minor_at_a_time(
    #[case] from: &str,
    #[case] to: &str,
    #[case] expected: bool,
) {
    let checked = version(from).check_upgrade(version(to));
    assert_eq!(checked.is_ok(), expected, "{from} {to}");
}

#[rstest]
#[case("0.36.0", true)]
#[case("0.35.9", false)]
#[case("0.99.0", false)]
#[case("1.36.0", false)]
fn a_minor_without_a_profile_is_refused(#[case] text: &str, #[case] expected: bool) {
    assert_eq!(Profile::of(version(text)).is_ok(), expected, "{text}");
}

#[rstest]
#[case("")]
#[case("0.36")]
#[case("0.36.1.2")]
#[case("v0.36.1")]
#[case("0.36.x")]
fn what_is_not_three_numbers_is_no_version(#[case] text: &str) {
    assert!(Version::parse(text).is_err(), "{text}");
}

#[rstest]
#[case("36", Some(36))]
#[case("36+", Some(36))]
#[case("", None)]
fn a_host_may_add_a_sign_to_its_minor(#[case] text: &str, #[case] expected: Option<u32>) {
    assert_eq!(host_minor(text), expected);
}

#[test]
fn only_versions_of_kubernetes_that_the_minor_runs_are_taken() {
    let profile = Profile::of(version("0.36.1")).unwrap();
    assert!(profile.check_kubernetes(None).is_ok());
    assert!(profile.check_kubernetes(Some(profile.kubernetes)).is_ok());
    assert!(profile.check_kubernetes(Some("v1.20.0")).is_err());
    assert!(profile.check_kubernetes(Some("v2.36.0")).is_err());
}
