//! No secret of a call stands in what is logged, or in what any value says of itself.

use std::fmt::{Debug, Display};

use hkdf::Hkdf;
use mls_srtp::group::{Identity, MlsSuite};
use mls_srtp::id::{LeafIndex, StreamNumber};
use mls_srtp::manager::{Output, SavedState};
use mls_srtp::pipeline::MediaUpdate;
use mls_srtp::schedule::{
    BaseKey, EXPORTER, ExportedSecret, KeyId, MediaMode, MediaSecret, ModeKind, SFRAME_EXPORTER,
    exporter_context,
};
use mls_srtp::secret::Secret;
use mls_srtp::token::{Right, RoomToken, TOKEN_AUDIENCE, TokenIssuer, TokenKeys};
use mls_srtp::{KeyManager, ManagerConfig};
use serde_json::Value;
use sha2::{Digest, Sha256};

use super::*;
use crate::hunt::state::exporter_secret;
use crate::hunt::{Paper, Secrets};
use crate::world::{Overheard, kept};

/// The secret that a service shares with the issuer of its tokens.
const SHARED: &[u8] = b"q8Zt4vN1xY7mK2rW9pL5sD3gH6jB0cFa";

fn signed_token() -> String {
    let issuer = TokenIssuer::hs256(SHARED).expect("long enough");
    let token = RoomToken {
        aud: TOKEN_AUDIENCE.into(),
        sub: "alice@example.org".into(),
        device: "test".into(),
        room: "room".into(),
        rights: vec![Right::Publish],
        iat: 0,
        exp: 1 << 40,
        nbf: None,
        jti: "one".into(),
        cnf: None,
    };
    issuer.issue(&token).expect("signed")
}

/// A vector of RFC 9420 that is shorter than 64 bytes.
fn vector(bytes: &[u8]) -> Vec<u8> {
    let length = u8::try_from(bytes.len()).expect("short");
    [&[length], bytes].concat()
}

/// `ExpandWithLabel` (RFC 9420 §8).
fn expand(secret: &[u8], label: &str, context: &[u8], len: u16) -> Vec<u8> {
    let label = vector(format!("MLS 1.0 {label}").as_bytes());
    let info = [&len.to_be_bytes(), &*label, &*vector(context)].concat();
    let mut okm = vec![0; usize::from(len)];
    let hkdf = Hkdf::<Sha256>::from_prk(secret).expect("a secret of the hash's length");
    hkdf.expand(&info, &mut okm).expect("short");
    okm
}

/// `MLS-Exporter` (RFC 9420 §8.5).
fn export(secret: &[u8], label: &str, context: &[u8], len: u16) -> Vec<u8> {
    let derived = expand(secret, label, b"", 32);
    expand(&derived, "exported", &Sha256::digest(context), len)
}

/// A call, what is known of its secrets, and what was written down of it.
struct Eavesdropped {
    world: World,
    secrets: Secrets,
    paper: Paper,
    /// What the service was told.
    told: Paper,
    /// For packets and for frames, of each epoch.
    exported: Vec<(Vec<u8>, Vec<u8>)>,
}

impl Eavesdropped {
    /// Lets time pass, and takes the secrets of the epochs that it brought.
    fn go_on(&mut self) {
        for _ in 0..12 {
            self.world.run(A_WHILE / 12);
            let participants = self.world.participants.values();
            let states: Vec<_> = participants
                .filter(|one| one.manager.position().is_some())
                .map(|one| {
                    let (group, _) = one.manager.position().expect("a member");
                    (group, one.manager.save().expect("can be encoded"))
                })
                .collect();
            for (group, state) in states {
                self.take(group, &state);
            }
        }
    }

    fn take(&mut self, group: GroupId, state: &SavedState) {
        self.secrets.add_state(state.as_bytes());
        let Some(exporter) = exporter_secret(state.as_bytes()) else {
            return;
        };
        let packets = export(&exporter, EXPORTER, &exporter_context(group), 32);
        self.secrets.add("exported for packets", &packets);
        let frames = export(&exporter, SFRAME_EXPORTER, b"", 16);
        self.secrets.add("exported for frames", &frames);
        let (prk, _) = Hkdf::<Sha256>::extract(None, &packets);
        self.secrets.add("epoch key", &prk);
        self.exported.push((packets, frames));
    }

    /// What protects media in an epoch, step by step, each of which is shown.
    fn take_media(&mut self, media: &MediaSecret) {
        let leaves = (0..4).map(LeafIndex::new);
        match media.clone() {
            MediaSecret::Srtp(profile, exported) => {
                self.paper.show(&exported);
                let epoch_key = exported.into_epoch_key();
                self.paper.show(&epoch_key);
                for master in leaves.map(|leaf| epoch_key.sender(leaf, profile)) {
                    self.secrets.add("master key", master.key().expose());
                    self.secrets.add("master salt", master.salt().expose());
                    self.paper.show(&master);
                    self.paper.show(&master.into_session_keys());
                }
            }
            MediaSecret::Sframe(base) => {
                self.paper.show(&base);
                let secret = base.into_secret();
                self.paper.show(&secret);
                for leaf in leaves {
                    let keys = secret.keys(KeyId::new(StreamNumber::new(1), leaf, Epoch::new(1)));
                    self.secrets.add("frame key", keys.key().expose());
                    self.secrets.add("frame salt", keys.salt().expose());
                    self.paper.show(&keys);
                }
            }
        }
    }

    /// Shows everything that key managers and room have put out.
    fn show_all(&mut self) -> Vec<MediaSecret> {
        let overheard = self.world.overheard.take().unwrap_or_default();
        let mut media = Vec::new();
        for output in overheard.managers {
            self.paper.show(&output);
            if let Output::Send(message) = &output {
                let json = serde_json::to_string(message).expect("encodes");
                self.told.write_down(&json);
            }
            if let Output::Media(MediaUpdate::Install(epoch)) = output {
                self.paper.show(&epoch.roster);
                self.take_media(&epoch.media);
                media.push(epoch.media);
            }
        }
        for output in &overheard.room {
            self.paper.show(output);
        }
        media
    }

    fn show_error(&self, error: &(impl Debug + Display)) {
        self.paper.show(error);
        self.paper.write_down(&error.to_string());
    }
}

/// A call in which keys come by every way there is: creation, Welcome, invitation, an external
/// commit, a restart, removals, renewals.
fn eavesdrop(mut world: World, paper: Paper, mode: ModeKind) -> Eavesdropped {
    world.overheard = Some(Overheard::default());
    let mut call = Eavesdropped {
        world,
        secrets: Secrets::default(),
        paper,
        told: Paper::default(),
        exported: Vec::new(),
    };
    let config = || ManagerConfig {
        modes: vec![mode],
        ..kept()
    };
    let token = signed_token();
    call.secrets.add("token", token.as_bytes());
    call.secrets.add("shared secret", SHARED);
    let mut alice = KeyManager::new(name("alice"), config()).expect("a key");
    let room = call.world.room_name();
    alice.join(room, Some(token)).expect("in no room");
    call.world.start("alice", alice);
    call.go_on();
    for user in ["bob", "carol"] {
        call.world.enter_with(user, config());
        call.go_on();
    }
    let carol = &mut call.world.get("carol").manager;
    carol.publish_key_packages(2).expect("a member");
    call.world.carry_out("carol");
    call.go_on();
    let bob = call.world.at("bob").manager.save().expect("encoded");
    call.world.restart_with("bob", &bob, config());
    call.go_on();
    let lost = call.world.identity_of("carol");
    call.world.restart_with("carol", &lost, config());
    call.go_on();
    call.world.get("bob").manager.leave().expect("a member");
    call.world.carry_out("bob");
    call.go_on();
    provoke(&mut call, &bob);
    call
}

/// Errors of everything that is given secret bytes and does not like them.
fn provoke(call: &mut Eavesdropped, state: &SavedState) {
    let text = String::from_utf8(state.as_bytes().to_vec()).expect("JSON");
    let json: Value = serde_json::from_str(&text).expect("JSON");
    let private = &json["identity"]["signer"]["private"];
    let session = json["stay"]["session"].as_str().expect("has one");
    let mut damaged: Vec<String> = (0..text.len())
        .step_by(97)
        .map(|cut| text[..cut].to_owned())
        .collect();
    // What is secret stands where something else belongs.
    damaged.push(text.replace(&format!("\"{session}\""), &format!("[\"{session}\"]")));
    damaged.push(text.replace(&private.to_string(), &format!("\"{private}\"")));
    damaged.push(text.replace("\"stay\":{", &format!("\"stay\":\"{session}\",\"was\":{{")));
    damaged.push(text.replace("\"streams\":[", &format!("\"streams\":[\"{session}\",")));
    for damaged in damaged {
        let state = SavedState::new(damaged.into_bytes());
        if let Err(error) = KeyManager::restore(&state, kept(), call.world.now) {
            call.show_error(&error);
        }
        if let Err(error) = state.without_group() {
            call.show_error(&error);
        }
    }
    let secret: Vec<u8> = serde_json::from_value(private.clone()).expect("bytes");
    let refused = Identity::from_pkcs8(name("alice"), &secret);
    call.show_error(&refused.expect_err("no PKCS #8"));
    let refused = TokenKeys::hs256(&secret[..31]);
    call.show_error(&refused.expect_err("too short"));
    call.paper.show(&TokenKeys::hs256(&secret));
    let refused = TokenKeys::hs256(SHARED).and_then(TokenKeys::only_public);
    call.show_error(&refused.expect_err("is shared"));
    let keys = TokenKeys::hs256(&secret).expect("long enough");
    call.show_error(&keys.verify(&signed_token()).expect_err("another's"));
    call.paper.show(&kept());
    call.paper.show(&Secret::new(secret));
}

/// What the first leaf protects its media with.
fn first_key(media: &MediaSecret) -> Vec<u8> {
    let leaf = LeafIndex::new(0);
    match media.clone() {
        MediaSecret::Srtp(profile, exported) => {
            let master = exported.into_epoch_key().sender(leaf, profile);
            master.key().expose().to_vec()
        }
        MediaSecret::Sframe(base) => {
            let kid = KeyId::new(StreamNumber::new(1), leaf, Epoch::new(1));
            base.into_secret().keys(kid).key().expose().to_vec()
        }
    }
}

fn nothing_is_found(world: World, mode: ModeKind) {
    let mut call = eavesdrop(world, Paper::of_all_logs(), mode);
    let media = call.show_all();
    assert!(media.len() > 8, "{} epochs", media.len());
    // What was computed here from what the library keeps is what media was protected with.
    let protected: Vec<_> = media.iter().map(first_key).collect();
    let computed = call
        .exported
        .iter()
        .filter_map(|(packets, frames)| match &media[0] {
            MediaSecret::Srtp(profile, _) => {
                let exported = ExportedSecret::new(Secret::new(packets.clone()));
                Some(MediaSecret::Srtp(*profile, exported))
            }
            MediaSecret::Sframe(base) => {
                let base = BaseKey::new(base.suite(), Secret::new(frames.clone()));
                base.map(MediaSecret::Sframe)
            }
        });
    let computed: Vec<_> = computed.map(|media| first_key(&media)).collect();
    assert!(protected.iter().any(|key| computed.contains(key)));
    for kind in [
        "signer.private",
        "session",
        "token",
        "exporter_secret",
        "init_secret",
        "private_key",
        "sender_data_secret",
        "secret_tree",
        "exported for",
    ] {
        assert!(call.secrets.has(kind), "no {kind} to look for");
    }
    assert!(call.secrets.len() > 200, "{}", call.secrets.len());
    let text = call.paper.text();
    let logged = String::from_utf8_lossy(&text);
    assert!(logged.contains("openmls::"), "the library's log is heard");
    assert!(logged.contains("wishes to join"), "and the service's");
    assert!(logged.contains("Hello {") && logged.contains("MasterKey") || mode != ModeKind::Srtp);
    let found = call.secrets.found_in(&text);
    assert!(found.is_empty(), "{found:#?}");
    // The service is told what it asks for at the door, and no key.
    let mut told = call.secrets.found_in(&call.told.text());
    assert!(told.remove("token (as it is)") && told.remove("session (in base64)"));
    assert!(told.is_empty(), "{told:#?}");
}

#[test]
fn no_secret_of_a_call_is_logged_or_shown() {
    nothing_is_found(World::new(), ModeKind::Srtp);
}

#[test]
fn no_secret_of_a_call_of_frames_is_logged_or_shown() {
    let mode = MediaMode::choose(ModeKind::Sframe, None, None).expect("a mode");
    nothing_is_found(World::in_mode(mode), ModeKind::Sframe);
}

#[test]
fn no_secret_of_a_post_quantum_call_is_logged_or_shown() {
    let strongest = MlsSuite::of_rooms(true);
    nothing_is_found(World::in_suite(strongest), ModeKind::Srtp);
}
