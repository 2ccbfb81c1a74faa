//! A call of two over a network that can fail, watched for what must never happen.

use std::collections::HashMap;
use std::collections::hash_map::Entry;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use mls_srtp::group::MlsSuite;
use mls_srtp::id::{ParticipantId, RoomName, Ssrc};
use mls_srtp::media::Trailer;
use mls_srtp::pipeline::{MediaUpdate, StreamId};
use mls_srtp::schedule::{MediaMode, ModeKind};
use mls_srtp_participant::clock::ClockOrigin;
use mls_srtp_participant::headless::{Headless, HeadlessConfig, Progress};
use mls_srtp_participant::leg::LegConfig;
use mls_srtp_participant::retry::RetryConfig;
use mls_srtp_participant::session::{KeyWitness, LinkConfig};
use mls_srtp_sfu::Forwarded;
use tokio::sync::mpsc;
use tokio::time::{Instant, sleep};

use super::net::{TcpRelay, UdpRelay};
use crate::media::SampleMedia;
use sfu_demo::host::{Host, HostConfig};

pub const ROOM: &str = "recovery";
pub const ALICE: &str = "alice@localhost/test";
/// Longest wait for anything.
const PATIENCE: Duration = Duration::from_secs(20);

/// Index and key of a packet: the nonce that it was sealed with, and what came of it.
type Nonces = HashMap<(u32, [u8; 6], u16), Vec<u8>>;

/// What has passed the SFU.
#[derive(Default)]
struct Watched {
    packets: u64,
    /// Nonces that sealed two different packets.
    reused: u64,
}

pub struct Call {
    pub host: Host,
    pub udp: UdpRelay,
    pub tcp: TcpRelay,
    pub alice: Headless,
    pub bob: Headless,
    /// The SSRCs that Alice announces, as Bob hears of them.
    pub announced: mpsc::UnboundedReceiver<Ssrc>,
    watched: Arc<Mutex<Watched>>,
}

impl Call {
    /// Alice, whose signaling passes the TCP relay, and Bob; media of both passes the UDP relay.
    /// Returns when they hear each other.
    pub async fn of_two() -> Self {
        let udp = UdpRelay::bind().await;
        let loopback = SocketAddr::from(([127, 0, 0, 1], 0));
        let (events, mut inbox) = mpsc::unbounded_channel();
        tokio::spawn(async move { while inbox.recv().await.is_some() {} });
        let config = HostConfig {
            listen: loopback,
            media: loopback,
            public: Some(udp.address()),
            mode: MediaMode::default(),
            ciphersuite: MlsSuite::default(),
            page: false,
        };
        let host = Host::start(config, events).await.expect("started");
        tokio::spawn(udp.clone().run(host.media_addr()));
        let watched = watch_nonces(&host);
        let tcp = TcpRelay::default();
        let service = host.url();
        let service = service.trim_start_matches("ws://").parse();
        let relayed = tcp.before(service.expect("an address")).await;
        let origin = ClockOrigin::start();
        let alice = enter("alice", format!("ws://{relayed}"), origin, None).await;
        let (witness, announced) = hear_announcements(ALICE);
        let bob = enter("bob", host.url(), origin, Some(witness)).await;
        let call = Self {
            host,
            udp,
            tcp,
            alice,
            bob,
            announced,
            watched,
        };
        call.hear_each_other().await;
        call
    }

    /// Waits until each has opened fifty more packets of the other.
    pub async fn hear_each_other(&self) {
        let before = [opened(&self.alice), opened(&self.bob)];
        eventually("they hear each other", || {
            opened(&self.alice) > before[0] + 50 && opened(&self.bob) > before[1] + 50
        })
        .await;
    }

    /// How many packets were watched on their way through the SFU.
    pub fn watched(&self) -> u64 {
        self.watched.lock().expect("not poisoned").packets
    }

    /// The epochs that each has been in.
    pub fn epochs(&self) -> [Vec<u64>; 2] {
        [self.alice.progress().epochs, self.bob.progress().epochs]
    }

    /// What must hold whatever happened to the network, then everybody leaves.
    pub async fn end(self, epochs: [Vec<u64>; 2]) {
        assert_eq!(self.epochs(), epochs, "the group has changed");
        assert_eq!(
            self.watched.lock().expect("not poisoned").reused,
            0,
            "nonces"
        );
        for one in [&self.alice, &self.bob] {
            let pipeline = one.media().lock().expect("not poisoned");
            let failed = pipeline.stats().total(|sender| sender.auth_failed);
            assert_eq!(failed, 0, "{}", one.participant());
        }
        for one in [self.alice, self.bob] {
            one.leave().await;
            let ended = one.end().await.expect("ended well");
            assert_eq!(ended.progress.trouble, None);
        }
        self.host.stop().await;
    }
}

/// Waits until `holds`.
pub async fn eventually(what: &str, mut holds: impl FnMut() -> bool) {
    let end = Instant::now() + PATIENCE;
    while !holds() {
        assert!(Instant::now() < end, "not in time: {what}");
        sleep(Duration::from_millis(20)).await;
    }
}

/// Packets of others that one has opened.
pub fn opened(one: &Headless) -> u64 {
    let pipeline = one.media().lock().expect("not poisoned");
    pipeline.stats().total(|sender| sender.opened)
}

pub fn reconnected(progress: &Progress) -> bool {
    progress.media_up && progress.media_reconnects > 0
}

/// A witness, and the SSRCs that it hears `name` announce.
fn hear_announcements(name: &'static str) -> (KeyWitness, mpsc::UnboundedReceiver<Ssrc>) {
    let (heard, announced) = mpsc::unbounded_channel();
    let witness = move |update: &MediaUpdate| {
        let MediaUpdate::Streams {
            participant,
            streams,
        } = update
        else {
            return;
        };
        for stream in streams {
            if let (true, StreamId::Ssrc(ssrc)) = (participant.to_string() == name, stream.id) {
                let _ = heard.send(ssrc);
            }
        }
    };
    (Box::new(witness), announced)
}

async fn enter(
    name: &str,
    url: String,
    origin: ClockOrigin,
    witness: Option<KeyWitness>,
) -> Headless {
    let media = SampleMedia::load().expect("samples");
    let quick = RetryConfig {
        first: Duration::from_millis(200),
        last: Duration::from_secs(1),
    };
    let config = HeadlessConfig {
        url,
        room: RoomName::new(ROOM).expect("a name"),
        participant: ParticipantId::new(name, "localhost", "test").expect("a name"),
        identity: None,
        manager: mls_srtp::ManagerConfig::default(),
        token: None,
        leg: LegConfig {
            connect_within: Duration::from_secs(2),
            retry: quick,
            ..LegConfig::new("127.0.0.1:0")
        },
        state: None,
        link: LinkConfig {
            silence: Duration::from_secs(3),
            retry: quick,
            ..LinkConfig::default()
        },
        sound: Arc::clone(&media.sound),
        picture: Arc::clone(&media.picture),
        mode: ModeKind::Srtp,
        record: None,
        origin,
        on_frame: None,
        on_event: None,
        witness,
    };
    Headless::start(config).await.expect("entered")
}

/// Counts nonces under which two different packets pass the SFU.
fn watch_nonces(host: &Host) -> Arc<Mutex<Watched>> {
    let watched = Arc::<Mutex<Watched>>::default();
    let (shared, mut seen) = (Arc::clone(&watched), Nonces::new());
    host.set_tap(Box::new(move |packet: &Forwarded<'_>| {
        if Trailer::parse(packet.payload).is_err() {
            return;
        }
        let mut watched = shared.lock().expect("not poisoned");
        watched.packets += 1;
        let sealed = packet.payload.len() - Trailer::SENT_LEN;
        let key_and_roc = packet.payload[sealed..sealed + 6].try_into();
        let key_and_roc = key_and_roc.expect("MKI and ROC have 6 bytes");
        match seen.entry((packet.ssrc, key_and_roc, packet.sequence_number)) {
            Entry::Occupied(first) => {
                let reuses = first.get()[..] != packet.payload[..];
                watched.reused += u64::from(reuses);
            }
            Entry::Vacant(place) => {
                place.insert(packet.payload.to_vec());
            }
        }
    }));
    watched
}
