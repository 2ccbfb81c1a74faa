//! Reading what a client's session description says, before the engine gets to see it.
//!
//! The engine trusts SDP more than a server on the open internet should: this pass bounds it,
//! refuses what the SFU does not do, and learns which SSRCs the client will send.

use rtc::peer_connection::sdp::RTCSessionDescription;
use rtc::sdp::MediaDescription;

use crate::config::SfuConfig;
use crate::error::SfuError;
use crate::event::MediaKind;

/// One media section of a client's description.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Section {
    /// Its `a=mid`.
    pub mid: String,
    /// Audio or video.
    pub kind: MediaKind,
    /// The stream the client sends in it, unless it only receives.
    pub source: Option<Source>,
}

/// The SSRCs of one sent stream (RFC 5576).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Source {
    /// SSRC of the media.
    pub ssrc: u32,
    /// SSRC of its retransmissions (RFC 4588), when grouped with `FID`.
    pub repair: Option<u32>,
}

/// Parses an offer or an answer of a client.
///
/// # Errors
///
/// A [`SfuError`] of the client's fault: too large, malformed, or asking for data channels,
/// simulcast or streams without declared SSRC.
pub fn read(sdp: &str, config: &SfuConfig) -> Result<Vec<Section>, SfuError> {
    if sdp.len() > config.max_sdp_bytes {
        return Err(SfuError::SdpTooLarge {
            bytes: sdp.len(),
            limit: config.max_sdp_bytes,
        });
    }
    let malformed = |error: rtc::shared::error::Error| SfuError::MalformedSdp(error.to_string());
    let description = RTCSessionDescription::offer(sdp.to_owned())
        .and_then(|offer| offer.unmarshal())
        .map_err(malformed)?;
    if description.media_descriptions.is_empty() {
        return Err(SfuError::UnsupportedSdp("no media section"));
    }
    let mut sections = Vec::with_capacity(description.media_descriptions.len());
    for media in &description.media_descriptions {
        let section = read_section(media)?;
        if sections
            .iter()
            .any(|known: &Section| known.mid == section.mid)
        {
            return Err(SfuError::MalformedSdp(
                "two media sections of one mid".into(),
            ));
        }
        sections.push(section);
    }
    Ok(sections)
}

fn read_section(media: &MediaDescription) -> Result<Section, SfuError> {
    let kind = match media.media_name.media.as_str() {
        "audio" => MediaKind::Audio,
        "video" => MediaKind::Video,
        _ => return Err(SfuError::UnsupportedSdp("media other than audio and video")),
    };
    let mid = match media.attribute("mid").flatten() {
        Some(mid) if !mid.is_empty() => mid.to_owned(),
        _ => return Err(SfuError::MalformedSdp("media section without mid".into())),
    };
    if media.attribute("simulcast").is_some() || media.attribute("rid").is_some() {
        return Err(SfuError::UnsupportedSdp("simulcast"));
    }
    let receives_only =
        media.attribute("recvonly").is_some() || media.attribute("inactive").is_some();
    let rejected = media.media_name.port.value == 0;
    let source = if receives_only || rejected {
        None
    } else {
        Some(read_source(media)?)
    };
    Ok(Section { mid, kind, source })
}

/// The one media SSRC of a section and its repair SSRC.
fn read_source(media: &MediaDescription) -> Result<Source, SfuError> {
    let number = |text: &str| {
        text.parse::<u32>()
            .map_err(|_| SfuError::MalformedSdp("SSRC is not a 32-bit number".into()))
    };
    let mut repair = None;
    let mut media_ssrcs = Vec::new();
    for attribute in &media.attributes {
        let Some(value) = attribute.value.as_deref() else {
            continue;
        };
        let mut words = value.split_ascii_whitespace();
        match attribute.key.as_str() {
            "ssrc" => {
                let ssrc = number(words.next().unwrap_or_default())?;
                if !media_ssrcs.contains(&ssrc) {
                    media_ssrcs.push(ssrc);
                }
            }
            "ssrc-group" if words.next() == Some("FID") => {
                let (Some(first), Some(second)) = (words.next(), words.next()) else {
                    return Err(SfuError::MalformedSdp("FID group of fewer than two".into()));
                };
                repair = Some((number(first)?, number(second)?));
            }
            _ => {}
        }
    }
    media_ssrcs.retain(|ssrc| repair.is_none_or(|(_, second)| *ssrc != second));
    match (media_ssrcs.as_slice(), repair) {
        ([ssrc], None) => Ok(Source {
            ssrc: *ssrc,
            repair: None,
        }),
        ([ssrc], Some((first, second))) if *ssrc == first => Ok(Source {
            ssrc: first,
            repair: Some(second),
        }),
        ([], _) => Err(SfuError::UnsupportedSdp(
            "a sent stream without declared SSRC",
        )),
        _ => Err(SfuError::UnsupportedSdp(
            "several streams in one media section",
        )),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const HEAD: &str = "v=0\r\no=- 1 1 IN IP4 0.0.0.0\r\ns=-\r\nt=0 0\r\n";

    fn video(lines: &str) -> String {
        format!("{HEAD}m=video 9 UDP/TLS/RTP/SAVPF 96\r\na=mid:0\r\n{lines}")
    }

    fn parse(sdp: &str) -> Result<Vec<Section>, SfuError> {
        read(sdp, &SfuConfig::new("192.0.2.1:1".parse().unwrap()))
    }

    #[test]
    fn media_and_repair_ssrcs_are_told_apart() {
        let sdp =
            video("a=sendonly\r\na=ssrc-group:FID 1 2\r\na=ssrc:1 cname:x\r\na=ssrc:2 cname:x\r\n");
        let expected = Source {
            ssrc: 1,
            repair: Some(2),
        };
        assert_eq!(parse(&sdp).unwrap()[0].source, Some(expected));
        assert_eq!(parse(&video("a=recvonly\r\n")).unwrap()[0].source, None);
    }

    #[test]
    fn what_the_sfu_does_not_do_is_refused_with_a_reason() {
        for (lines, code) in [
            ("a=sendonly\r\n", "unsupported_sdp"),
            (
                "a=ssrc:1 cname:x\r\na=ssrc:2 cname:x\r\n",
                "unsupported_sdp",
            ),
            ("a=ssrc:x cname:x\r\n", "malformed_sdp"),
            ("a=ssrc-group:FID 1\r\n", "malformed_sdp"),
            ("a=rid:f send\r\n", "unsupported_sdp"),
            (
                "a=ssrc:1 cname:x\r\nm=audio 9 UDP/TLS/RTP/SAVPF 0\r\na=mid:0\r\na=recvonly\r\n",
                "malformed_sdp",
            ),
            (
                "m=application 9 UDP/DTLS/SCTP webrtc-datachannel\r\na=mid:1\r\n",
                "unsupported_sdp",
            ),
        ] {
            assert_eq!(parse(&video(lines)).unwrap_err().code(), code, "{lines:?}");
        }
        assert_eq!(parse(HEAD).unwrap_err().code(), "unsupported_sdp");
        assert_eq!(parse("hello").unwrap_err().code(), "malformed_sdp");
        assert_eq!(
            parse(&"x".repeat(300_000)).unwrap_err().code(),
            "sdp_too_large"
        );
    }
}
