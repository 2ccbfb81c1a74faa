//! External commits that members cannot apply: broken, or built on a GroupInfo that leads astray.
//! Nobody can tell which.

use mls_srtp::delivery::Refusal;

use crate::complaints::{complain, is_evicted, resets};
use crate::lab::{Lab, last_refusal};

/// What `informant` has published is what `returner` comes back by, and others cannot apply it.
fn led(lab: &mut Lab, informant: &str, returner: &str, others: &[&str]) {
    lab.renew(informant);
    lab.come_back_anew(returner);
    lab.settle();
    for user in others {
        complain(lab, user);
    }
}

#[test]
fn who_followed_a_group_info_that_leads_astray_is_not_blamed() {
    let mut lab = Lab::with(&["alice", "bob", "carol", "mallory"]);
    // Mallory knows the key that Bob has encrypted to, and follows.
    led(&mut lab, "mallory", "bob", &["alice"]);
    assert_eq!(resets(&lab).len(), 0, "one alone ends nothing");
    complain(&mut lab, "carol");
    assert!(!is_evicted(&lab, "bob"));
    assert_eq!(resets(&lab), [[] as [String; 0]]);
    lab.pass(1_000);
    for user in ["bob", "carol", "mallory"] {
        assert_eq!(lab.position(user), lab.position("alice"), "{user}");
    }
    // It does not happen to the same device again: it is added.
    lab.pass(6_000);
    lab.renew("mallory");
    lab.come_back_anew("bob");
    lab.settle();
    assert_eq!(last_refusal(&mut lab, "bob"), Some(Refusal::RateLimited));
    lab.pass(500);
    assert_eq!(lab.position("bob"), lab.position("alice"));
    // And with another one, Mallory is out.
    led(&mut lab, "mallory", "carol", &["alice", "bob"]);
    assert!(!is_evicted(&lab, "carol"));
    assert_eq!(resets(&lab)[1..], [["mallory"]]);
}

#[test]
fn who_breaks_its_external_commits_has_nobody_barred() {
    let mut lab = Lab::with(&["alice", "bob", "carol", "mallory"]);
    led(&mut lab, "alice", "mallory", &["bob", "carol"]);
    assert_eq!(resets(&lab), [[] as [String; 0]]);
    lab.pass(6_000);
    lab.renew("alice");
    lab.come_back_anew("mallory");
    lab.settle();
    assert_eq!(
        last_refusal(&mut lab, "mallory"),
        Some(Refusal::RateLimited)
    );
    lab.pass(500);
    assert_eq!(resets(&lab).len(), 1);
    assert_eq!(lab.roster("alice").len(), 4);
}

#[test]
fn who_comes_back_by_its_own_group_info_answers_for_it() {
    let mut lab = Lab::with(&["alice", "bob", "carol", "mallory"]);
    led(&mut lab, "mallory", "mallory", &["alice", "bob"]);
    assert!(is_evicted(&lab, "mallory"));
}
