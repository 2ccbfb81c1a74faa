//! Headless participants that keep a room of `serve` company.

use std::sync::Arc;

use mls_srtp::id::{ParticipantId, RoomName};
use mls_srtp::schedule::ModeKind;
use mls_srtp_participant::clock::ClockOrigin;
use mls_srtp_participant::headless::{Headless, HeadlessConfig};
use mls_srtp_participant::leg::LegConfig;
use mls_srtp_participant::session::LinkConfig;
use mls_srtp_participant::trust::Trust;

use crate::media::SampleMedia;

/// Participants `bot1`, `bot2`, … that send the sample media until they are told to leave.
pub struct Bots(Vec<Headless>);

impl Bots {
    /// Has `count` bots enter a room of the service at `url`.
    ///
    /// # Errors
    /// One line for a person.
    pub async fn start(
        count: u16,
        url: &str,
        trust: Trust,
        room: &RoomName,
        mode: ModeKind,
    ) -> Result<Self, String> {
        let media = SampleMedia::load()?;
        let origin = ClockOrigin::start();
        let mut bots = Vec::new();
        for number in 1..=count {
            let name = format!("bot{number}");
            let participant = ParticipantId::new(&name, "localhost", "headless");
            let bot = Headless::start(HeadlessConfig {
                url: url.to_owned(),
                room: room.clone(),
                participant: participant.map_err(|error| error.to_string())?,
                token: None,
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
