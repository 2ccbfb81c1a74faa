//! Limits and times of the service.

use std::net::SocketAddr;
use std::time::Duration;

use mls_srtp::group::MlsSuite;
use mls_srtp::schedule::MediaMode;

use crate::origin::AllowedOrigin;

/// Everything an operator can set; each default states its reason.
#[derive(Debug, Clone)]
pub struct ServiceConfig {
    /// Where to listen. Default 127.0.0.1:8080.
    pub listen: SocketAddr,
    /// Rooms at once. Default 10,000, as many as connections: who wants to take them all needs as
    /// many addresses.
    pub max_rooms: usize,
    /// Connections at once. Default 10,000.
    pub max_connections: usize,
    /// Connections at once from one address, which is an IPv4 address or an IPv6 /64; as many again
    /// are told why they are refused, the rest are dropped. 0 is no limit. Default 128: people of an
    /// office share an address, and a browser that loads the page has six connections for a moment;
    /// and forty addresses are needed to take every place of the service. Behind a proxy
    /// all come from one address, and this must be 0.
    pub max_per_address: usize,
    /// New connections per second from one address in the long run; twice `max_per_address` of them
    /// may come at once, and none are counted if that is 0. Default 20: each may cost a TLS handshake.
    pub address_rate: u32,
    /// Origins whose pages may connect besides the service's own. Default none.
    pub allowed_origins: Vec<AllowedOrigin>,
    /// Messages of a room that may wait for one client before it counts as too slow. Default
    /// 1,024: a client that is so far behind catches up faster by resuming.
    pub client_queue: usize,
    /// Bytes of them, beyond which it counts as too slow as well. Default 4 MiB: four times the
    /// largest envelope. What a returning client missed is given to it even if it is more.
    pub client_queue_bytes: usize,
    /// Envelopes that a client may send at once. Default 200.
    pub burst: u32,
    /// Envelopes per second that a client may send in the long run. Default 50.
    pub rate: u32,
    /// How long a client may take for the TLS handshake, for the head of its request, and then to
    /// say hello. Default 10 s each: a phone on a bad network needs one or two.
    pub hello_timeout: Duration,
    /// How often a client is asked for a sign of life (WebSocket ping). Default 2 s.
    pub heartbeat: Duration,
    /// How long a client may give none before its connection counts as lost. Default 10 s: TCP by
    /// itself would notice a vanished network only after minutes.
    pub silence: Duration,
    /// How long one write may take. Default 10 s.
    pub write_timeout: Duration,
    /// What applies to each room.
    pub room: RoomConfig,
}

impl Default for ServiceConfig {
    fn default() -> Self {
        Self {
            listen: SocketAddr::from(([127, 0, 0, 1], 8080)),
            max_rooms: 10_000,
            max_connections: 10_000,
            max_per_address: 128,
            address_rate: 20,
            allowed_origins: Vec::new(),
            client_queue: 1_024,
            client_queue_bytes: 4 << 20,
            burst: 200,
            rate: 50,
            hello_timeout: Duration::from_secs(10),
            heartbeat: Duration::from_secs(2),
            silence: Duration::from_secs(10),
            write_timeout: Duration::from_secs(10),
            room: RoomConfig::default(),
        }
    }
}

/// What applies to a room.
#[derive(Debug, Clone)]
pub struct RoomConfig {
    /// Members and wishers at once, see also [`RoomConfig::most_participants`]. Default 1,000.
    pub max_participants: usize,
    /// How long a member may be without a connection before it is removed, and a group without
    /// any connected member before it is closed. Default 5 s: longer than a change of network, and
    /// a second longer than members take to notice that nothing comes from us any more
    /// (`ManagerConfig::silence`, 4 s), so that they have time to connect again.
    pub grace: Duration,
    /// The same for all members after the service was restarted, if it is longer. Default 10 s:
    /// their attempts to connect again are up to 5 s apart by then.
    pub restart_grace: Duration,
    /// How long a device that was invited may take to come. Default 60 s: as long as a phone rings.
    pub invitation: Duration,
    /// How often members are told where the log stands. Default 2 s.
    pub ping_every: Duration,
    /// How far a commit may trail behind the oldest uncommitted Remove. Default 500 ms.
    pub remove_slack: Duration,
    /// How long nobody but its author may have applied a commit that somebody complained about,
    /// before the group is ended; also how long a removal that complaints led to may take.
    /// Default 3 s: ten times what a commit takes to reach everybody.
    pub apply_patience: Duration,
    /// How long proposals may wait in one epoch before the group is closed, because all who could
    /// commit them are connected and silent. Default 30 s: six times as long as it takes, at the
    /// usual latency, until the last of 16 committers has its turn (15 takeover times of 300 ms),
    /// and three times as long as a member waits for the answer to its commit.
    pub commit_patience: Duration,
    /// How long after an external commit the next one may come. Default 100 ms: each costs all
    /// members an epoch, and defeats the commit that is on its way.
    pub external_window: Duration,
    /// How many committers are published; members that rank lower never take over. Default 16: as
    /// many would have to fail at once before a room stands still, and the list of a large room
    /// does not go to everybody whenever somebody comes.
    pub max_committers: usize,
    /// Largest application message in bytes. Default 16 KiB; announcements have a few hundred.
    pub max_application: usize,
    /// Bytes of application messages that a member may send at once. Default 64 KiB.
    pub application_burst: usize,
    /// Bytes of them per second that it may send in the long run. Default 8 KiB: each goes to all
    /// members, and an announcement of a few hundred bytes is due when somebody comes.
    pub application_rate: usize,
    /// Largest SDP offer of a participant in bytes. Default 64 KiB: it offers its own few streams.
    pub max_offer: usize,
    /// Largest key package in bytes. Default 16 KiB: ours have about 300, post-quantum ones 2,700,
    /// and every member gets them with the Add.
    pub max_key_package: usize,
    /// The MLS cipher suite of groups that are created here.
    pub ciphersuite: MlsSuite,
    /// How media is protected in rooms of this service, and with what.
    pub mode: MediaMode,
}

/// What a post-quantum room takes at most: the tree and the Welcome of more could be larger than an
/// envelope may be.
const MOST_POST_QUANTUM: usize = 250;

impl RoomConfig {
    /// Members and wishers that a room really takes: `max_participants`, or 250 in a post-quantum
    /// room if that is less.
    pub fn most_participants(&self) -> usize {
        match self.ciphersuite.is_post_quantum() {
            true => self.max_participants.min(MOST_POST_QUANTUM),
            false => self.max_participants,
        }
    }
}

impl Default for RoomConfig {
    fn default() -> Self {
        Self {
            max_participants: 1_000,
            grace: Duration::from_secs(5),
            restart_grace: Duration::from_secs(10),
            invitation: Duration::from_secs(60),
            ping_every: Duration::from_secs(2),
            remove_slack: Duration::from_millis(500),
            apply_patience: Duration::from_secs(3),
            commit_patience: Duration::from_secs(30),
            external_window: Duration::from_millis(100),
            max_committers: 16,
            max_application: 16 * 1024,
            application_burst: 64 * 1024,
            application_rate: 8 * 1024,
            max_offer: 64 * 1024,
            max_key_package: 16 * 1024,
            ciphersuite: MlsSuite::default(),
            mode: MediaMode::default(),
        }
    }
}
