//! `token-key` and `token`: for an operator without a backend of its own, and to try things out.

use std::error::Error;
use std::io::Write as _;
use std::path::PathBuf;
use std::time::Duration;

use clap::{Args, ValueEnum};
use mls_srtp::id::ParticipantId;
use mls_srtp::token::{Confirmation, Right, RoomToken, TOKEN_AUDIENCE, new_key, new_token_id};
use mls_srtp_signaling::access::{read_issuer, read_secret_issuer, unix_time};

/// Make a key that makes room tokens, and print the public key that checks them.
#[derive(Debug, Args)]
pub struct TokenKey {
    /// Where the private key goes; an existing file is not overwritten.
    #[arg(long, value_name = "FILE")]
    out: PathBuf,
}

/// Make a room token and print it.
#[derive(Debug, Args)]
pub struct Token {
    /// The issuer's private key, from `token-key`.
    #[arg(long, value_name = "FILE", required_unless_present = "secret")]
    key: Option<PathBuf>,
    /// A file with the secret that is shared with the service, instead of a key.
    #[arg(long, value_name = "FILE", conflicts_with = "key")]
    secret: Option<PathBuf>,
    /// The room that it is for; "name-*" stands for all rooms of that beginning.
    #[arg(long)]
    room: String,
    /// The user that it is for, user@domain.
    #[arg(long, value_name = "USER@DOMAIN")]
    user: String,
    /// The user's device.
    #[arg(long)]
    device: String,
    /// What its bearer may do.
    #[arg(
        long,
        value_delimiter = ',',
        default_value = "publish,subscribe",
        value_name = "RIGHTS"
    )]
    rights: Vec<Grant>,
    /// How long it lets in, such as "15min", "1h" or "2days".
    #[arg(long, default_value = "1h", value_parser = humantime::parse_duration, value_name = "TIME")]
    valid: Duration,
    /// The thumbprint of the one signature key that it is good for, as the participant shows it.
    /// Members can check such a token themselves.
    // One in 64 begins with a hyphen.
    #[arg(long, allow_hyphen_values = true, value_name = "THUMBPRINT")]
    bind: Option<String>,
}

/// [`Right`], on the command line.
#[derive(Debug, Clone, Copy, ValueEnum)]
enum Grant {
    /// Send media.
    Publish,
    /// Receive media.
    Subscribe,
    /// Remove others, and lock the room.
    Moderate,
}

impl From<Grant> for Right {
    fn from(grant: Grant) -> Self {
        match grant {
            Grant::Publish => Self::Publish,
            Grant::Subscribe => Self::Subscribe,
            Grant::Moderate => Self::Moderate,
        }
    }
}

impl TokenKey {
    /// Writes the private key where only its owner can read it, and says the public key.
    ///
    /// # Errors
    /// In words.
    pub fn run(&self) -> Result<String, Box<dyn Error>> {
        let mut seed = [0; 32];
        getrandom::fill(&mut seed)?;
        let (private, public) = new_key(seed)?;
        let mut options = std::fs::OpenOptions::new();
        options.write(true).create_new(true);
        #[cfg(unix)]
        std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
        let file = options.open(&self.out);
        let mut file = file.map_err(|error| format!("{}: {error}", self.out.display()))?;
        file.write_all(private.as_bytes())?;
        Ok(public.trim_end().to_owned())
    }
}

impl Token {
    /// Makes the token.
    ///
    /// # Errors
    /// In words.
    pub fn run(&self) -> Result<String, Box<dyn Error>> {
        let who = format!("{}/{}", self.user, self.device);
        let _: ParticipantId = who.parse()?;
        let beginning = self.room.strip_suffix('*').unwrap_or(&self.room);
        if !beginning.is_empty() {
            mls_srtp::id::RoomName::new(beginning)?;
        }
        if self.bind.as_ref().is_some_and(|bind| bind.len() != 43) {
            return Err("a thumbprint has 43 characters".into());
        }
        let mut id = [0; 16];
        getrandom::fill(&mut id)?;
        let now = unix_time().as_secs();
        let token = RoomToken {
            aud: TOKEN_AUDIENCE.to_owned(),
            sub: self.user.clone(),
            device: self.device.clone(),
            room: self.room.clone(),
            rights: self.rights.iter().copied().map(Right::from).collect(),
            iat: now,
            exp: now.saturating_add(self.valid.as_secs()),
            nbf: None,
            jti: new_token_id(id),
            cnf: self.bind.clone().map(|jkt| Confirmation { jkt }),
        };
        let issuer = match (&self.key, &self.secret) {
            (Some(key), _) => read_issuer(key)?,
            (None, Some(secret)) => read_secret_issuer(secret)?,
            (None, None) => return Err("give --key or --secret".into()),
        };
        Ok(issuer.issue(&token)?)
    }
}
