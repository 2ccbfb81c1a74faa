//! The forwarding unit: datagrams of strangers and session descriptions of its clients.

use std::net::SocketAddr;
use std::time::{Duration, Instant};

use arbitrary::Arbitrary;
use bytes::BytesMut;
use mls_srtp_sfu::{Event, ParticipantId, RoomId, Sfu, SfuConfig, SfuError};

use crate::edit::{Edit, edited};
use crate::structured;

/// What a browser offers that sends sound and pictures.
const OFFER: &str = include_str!("offer.sdp");
/// So many steps of an input count: more only take time.
const MOST_STEPS: usize = 24;

/// What reaches the unit.
#[derive(Debug, Arbitrary)]
enum Step<'a> {
    Offer {
        who: bool,
        edits: Vec<Edit>,
    },
    OfferLines {
        who: bool,
        lines: Vec<u8>,
    },
    Answer {
        who: bool,
        edits: Vec<Edit>,
    },
    Invented {
        who: bool,
        sdp: &'a str,
    },
    /// A datagram; one of STUN names a client by its ufrag, if there is one.
    Datagram {
        port: bool,
        stun: bool,
        bytes: &'a [u8],
    },
    Gone {
        who: bool,
    },
    Later {
        ms: u16,
    },
}

/// Nothing that a client or a stranger sends brings the unit down, and without a good offer it
/// sends nothing to anybody.
pub fn hop(data: &[u8]) {
    let Some(steps) = structured::<Vec<Step<'_>>>(data) else {
        return;
    };
    let config = SfuConfig::new(SocketAddr::from(([192, 0, 2, 1], 3478)));
    let mut sfu = Sfu::new(config).expect("the defaults");
    let mut now = Instant::now();
    let room = RoomId::new("room").expect("an id");
    let id = |who| ParticipantId::new(if who { "ann" } else { "ben" }).expect("an id");
    let mut offered = false;
    for step in steps.into_iter().take(MOST_STEPS) {
        match step {
            Step::Offer { who, edits } => {
                // A stream has one owner: the other client's have other numbers.
                let good = match who {
                    true => OFFER.to_owned(),
                    false => OFFER.replace("100", "200"),
                };
                let sdp = edited(good.as_bytes(), &edits);
                let sdp = String::from_utf8_lossy(&sdp);
                let answer = sfu.connect(&room, &id(who), &sdp, now);
                // It may be one too many, or somebody has offered its SSRC before.
                let refused = matches!(
                    answer,
                    Err(SfuError::TooManyOffers | SfuError::SsrcTaken { .. })
                );
                assert!(
                    answer.is_ok() || refused || !edits.is_empty(),
                    "a good offer: {answer:?}"
                );
                offered |= answer.is_ok();
            }
            Step::OfferLines { who, lines } => {
                let known: Vec<_> = OFFER.lines().collect();
                let chosen = lines
                    .iter()
                    .map(|line| known[usize::from(*line) % known.len()]);
                let sdp = chosen.fold(String::from("v=0\r\n"), |sdp, line| sdp + line + "\r\n");
                offered |= sfu.connect(&room, &id(who), &sdp, now).is_ok();
            }
            Step::Answer { who, edits } => {
                let sdp = edited(OFFER.as_bytes(), &edits);
                let sdp = String::from_utf8_lossy(&sdp);
                let _ = sfu.answer(&room, &id(who), &sdp, now);
            }
            Step::Invented { who, sdp } => {
                offered |= sfu.connect(&room, &id(who), sdp, now).is_ok();
                let _ = sfu.answer(&room, &id(who), sdp, now);
            }
            Step::Datagram { port, stun, bytes } => {
                let from = SocketAddr::from(([198, 51, 100, 7], 4000 + u16::from(port)));
                let mut datagram = BytesMut::new();
                if stun {
                    // A binding request with the cookie of RFC 8489.
                    datagram.extend_from_slice(&[0, 1, 0, 0, 0x21, 0x12, 0xa4, 0x42]);
                }
                datagram.extend_from_slice(bytes);
                sfu.handle_datagram(from, datagram, now);
            }
            Step::Gone { who } => drop(sfu.disconnect(&room, &id(who), now)),
            Step::Later { ms } => {
                now += Duration::from_millis(ms.into());
                sfu.handle_timeout(now);
            }
        }
        while sfu.poll_transmit().is_some() {
            assert!(offered, "an answer to a stranger");
        }
        while let Some(event) = sfu.poll_event() {
            let told = matches!(event, Event::Connected { .. });
            assert!(!told, "nobody has finished a handshake");
        }
        let _ = (sfu.poll_timeout(), sfu.stats());
    }
}
