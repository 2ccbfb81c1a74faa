//! What happened, as text: the same for the same seed, byte for byte.
//!
//! It names kinds and positions of messages and no byte of a key, a signature or an identifier,
//! for those are drawn by the MLS library and differ from run to run.

use std::fmt::Write;

use mls_srtp::delivery::{ClientMessage, LogBody, ServiceMessage};
use mls_srtp::event::Event;
use mls_srtp::id::Epoch;
use mls_srtp::time::Moment;

use super::seed;

/// Lines that a report of a failure shows without `SIM_LINES`.
const TAIL: u64 = 120;

/// The lines of one run.
#[derive(Debug, Default)]
pub struct Trace {
    lines: Vec<String>,
    /// Crowds of a thousand make millions of lines that nobody reads.
    silent: bool,
}

impl Trace {
    pub fn silent() -> Self {
        Self {
            lines: Vec::new(),
            silent: true,
        }
    }

    /// Adds a line. Called at every step, so the text is made only when it is kept.
    pub fn note(&mut self, now: Moment, what: impl FnOnce() -> String) {
        if !self.silent {
            let at = now.since_origin();
            let (seconds, micros) = (at.as_secs(), at.subsec_micros());
            self.lines
                .push(format!("{seconds:3}.{micros:06} {}", what()));
        }
    }

    pub fn lines(&self) -> &[String] {
        &self.lines
    }

    pub fn text(&self) -> String {
        self.lines.join("\n")
    }

    /// The last lines.
    pub fn tail(&self) -> String {
        let most = seed::number("SIM_LINES").unwrap_or(TAIL);
        let from = self.lines.len().saturating_sub(most as usize);
        let mut text = String::new();
        if from > 0 {
            let _ = writeln!(text, "… {from} lines before");
        }
        text + &self.lines[from..].join("\n")
    }
}

/// A client's message in a few words.
pub fn request(message: &ClientMessage) -> String {
    match message {
        ClientMessage::Hello { resume, .. } => match resume {
            Some(resume) => format!("hello, resume after {}", resume.seq),
            None => "hello".into(),
        },
        ClientMessage::Create { generation, .. } => format!("create generation {generation}"),
        ClientMessage::Join { .. } => "join".into(),
        ClientMessage::Leave => "leave".into(),
        ClientMessage::Evict { participant } => format!("evict {}", participant.user()),
        ClientMessage::Commit {
            epoch,
            seen_seq,
            welcome,
            ..
        } => {
            let adds = if welcome.is_some() { " with Adds" } else { "" };
            format!("commit{adds} ends epoch {epoch}, seen {seen_seq}")
        }
        ClientMessage::ExternalCommit { epoch, .. } => {
            format!("external commit ends epoch {epoch}")
        }
        ClientMessage::Application { epoch, .. } => format!("application in epoch {epoch}"),
        ClientMessage::Applied { seq, .. } => format!("applied {seq}"),
        ClientMessage::CannotApply { seq, .. } => format!("cannot apply {seq}"),
        ClientMessage::Declined { seq, .. } => format!("declined {seq}"),
        ClientMessage::AskGroupInfo { .. } => "ask for the GroupInfo".into(),
        ClientMessage::Distrust { leaf, .. } => format!("distrust leaf {leaf}"),
        ClientMessage::Media(_) => "media signal".into(),
        _ => "something new".into(),
    }
}

/// A service's message in a few words.
pub fn answer(message: &ServiceMessage) -> String {
    match message {
        ServiceMessage::Room { policy, group, .. } => match group {
            Some(head) => format!(
                "room, generation {}, epoch {}, log {}",
                policy.generation, head.epoch, head.seq
            ),
            None => format!("room, vacant, generation {}", policy.generation),
        },
        ServiceMessage::Entry(entry) => format!("entry {}: {}", entry.seq, body(&entry.body)),
        ServiceMessage::Welcome { seq, .. } => format!("welcome of {seq}"),
        ServiceMessage::GroupInfo { epoch, .. } => format!("GroupInfo of epoch {epoch}"),
        ServiceMessage::RoomReset { author, .. } => format!("room reset by {}", author.user()),
        ServiceMessage::Committers { leaves, .. } => {
            let leaves: Vec<_> = leaves.iter().map(ToString::to_string).collect();
            format!("committers {}", leaves.join(" "))
        }
        ServiceMessage::Ready { epoch, .. } => format!("ready {epoch}"),
        ServiceMessage::Ping { epoch, seq, .. } => format!("ping epoch {epoch}, log {seq}"),
        ServiceMessage::Refused {
            request, reason, ..
        } => format!("refused {request}: {reason:?}"),
        ServiceMessage::Media(_) => "media signal".into(),
        ServiceMessage::Closed { reason } => format!("closed: {reason:?}"),
        _ => "something new".into(),
    }
}

/// The epoch that an entry belongs to.
pub fn epoch_of(body: &LogBody) -> Epoch {
    match body {
        LogBody::Proposal { epoch, .. }
        | LogBody::Withdrawn { epoch, .. }
        | LogBody::Application { epoch, .. } => *epoch,
        LogBody::Commit { epoch, .. } => epoch.next(),
        _ => Epoch::default(),
    }
}

fn body(body: &LogBody) -> String {
    match body {
        LogBody::Created { creator } => format!("created by {}", creator.user()),
        LogBody::Proposal { epoch, .. } => format!("proposal in epoch {epoch}"),
        LogBody::Withdrawn { proposal, .. } => format!("withdrawn {proposal}"),
        LogBody::Commit { epoch, author, .. } => format!("commit of leaf {author} ends {epoch}"),
        LogBody::Application { epoch, .. } => format!("application in epoch {epoch}"),
        _ => "something new".into(),
    }
}

/// An event in a few words.
pub fn event(event: &Event) -> String {
    match event {
        Event::Joined { leaf, .. } => format!("joined at leaf {leaf}"),
        Event::EpochChanged { epoch, roster, .. } => {
            let members: Vec<_> = roster
                .iter()
                .map(|member| format!("{}:{}", member.leaf, member.participant.user()))
                .collect();
            format!("is in epoch {epoch} of {}", members.join(" "))
        }
        Event::SendingIn { epoch, reason } => format!("sends in epoch {epoch} ({reason:?})"),
        Event::Refused {
            request, reason, ..
        } => format!("hears that {request} is refused: {reason:?}"),
        other => {
            // The name alone: what is inside may hold a library's words about random bytes.
            let text = format!("{other:?}");
            let end = text.find([' ', '{']).unwrap_or(text.len());
            text[..end].to_owned()
        }
    }
}
