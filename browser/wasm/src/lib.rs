//! The key manager for a browser's worker: a thin face over [`mls_srtp::KeyManager`] and
//! [`mls_srtp::pipeline::FramePipeline`], without logic of its own.
//!
//! Media keys and group secrets never pass this face: key updates go from the manager to the
//! pipeline in here, and what comes out are envelopes, facts, and frames. Only a signature key does,
//! for a worker that stores it.
//!
//! Moments are milliseconds since an origin of the caller's choice, which all calls share; a worker
//! gives `performance.now()`.
#![forbid(unsafe_code)]
// Nothing from outside may bring the process down. What cannot happen is said to the compiler, or
// expected on one function with the reason.
#![cfg_attr(
    not(test),
    deny(
        clippy::expect_used,
        clippy::indexing_slicing,
        clippy::panic,
        clippy::string_slice,
        clippy::unreachable,
        clippy::unwrap_used
    )
)]

mod codes;
mod facts;
mod frame;
mod told;
mod vectors;

use std::sync::Arc;
use std::time::Duration;

use mls_srtp::group::{Identity, MlsSuite};
use mls_srtp::id::{ParticipantId, RoomName, StreamNumber};
use mls_srtp::media::sframe::Codec;
use mls_srtp::pipeline::{FramePipeline, MediaConfig, MediaUpdate};
use mls_srtp::schedule::ModeKind;
use mls_srtp::time::Moment;
use mls_srtp::token::{TokenKeyError, TokenKeys, thumbprint};
use mls_srtp::trust::{OnChange, Pin, PinnedKeys, TokenBound};
use mls_srtp::{KeyManager, ManagerConfig, Output};
use wasm_bindgen::prelude::*;

use codes::Code;
pub use frame::{FrameFate, Opening};
use told::Told;
pub use vectors::{VectorCode, VectorSender};

/// One participant's stay in one room, with its frames.
#[wasm_bindgen]
pub struct Core {
    manager: KeyManager,
    frames: FramePipeline,
    pinned: Arc<PinnedKeys>,
}

#[wasm_bindgen]
impl Core {
    /// A core for `user@domain/device`: with the signature key in `identity`, as
    /// [`Core::new_identity`] made it, or for this stay only with a new one. `pins` are the keys of
    /// others that are remembered, as [`Core::changed_pins`] gave them. With
    /// `require_post_quantum` it enters no room whose keys a later quantum computer gives away. With
    /// `issuers`, public keys in PEM, it trusts those alone whose credential holds a token of theirs.
    ///
    /// # Errors
    /// The name does not parse, the identity is another's or none, the pins or issuers are none, or
    /// the browser has no randomness.
    #[wasm_bindgen(constructor)]
    pub fn new(
        participant: &str,
        identity: Option<Vec<u8>>,
        pins: Option<String>,
        require_post_quantum: bool,
        issuers: Vec<String>,
    ) -> Result<Core, JsError> {
        let participant: ParticipantId = participant.parse()?;
        let identity: Identity = match identity {
            Some(json) => serde_json::from_slice(&json)?,
            None => Identity::generate(participant.clone())?,
        };
        if *identity.participant() != participant {
            return Err(JsError::new("the identity is another participant's"));
        }
        let pins = pins.map_or(Ok(Vec::new()), |json| {
            serde_json::from_str::<Vec<Pin>>(&json)
        })?;
        let pinned = Arc::new(PinnedKeys::with_pins(OnChange::Warn, pins));
        let mut ciphersuites = MlsSuite::ALL.to_vec();
        ciphersuites.retain(|suite| suite.is_post_quantum() || !require_post_quantum);
        let config = ManagerConfig {
            modes: vec![ModeKind::Sframe],
            validator: match token_bound(&issuers)? {
                Some(by_token) => Arc::new(by_token),
                None => Arc::clone(&pinned) as _,
            },
            ciphersuites,
            ..ManagerConfig::default()
        };
        Ok(Core {
            manager: KeyManager::with_identity(identity, config),
            frames: FramePipeline::new(MediaConfig::default()),
            pinned,
        })
    }

    /// A new signature key for `user@domain/device`, to be stored where nobody else can read it and
    /// given to one core at a time. It is the one secret that passes this face.
    ///
    /// # Errors
    /// The name does not parse, or the browser has no randomness.
    #[wasm_bindgen(js_name = newIdentity)]
    pub fn new_identity(participant: &str) -> Result<Vec<u8>, JsError> {
        Ok(serde_json::to_vec(&Identity::generate(
            participant.parse()?,
        )?)?)
    }

    /// The thumbprint (RFC 7638) of such an identity's key, for whoever makes room tokens for it.
    ///
    /// # Errors
    /// It is no identity.
    #[wasm_bindgen(js_name = thumbprintOf)]
    pub fn thumbprint_of(identity: &[u8]) -> Result<String, JsError> {
        let identity: Identity = serde_json::from_slice(identity)?;
        Ok(thumbprint(identity.public_key().as_slice()))
    }

    /// What to compare with another member to know each other's keys, or without one what all
    /// compare in this epoch: JSON, `{ "digits": …, "qrText": …, "qrSvg": … }`. Nothing if either is
    /// no member.
    ///
    /// # Errors
    /// The name does not parse.
    pub fn code(&self, participant: Option<String>) -> Result<Option<String>, JsError> {
        let code = self.code_with(participant)?;
        Ok(code.map(|code| code.shown().to_string()))
    }

    /// Compares such a code with the text of somebody else's: JSON,
    /// `{ "outcome": …, "detail": … }`.
    ///
    /// # Errors
    /// The name does not parse.
    #[wasm_bindgen(js_name = compareCode)]
    pub fn compare_code(
        &self,
        text: &str,
        participant: Option<String>,
    ) -> Result<Option<String>, JsError> {
        let code = self.code_with(participant)?;
        Ok(code.map(|code| code.compare(text).to_string()))
    }

    /// From now on a member's key is the one that is remembered for its device: a person has
    /// compared this safety number. `false` if the member has, or has by now, another one.
    ///
    /// # Errors
    /// The name does not parse.
    #[wasm_bindgen(js_name = acceptKey)]
    pub fn accept_key(&self, participant: &str, compared: &str) -> Result<bool, JsError> {
        let participant = participant.parse()?;
        let number = self.manager.safety_number(&participant);
        let number = number.filter(|number| number.to_string() == compared);
        Ok(number.is_some_and(|number| self.manager.accept_key(&participant, &number)))
    }

    /// The keys of others that are remembered, as JSON, if there are others than when this was last
    /// asked: to be stored.
    #[wasm_bindgen(js_name = changedPins)]
    #[must_use]
    pub fn changed_pins(&self) -> Option<String> {
        let changed = self.pinned.has_changed();
        // Our own plain types always serialize.
        changed.then(|| serde_json::to_string(&self.pinned.pins()).ok())?
    }

    /// Enters a room.
    ///
    /// # Errors
    /// The name does not parse, or a room was entered before.
    pub fn join(&mut self, room: String, token: Option<String>) -> Result<(), JsError> {
        Ok(self.manager.join(RoomName::new(room)?, token)?)
    }

    /// Replaces the room token. Call it before the old one is over: the next connection shows it,
    /// and so does our leaf in the next group that we enter.
    ///
    /// # Errors
    /// In no room.
    #[wasm_bindgen(js_name = setToken)]
    pub fn set_token(&mut self, token: Option<String>) -> Result<(), JsError> {
        Ok(self.manager.set_token(token)?)
    }

    /// Leaves the room.
    ///
    /// # Errors
    /// In no room.
    pub fn leave(&mut self) -> Result<(), JsError> {
        Ok(self.manager.leave()?)
    }

    /// Asks the service to remove a user, with all devices, and to keep it out.
    ///
    /// # Errors
    /// The name does not parse, or in no room.
    pub fn remove(&mut self, participant: &str) -> Result<(), JsError> {
        Ok(self.manager.evict(participant.parse()?)?)
    }

    /// Asks the service to let a removed user come again.
    ///
    /// # Errors
    /// The name does not parse, or in no room.
    pub fn readmit(&mut self, participant: &str) -> Result<(), JsError> {
        Ok(self.manager.readmit(participant.parse()?)?)
    }

    /// Locks or unlocks the room.
    ///
    /// # Errors
    /// In no room, or our credential does not say that we may.
    #[wasm_bindgen(js_name = setLocked)]
    pub fn set_locked(&mut self, locked: bool, now: f64) -> Result<(), JsError> {
        Ok(self.manager.set_locked(locked, moment(now))?)
    }

    /// Says which streams are ours: JSON, a list of `{ "number": …, "source": … }`, where `number`
    /// is the one given to [`Core::protect`].
    ///
    /// # Errors
    /// Not such a list.
    pub fn announce(&mut self, streams: &str) -> Result<(), JsError> {
        self.manager
            .announce_streams(serde_json::from_str(streams)?);
        Ok(())
    }

    /// Sends media signaling, as JSON, to the room's SFU.
    ///
    /// # Errors
    /// No such signal, or in no room.
    pub fn signal(&mut self, signal: &str) -> Result<(), JsError> {
        Ok(self
            .manager
            .send_media_signal(serde_json::from_str(signal)?)?)
    }

    /// The connection to the service is up.
    pub fn connected(&mut self, now: f64) {
        self.manager.handle_connected(moment(now));
    }

    /// The connection to the service is gone.
    pub fn disconnected(&mut self) {
        self.manager.handle_disconnected();
    }

    /// Takes an envelope of the service.
    ///
    /// # Errors
    /// It is none; nothing has changed.
    pub fn receive(&mut self, envelope: &str, now: f64) -> Result<(), JsError> {
        Ok(self
            .manager
            .handle_envelope(envelope.as_bytes(), moment(now))?)
    }

    /// Does what is due.
    #[wasm_bindgen(js_name = handleTimeout)]
    pub fn handle_timeout(&mut self, now: f64) {
        self.manager.handle_timeout(moment(now));
        self.frames.handle_timeout(moment(now));
    }

    /// When [`Core::handle_timeout`] wants to be called next, if ever.
    #[wasm_bindgen(js_name = pollTimeout)]
    #[must_use]
    pub fn poll_timeout(&self) -> Option<f64> {
        let due = mls_srtp::time::earlier(self.manager.poll_timeout(), self.frames.poll_timeout());
        due.map(|at| at.since_origin().as_secs_f64() * 1_000.0)
    }

    /// The next thing to do or to tell, as JSON; see `worker/told.ts` for its shapes. Drain after
    /// every call. Key updates are applied on the way.
    #[must_use]
    pub fn poll(&mut self, now: f64) -> Option<String> {
        let told = self.next(moment(now))?;
        // Our own plain types always serialize.
        serde_json::to_string(&told).ok()
    }

    /// Protects one encoded frame of a stream that we announced.
    ///
    /// # Errors
    /// The frame must not be sent; the message says why.
    pub fn protect(
        &mut self,
        stream: u16,
        mime: &str,
        frame: &[u8],
        now: f64,
    ) -> Result<Vec<u8>, JsError> {
        let codec = Codec::from_mime(mime)?;
        Ok(self
            .frames
            .protect(StreamNumber::new(stream), codec, frame, moment(now))?)
    }

    /// Opens one frame. `ticket` names it should it have to wait.
    ///
    /// # Errors
    /// A codec that no frame of this format can have.
    pub fn open(
        &mut self,
        mime: &str,
        frame: Vec<u8>,
        ticket: u32,
        now: f64,
    ) -> Result<Opening, JsError> {
        let codec = Codec::from_mime(mime)?;
        let opening = self
            .frames
            .open(frame, codec, u64::from(ticket), moment(now));
        Ok(Opening::of(ticket, opening))
    }

    /// A frame that had waited and is open now.
    #[wasm_bindgen(js_name = pollReleased)]
    #[must_use]
    pub fn poll_released(&mut self) -> Option<Opening> {
        let (ticket, opened) = self.frames.poll_released()?;
        Some(Opening::opened(frame::ticket(ticket), opened))
    }

    /// The ticket of a frame that waited in vain.
    #[wasm_bindgen(js_name = pollDropped)]
    #[must_use]
    pub fn poll_dropped(&mut self) -> Option<u32> {
        self.frames.poll_dropped().map(frame::ticket)
    }

    /// What has been done so far, as JSON.
    #[must_use]
    pub fn stats(&self) -> String {
        facts::stats(&self.manager, &self.frames).to_string()
    }
}

impl Core {
    fn code_with(&self, participant: Option<String>) -> Result<Option<Code>, JsError> {
        Ok(match participant {
            Some(name) => self.manager.safety_number(&name.parse()?).map(Code::Pair),
            None => self.manager.group_code().map(Code::Group),
        })
    }

    fn next(&mut self, now: Moment) -> Option<Told> {
        loop {
            if let Some(event) = self.frames.poll_event() {
                self.manager.handle_media_event(&event, now);
                return Some(Told::Media(facts::media(&event)));
            }
            match self.manager.poll_output()? {
                Output::Send(message) => return Some(Told::Send(message)),
                Output::Reconnect => return Some(Told::Reconnect),
                Output::MediaSignal(signal) => return Some(Told::Signal(signal)),
                Output::Event(event) => return Some(Told::Group(facts::group(&event))),
                Output::Media(update) => {
                    let told = streams_of(&update);
                    self.frames.apply(update, now);
                    if told.is_some() {
                        return told;
                    }
                }
                _ => {}
            }
        }
    }
}

/// Why frames of a media type such as `video/AV1` cannot be protected; nothing if they can.
#[wasm_bindgen(js_name = codecProblem)]
#[must_use]
pub fn codec_problem(mime: &str) -> Option<String> {
    Codec::from_mime(mime).err().map(|why| why.to_string())
}

/// The one part of a key update that is not secret.
fn streams_of(update: &MediaUpdate) -> Option<Told> {
    match update {
        MediaUpdate::Streams {
            participant,
            streams,
        } => Some(Told::Streams {
            participant: participant.clone(),
            streams: streams.clone(),
        }),
        _ => None,
    }
}

/// Trust in the tokens of these issuers, if there are any.
fn token_bound(issuers: &[String]) -> Result<Option<TokenBound>, TokenKeyError> {
    let keys = issuers.iter().map(|pem| TokenKeys::read(pem));
    let all = keys.reduce(|all, keys| Ok(all?.and(keys?))).transpose()?;
    all.map(|keys| TokenBound::new(keys, unix_time)).transpose()
}

fn unix_time() -> Duration {
    Duration::from_millis(js_sys::Date::now() as u64)
}

/// Times that are no times count as the origin.
fn moment(millis: f64) -> Moment {
    Moment::new(std::time::Duration::try_from_secs_f64(millis / 1_000.0).unwrap_or_default())
}
