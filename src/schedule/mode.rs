//! How a room protects media, and the secret that its members export for it.

use serde::{Deserialize, Serialize};

use super::{BaseKey, ExportedSecret, Profile, Suite};

/// How media is protected in a room, fixed when its group is created.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(tag = "mode", content = "profile", rename_all = "snake_case")]
#[non_exhaustive]
pub enum MediaMode {
    /// Every RTP packet on its own, as SRTP inside the hop's SRTP.
    Srtp(Profile),
    /// Every encoded frame as a whole (RFC 9605): for browsers, and for SFUs that rewrite SSRCs,
    /// sequence numbers or timestamps.
    Sframe(Suite),
}

impl MediaMode {
    /// The mode of that kind with the cipher that is named for it, or else the default one.
    ///
    /// # Errors
    /// [`OtherModesCipher`] when a cipher is named that is the other mode's.
    pub fn choose(
        kind: ModeKind,
        profile: Option<Profile>,
        suite: Option<Suite>,
    ) -> Result<Self, OtherModesCipher> {
        match (kind, profile, suite) {
            (ModeKind::Srtp, profile, None) => Ok(Self::Srtp(profile.unwrap_or_default())),
            (ModeKind::Sframe, None, suite) => Ok(Self::Sframe(suite.unwrap_or_default())),
            _ => Err(OtherModesCipher),
        }
    }

    /// The mode without its cipher.
    pub const fn kind(self) -> ModeKind {
        match self {
            Self::Srtp(_) => ModeKind::Srtp,
            Self::Sframe(_) => ModeKind::Sframe,
        }
    }

    /// The registered name of its profile or suite in lower case.
    pub const fn cipher(self) -> &'static str {
        match self {
            Self::Srtp(profile) => profile.name(),
            Self::Sframe(suite) => suite.name(),
        }
    }
}

impl Default for MediaMode {
    fn default() -> Self {
        Self::Srtp(Profile::default())
    }
}

impl std::fmt::Display for MediaMode {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{} with {}", self.kind(), self.cipher())
    }
}

/// A cipher was named that is not the mode's.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("a profile is for srtp, a suite for sframe")]
pub struct OtherModesCipher;

/// A [`MediaMode`] without its cipher.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default, PartialOrd, Ord)]
#[non_exhaustive]
pub enum ModeKind {
    /// Packets.
    #[default]
    Srtp,
    /// Frames.
    Sframe,
}

impl ModeKind {
    /// All of them, the default first.
    pub const ALL: [Self; 2] = [Self::Srtp, Self::Sframe];

    /// The name, as configuration files and command lines have it.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Srtp => "srtp",
            Self::Sframe => "sframe",
        }
    }
}

impl std::fmt::Display for ModeKind {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.pad(self.name())
    }
}

/// The name is no media mode's.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("unknown media mode: there are srtp and sframe")]
pub struct UnknownMode;

impl std::str::FromStr for ModeKind {
    type Err = UnknownMode;

    /// Reads what [`ModeKind::name`] gives.
    fn from_str(name: &str) -> Result<Self, UnknownMode> {
        let mut all = Self::ALL.into_iter();
        all.find(|kind| kind.name() == name).ok_or(UnknownMode)
    }
}

/// What a member exports of an epoch for its room's media, by the room's mode.
#[derive(Debug, Clone)]
pub enum MediaSecret {
    /// `MLS-Exporter("mls-srtp v1", …)` and what packets are protected with.
    Srtp(Profile, ExportedSecret),
    /// `MLS-Exporter("SFrame 1.0 Base Key", "", Nk)`, which knows its suite.
    Sframe(BaseKey),
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_and_json_round_trip() {
        for kind in ModeKind::ALL {
            assert_eq!(kind.to_string().parse(), Ok(kind));
            assert!(UnknownMode.to_string().contains(kind.name()));
        }
        assert_eq!("none".parse::<ModeKind>(), Err(UnknownMode));
        let srtp = Profile::ALL.map(MediaMode::Srtp);
        let sframe = Suite::ALL.map(MediaMode::Sframe);
        for mode in srtp.into_iter().chain(sframe) {
            let json = serde_json::to_string(&mode).expect("JSON");
            let (kind, cipher) = (mode.kind(), mode.cipher());
            let expected = format!(r#"{{"mode":"{kind}","profile":"{cipher}"}}"#);
            assert_eq!(json, expected);
            assert_eq!(serde_json::from_str::<MediaMode>(&json).ok(), Some(mode));
        }
        let chosen = MediaMode::choose(ModeKind::Sframe, None, Some(Suite::Aes256GcmSha512));
        assert_eq!(chosen, Ok(MediaMode::Sframe(Suite::Aes256GcmSha512)));
        let default = MediaMode::choose(ModeKind::Srtp, None, None);
        assert_eq!(default, Ok(MediaMode::default()));
        for kind in ModeKind::ALL {
            let both = MediaMode::choose(kind, Some(Profile::default()), Some(Suite::default()));
            assert_eq!(both, Err(OtherModesCipher));
        }
        let mixed = r#"{"mode":"sframe","profile":"aead_aes_128_gcm"}"#;
        assert!(serde_json::from_str::<MediaMode>(mixed).is_err());
    }
}
