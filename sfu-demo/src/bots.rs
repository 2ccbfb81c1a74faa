//! Headless participants that keep a room of `serve` company.

use std::sync::Arc;

use mls_srtp::id::ParticipantId;
use mls_srtp::schedule::ModeKind;
use mls_srtp::token::{Right, RoomToken, TOKEN_AUDIENCE};
use mls_srtp_participant::clock::ClockOrigin;
use mls_srtp_participant::headless::{Headless, HeadlessConfig};
use mls_srtp_participant::leg::LegConfig;
use mls_srtp_participant::session::LinkConfig;
use mls_srtp_participant::trust::Trust;
use mls_srtp_signaling::access::{read_issuer, read_secret_issuer, unix_time};

use crate::cli::Serve;
use crate::media::SampleMedia;

/// How long a bot's token lets it in, in seconds: bots enter at once, and a lost connection is
/// resumed without it.
const BOT_TOKEN: u64 = 60;

/// Participants `bot1`, `bot2`, … that send the sample media until they are told to leave.
pub struct Bots(Vec<Headless>);

impl Bots {
    /// Has bots enter a room of the service at `url`, with tokens where it asks for them.
    ///
    /// # Errors
    /// One line for a person.
    pub async fn start(
        args: &Serve,
        url: &str,
        trust: Trust,
        mode: ModeKind,
    ) -> Result<Self, String> {
        let room = &args.bots_room;
        let media = SampleMedia::load()?;
        let origin = ClockOrigin::start();
        let mut bots = Vec::new();
        for number in 1..=args.bots {
            let name = format!("bot{number}");
            let participant = ParticipantId::new(&name, "localhost", "headless");
            let participant = participant.map_err(|error| error.to_string())?;
            let bot = Headless::start(HeadlessConfig {
                url: url.to_owned(),
                room: room.clone(),
                token: token_for(args, &participant)?,
                participant,
                identity: None,
                manager: mls_srtp::ManagerConfig::default(),
                leg: LegConfig::new("0.0.0.0:0"),
                link: LinkConfig {
                    trust: trust.clone(),
                    ..LinkConfig::default()
                },
                state: None,
                sound: Arc::clone(&media.sound),
                picture: Arc::clone(&media.picture),
                mode,
                record: None,
                origin,
                on_frame: None,
                on_event: None,
                witness: None,
            });
            bots.push(bot.await.map_err(|error| error.to_string())?);
        }
        Ok(Self(bots))
    }

    /// Has them all leave.
    pub async fn leave(self) {
        for bot in &self.0 {
            bot.leave().await;
        }
    }
}

/// A token for a bot, if one is needed and a key is there that makes some.
fn token_for(args: &Serve, bot: &ParticipantId) -> Result<Option<String>, String> {
    let access = &args.access;
    let issuer = match (access.token_key.first(), access.token_secret.first()) {
        (Some(key), _) => read_issuer(key),
        (None, Some(secret)) => read_secret_issuer(secret),
        (None, None) => return Ok(None),
    };
    let issuer = issuer.map_err(|error| format!("bots need a key that makes tokens: {error}"))?;
    let now = unix_time().as_secs();
    let token = RoomToken {
        aud: TOKEN_AUDIENCE.to_owned(),
        sub: format!("{}@{}", bot.user(), bot.domain()),
        device: bot.device().to_owned(),
        room: args.bots_room.to_string(),
        rights: vec![Right::Publish, Right::Subscribe],
        iat: now,
        exp: now + BOT_TOKEN,
        nbf: None,
        jti: format!("{bot} {}", unix_time().as_nanos()),
        cnf: None,
    };
    let token = issuer.issue(&token).map_err(|error| error.to_string())?;
    Ok(Some(token))
}
