//! The command line.

use std::net::SocketAddr;
use std::path::PathBuf;
use std::process::ExitCode;

use clap::{Args, Parser, Subcommand};
use mls_srtp::group::MlsSuite;
use mls_srtp::id::{ParticipantId, RoomName};
use mls_srtp::schedule::{MediaMode, ModeKind, OtherModesCipher, Profile, Suite};
use mls_srtp_signaling::access::AccessArgs;
use mls_srtp_signaling::store::Place;
use mls_srtp_signaling::transport::TransportArgs;

use crate::identity::IdentityArgs;

/// End-to-end encrypted conferences: MLS keys, SRTP media, an SFU that cannot read it.
///
/// Without a command, `demo` runs.
#[derive(Debug, Parser)]
#[command(name = "sfu-demo", version, about, max_term_width = 100)]
pub struct Cli {
    #[command(subcommand)]
    pub command: Option<Command>,
    /// What to log to stderr, in the syntax of tracing's EnvFilter.
    #[arg(
        long,
        global = true,
        default_value = "off",
        env = "RUST_LOG",
        value_name = "FILTER",
        value_parser = parse_filter
    )]
    pub log: String,
}

#[derive(Debug, Subcommand)]
pub enum Command {
    /// Run a whole conference in this process and report whether everything held.
    Demo(Demo),
    /// Run the signaling service and the SFU until Ctrl-C.
    Serve(Serve),
    /// Join a room as a headless participant that sends the sample media.
    Participant(Participant),
    /// Show the signature key that a participant keeps, and make one if there is none.
    Key(Key),
}

#[derive(Debug, Args)]
pub struct Demo {
    /// Participants at the start; one more joins late and one of them leaves early.
    #[arg(long, default_value_t = 4, value_parser = clap::value_parser!(u16).range(2..=50))]
    pub participants: u16,
    /// How long the conference runs, in seconds.
    /// At least 7 more than half the number of participants, and 6 more with --kill-sfu.
    #[arg(long, default_value_t = 20, value_parser = clap::value_parser!(u64).range(8..=120))]
    pub seconds: u64,
    #[command(flatten)]
    pub protection: Protection,
    /// Record what each participant decrypted as .ogg and .ivf under this folder.
    #[arg(long, value_name = "DIR")]
    pub record: Option<PathBuf>,
    /// Kill the SFU in the middle, without a goodbye. Another one takes its place, and media must
    /// come back by itself, without a new epoch.
    #[arg(long)]
    pub kill_sfu: bool,
    /// Print the report as one JSON object on the last line of stdout.
    #[arg(long)]
    pub json: bool,
}

impl Demo {
    /// Participants come half a second apart, and the script needs seven seconds after that; more
    /// if media has to come back in the middle of it.
    ///
    /// # Errors
    /// One line for a person.
    pub fn check(&self) -> Result<(), String> {
        self.protection
            .mode(ModeKind::Srtp)
            .map_err(|error| error.to_string())?;
        let script = if self.kill_sfu { 13 } else { 7 };
        let least = u64::from(self.participants) / 2 + script;
        if self.seconds < least {
            let participants = self.participants;
            return Err(format!(
                "{participants} participants need --seconds {least} or more"
            ));
        }
        Ok(())
    }
}

impl Default for Demo {
    fn default() -> Self {
        Self {
            participants: 4,
            seconds: 20,
            protection: Protection::default(),
            record: None,
            kill_sfu: false,
            json: false,
        }
    }
}

#[derive(Debug, Args)]
pub struct Serve {
    /// Address of the signaling service (WebSocket).
    #[arg(long, default_value = "127.0.0.1:8080", value_name = "IP:PORT")]
    pub listen: SocketAddr,
    /// UDP address of the SFU; participants must be able to reach it.
    #[arg(long, default_value = "127.0.0.1:5004", value_name = "IP:PORT")]
    pub media: SocketAddr,
    /// Where rooms are kept: a file, which is made if there is none, or "memory", where a restart
    /// loses them.
    #[arg(
        long,
        default_value_t,
        env = "MLS_SRTP_STORE",
        value_name = "FILE|memory"
    )]
    pub store: Place,
    /// Where participants reach the SFU, if not at the address above: behind NAT the outside
    /// address.
    #[arg(long, value_name = "IP:PORT")]
    pub public: Option<SocketAddr>,
    /// Headless participants that send the sample media, so that nobody is alone.
    #[arg(long, default_value_t = 0, value_name = "N", value_parser = clap::value_parser!(u16).range(..=20))]
    pub bots: u16,
    /// The room that they enter.
    #[arg(long, default_value = "demo", value_parser = parse_room, value_name = "ROOM")]
    pub bots_room: RoomName,
    #[command(flatten)]
    pub protection: Protection,
    #[command(flatten)]
    pub access: AccessArgs,
    #[command(flatten)]
    pub transport: TransportArgs,
}

/// How media and keys are protected end to end.
#[derive(Debug, Clone, Copy, Default, Args)]
pub struct Protection {
    /// What is protected end to end: srtp (RTP packets) or sframe (encoded frames, as browsers
    /// need it). Default: sframe for `serve`, srtp for `demo`.
    #[arg(long, value_name = "MODE")]
    pub mode: Option<ModeKind>,
    /// How packets are protected: aead_aes_128_gcm (default), aead_aes_256_gcm or
    /// aes128_cm_hmac_sha1_80.
    #[arg(long, value_name = "PROFILE")]
    pub profile: Option<Profile>,
    /// How frames are protected: aes_128_gcm_sha256_128 (default) or aes_256_gcm_sha512_128.
    #[arg(long, value_name = "SUITE")]
    pub suite: Option<Suite>,
    /// Rooms have keys that a later quantum computer does not give away: X25519 and ML-KEM-768
    /// together.
    #[arg(long)]
    pub post_quantum: bool,
}

impl Protection {
    /// The MLS cipher suite of the rooms.
    pub fn ciphersuite(self) -> MlsSuite {
        MlsSuite::of_rooms(self.post_quantum)
    }

    /// The mode of the rooms, `otherwise` if none was asked for.
    ///
    /// # Errors
    /// [`OtherModesCipher`], for a person.
    pub fn mode(self, otherwise: ModeKind) -> Result<MediaMode, OtherModesCipher> {
        MediaMode::choose(self.mode.unwrap_or(otherwise), self.profile, self.suite)
    }
}

impl Participant {
    /// The MLS cipher suites that are accepted.
    pub fn ciphersuites(&self) -> Vec<MlsSuite> {
        let all = MlsSuite::ALL.into_iter();
        all.filter(|suite| suite.is_post_quantum() || !self.require_post_quantum)
            .collect()
    }
}

#[derive(Debug, Args)]
pub struct Participant {
    /// The signaling service, ws://host:port or wss://host.
    #[arg(long, default_value = "ws://127.0.0.1:8080")]
    pub url: String,
    /// Trust the certificates in this PEM file as well, for a wss:// service.
    #[arg(long, value_name = "FILE")]
    pub tls_ca: Option<PathBuf>,
    /// The room to enter.
    #[arg(long, default_value = "demo", value_parser = parse_room)]
    pub room: RoomName,
    /// Who to be: a name, or user@domain/device in full.
    #[arg(long, default_value = "guest", value_parser = parse_name)]
    pub name: ParticipantId,
    /// What the room protects: srtp (RTP packets) or sframe (encoded frames). Another room is not
    /// entered.
    #[arg(long, default_value = "sframe", value_name = "MODE")]
    pub mode: ModeKind,
    /// The room token, where the service asks for one; "@FILE" reads it from a file.
    #[arg(long, env = "MLS_SRTP_TOKEN", hide_env_values = true, value_parser = parse_token)]
    pub token: Option<String>,
    /// Enter only a room whose keys a later quantum computer does not give away; see `serve
    /// --post-quantum`.
    #[arg(long)]
    pub require_post_quantum: bool,
    /// Leave after this many seconds; without it, stay until Ctrl-C.
    #[arg(long)]
    pub seconds: Option<u64>,
    /// Keep signature key and stay in this file, and go on from it: Ctrl-C then stops without
    /// leaving, and the next start is the same member again. It holds every secret of the group.
    #[arg(long, value_name = "FILE")]
    pub state: Option<PathBuf>,
    /// Record what is decrypted as .ogg and .ivf under this folder.
    #[arg(long, value_name = "DIR")]
    pub record: Option<PathBuf>,
    /// Show group code and safety numbers as QR codes too.
    #[arg(long)]
    pub qr: bool,
    #[command(flatten)]
    pub identity: IdentityArgs,
}

#[derive(Debug, Args)]
pub struct Key {
    /// The participant's state, as `participant --state` uses it.
    #[arg(long, value_name = "FILE")]
    pub state: PathBuf,
    /// Whose key: a name, or user@domain/device in full.
    #[arg(long, value_parser = parse_name)]
    pub name: ParticipantId,
}

/// A filter in the syntax of tracing's EnvFilter.
fn parse_filter(text: &str) -> Result<String, mls_srtp_signaling::logging::ParseError> {
    mls_srtp_signaling::logging::check(text).map(|()| text.to_owned())
}

/// Others can see the arguments of a process, so a file may stand for the token.
fn parse_token(text: &str) -> Result<String, String> {
    let Some(path) = text.strip_prefix('@') else {
        return Ok(text.to_owned());
    };
    let token = std::fs::read_to_string(path).map_err(|error| format!("{path}: {error}"))?;
    Ok(token.trim().to_owned())
}

fn parse_room(text: &str) -> Result<RoomName, String> {
    RoomName::new(text).map_err(|error| error.to_string())
}

/// Help and version go out whole with code 0; a mistake gets one line and code 2.
pub fn explain(error: &clap::Error) -> ExitCode {
    if !error.use_stderr() {
        print!("{error}");
        return ExitCode::SUCCESS;
    }
    let text = error.to_string();
    // What is wrong may be a list; behind the first empty line comes how it should be.
    let lines = text.lines().take_while(|line| !line.is_empty());
    let wrong: Vec<_> = lines.map(str::trim).collect();
    eprintln!("{} (see --help)", wrong.join(" "));
    ExitCode::from(2)
}

/// `alice` stands for `alice@localhost/headless`.
fn parse_name(text: &str) -> Result<ParticipantId, String> {
    let full = if text.contains('@') {
        text.to_owned()
    } else {
        format!("{text}@localhost/headless")
    };
    full.parse()
        .map_err(|error: mls_srtp::id::InvalidId| error.to_string())
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory;

    use super::*;

    #[test]
    fn the_command_line_is_consistent() {
        Cli::command().debug_assert();
    }

    #[test]
    fn a_short_name_is_completed() {
        assert_eq!(
            parse_name("bob").map(|name| name.to_string()),
            Ok("bob@localhost/headless".into())
        );
        assert!(parse_name("b@b").is_err());
    }
}
