//! Members who know each other by certificates.

use std::sync::Arc;
use std::time::Duration;

use mls_srtp::delivery::Refusal;
use mls_srtp::event::{Event, FatalCause};
use mls_srtp::group::Identity;
use mls_srtp::pipeline::ProtectError;
use mls_srtp::trust::{PRESENT_GRACE, TrustCode};
use mls_srtp::{KeyManager, ManagerConfig};

use crate::ca::{Authority, certificate_of, last, today};
use crate::world::{World, name};

/// A room and the authority that its members trust.
struct Scene {
    world: World,
    root: Authority,
}

impl Scene {
    fn new() -> Self {
        Self {
            world: World::new(),
            root: Authority::root("root"),
        }
    }

    /// Trusts nobody without a certificate.
    fn strict(&self) -> ManagerConfig {
        ManagerConfig {
            validator: Arc::new(self.root.trusted()),
            ..ManagerConfig::default()
        }
    }

    fn good(&self, user: &str) -> Identity {
        let who = name(user);
        self.root.identity(&certificate_of(&who), who)
    }

    fn expired(&self, user: &str) -> Identity {
        self.ended(user, Duration::from_hours(1))
    }

    /// Somebody whose certificate ended so long ago.
    fn ended(&self, user: &str, before: Duration) -> Identity {
        let who = name(user);
        let mut params = certificate_of(&who);
        last(&mut params, today() - 2 * before, today() - before);
        self.root.identity(&params, who)
    }

    fn enter(&mut self, user: &'static str, identity: Identity, config: ManagerConfig) {
        let manager = KeyManager::with_identity(identity, config);
        self.world.start(user, manager);
    }

    fn join(&mut self, user: &'static str) {
        let (identity, config) = (self.good(user), self.strict());
        self.enter(user, identity, config);
        self.world.run(Duration::from_millis(500));
    }
}

#[test]
fn members_with_certificates_meet_and_hear_each_other() {
    let mut scene = Scene::new();
    for user in ["alice", "bob", "carol"] {
        scene.join(user);
    }
    scene.world.assert_agreed(&["alice", "bob", "carol"]);
    scene.world.everybody_hears_everybody();
}

/// Somebody's certificate that does not serve, and what is said about it.
type Case = (fn(&Scene) -> Identity, TrustCode);

const BAD: [Case; 4] = [
    (
        |scene| scene.expired("mallory"),
        TrustCode::CertificateExpired,
    ),
    (
        |_| Identity::generate(name("mallory")).expect("randomness"),
        TrustCode::CredentialType,
    ),
    (
        // A chain is there for everybody to copy, but not its key.
        |scene| {
            let copied = scene.good("mallory").evidence().clone();
            let own = Identity::generate(name("mallory")).expect("randomness");
            own.with_evidence(copied)
        },
        TrustCode::CertificateKey,
    ),
    (
        |_| {
            let who = name("mallory");
            Authority::root("root").identity(&certificate_of(&who), who)
        },
        TrustCode::CertificateChain,
    ),
];

#[test]
fn whoever_has_no_good_certificate_is_declined_and_told_why() {
    for (make, expected) in BAD {
        let mut scene = Scene::new();
        scene.join("alice");
        scene.join("bob");
        let identity = make(&scene);
        scene.enter("mallory", identity, ManagerConfig::default());
        scene.world.run(Duration::from_secs(8));
        let last = scene.world.at("mallory").events.last();
        let told = matches!(
            last,
            Some(Event::Fatal(FatalCause::NotAdmitted { reason: Refusal::Declined, code, .. }))
                if *code == Some(expected)
        );
        assert!(told, "{expected:?}: {last:?}");
        scene.world.assert_agreed(&["alice", "bob"]);
        scene.world.everybody_hears_everybody();
    }
}

#[test]
fn whom_others_let_in_without_a_good_certificate_hears_nothing_from_us() {
    let mut scene = Scene::new();
    for user in ["alice", "carol"] {
        let identity = scene.good(user);
        scene.enter(user, identity, ManagerConfig::default());
        scene.world.run(Duration::from_millis(500));
    }
    scene.join("bob");
    let identity = scene.expired("mallory");
    scene.enter("mallory", identity, ManagerConfig::default());
    scene.world.run(Duration::from_millis(500));
    scene
        .world
        .assert_agreed(&["alice", "bob", "carol", "mallory"]);
    assert_eq!(scene.world.packet("bob"), Err(ProtectError::Suspended));
    let told = |event: &Event| {
        matches!(
            event,
            Event::Untrusted { participant, code: Some(TrustCode::CertificateExpired), .. }
                if *participant == name("mallory")
        )
    };
    assert!(scene.world.at("bob").events.iter().any(told));
}

#[test]
fn whoever_is_there_may_have_expired_since() {
    let mut scene = Scene::new();
    let identity = scene.expired("alice");
    scene.enter("alice", identity, ManagerConfig::default());
    scene.world.run(Duration::from_millis(500));
    scene.join("bob");
    scene.world.assert_agreed(&["alice", "bob"]);
    scene.world.everybody_hears_everybody();
}

#[test]
fn nobody_joins_whose_certificate_ended_long_ago_though_it_came_first() {
    let mut scene = Scene::new();
    let identity = scene.ended("alice", PRESENT_GRACE + Duration::from_secs(1));
    scene.enter("alice", identity, ManagerConfig::default());
    scene.world.run(Duration::from_millis(500));
    scene.join("bob");
    scene.world.run(Duration::from_secs(8));
    let last = scene.world.at("bob").events.last();
    let told = matches!(
        last,
        Some(Event::Fatal(FatalCause::NotTrusted { participant, code, .. }))
            if *participant == name("alice") && *code == Some(TrustCode::CertificateExpired)
    );
    assert!(told, "{last:?}");
}
