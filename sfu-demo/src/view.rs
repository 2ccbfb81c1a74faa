//! What a person sees while the demo runs: a live table on a terminal, plain lines elsewhere.

use std::io::{IsTerminal, Write, stdout};
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use crossterm::cursor::MoveUp;
use crossterm::style::Stylize;
use crossterm::terminal::{Clear, ClearType};
use crossterm::{ExecutableCommand, QueueableCommand};
use mls_srtp::event::Event;
use mls_srtp_participant::headless::Headless;

use crate::epochs::EpochRecord;

/// Draws the conference.
pub struct View {
    live: bool,
    /// Lines drawn last, to be drawn over.
    drawn: u16,
    /// Epochs told already.
    told: usize,
}

impl View {
    /// Says where the services are.
    pub fn new(url: String, media: SocketAddr) -> Self {
        println!("signaling {url} · SFU udp://{media} · room demo");
        println!("open access: anyone may enter any room under any name");
        Self {
            live: stdout().is_terminal(),
            drawn: 0,
            told: 0,
        }
    }

    /// Shows the present state.
    pub fn show(&mut self, elapsed: Duration, everybody: &[Arc<Headless>], epochs: &[EpochRecord]) {
        // A view that cannot be written is not worth ending the call.
        let _ = if self.live {
            self.draw(elapsed, everybody, epochs)
        } else {
            self.tell(elapsed, everybody, epochs)
        };
    }

    /// Says something in a line of its own, which stays.
    pub fn say(&mut self, elapsed: Duration, line: &str) {
        let time = elapsed.as_secs_f64();
        // As in `show`.
        let _ = self
            .clear()
            .and_then(|()| writeln!(stdout(), "{time:6.1} s  {line}"));
    }

    fn clear(&mut self) -> std::io::Result<()> {
        let drawn = std::mem::take(&mut self.drawn);
        if drawn > 0 {
            stdout().queue(MoveUp(drawn))?;
            stdout().execute(Clear(ClearType::FromCursorDown))?;
        }
        Ok(())
    }

    /// Leaves the last picture standing.
    pub fn end(&mut self) {
        self.drawn = 0;
    }

    fn tell(
        &mut self,
        elapsed: Duration,
        everybody: &[Arc<Headless>],
        epochs: &[EpochRecord],
    ) -> std::io::Result<()> {
        let mut out = stdout().lock();
        for record in epochs.iter().skip(self.told) {
            let (time, epoch, cause) = (elapsed.as_secs_f64(), record.epoch, record.cause());
            let (members, (code, _)) = (record.members, code_of(everybody, record));
            writeln!(
                out,
                "{time:6.1} s  epoch {epoch}: {cause} · {members} members · {code}"
            )?;
        }
        self.told = epochs.len();
        out.flush()
    }

    fn draw(
        &mut self,
        elapsed: Duration,
        everybody: &[Arc<Headless>],
        epochs: &[EpochRecord],
    ) -> std::io::Result<()> {
        let mut lines = Vec::new();
        if let Some(record) = epochs.last() {
            lines.push(format!(
                "{:5.1} s   epoch {} · {} members · {}",
                elapsed.as_secs_f64(),
                record.epoch.to_string().bold(),
                record.members,
                record.cause(),
            ));
            let (code, shown_by) = code_of(everybody, record);
            lines.push(format!("group code  {} · shown by {shown_by}", code.bold()));
        }
        lines.push(format!("{}", table_head().dark_grey()));
        lines.extend(everybody.iter().map(|one| row(one, everybody)));
        self.clear()?;
        let mut out = stdout();
        for line in &lines {
            writeln!(out, "{line}")?;
        }
        self.drawn = u16::try_from(lines.len()).unwrap_or(0);
        out.flush()
    }
}

fn table_head() -> String {
    format!(
        "{:10} {:>6} {:>8} {:>10} {:>8}  {}",
        "name", "epoch", "sent", "decrypted", "refused", "state"
    )
}

/// A sender: what it sent, and what all the others together made of it.
fn row(one: &Headless, everybody: &[Arc<Headless>]) -> String {
    let progress = one.progress();
    let stats = one
        .media()
        .lock()
        .map(|pipeline| pipeline.stats().clone())
        .unwrap_or_default();
    let epoch = progress
        .epochs
        .last()
        .map(ToString::to_string)
        .unwrap_or_default();
    let state = match (
        &progress.trouble,
        progress.ended_at,
        progress.media_at.filter(|_| progress.media_up),
        progress.joined_at,
    ) {
        (Some(trouble), ..) => trouble.clone().red().to_string(),
        (_, Some(_), ..) => "left".dark_grey().to_string(),
        (.., Some(_), _) => "in the call".green().to_string(),
        (.., Some(_)) => "connecting media".yellow().to_string(),
        _ => "joining".yellow().to_string(),
    };
    let (mut opened, mut refused) = (0, 0);
    for other in everybody {
        let Some(stats) = other.media().stats() else {
            continue;
        };
        if let Some(sender) = stats.senders.get(one.participant()) {
            opened += sender.opened;
            refused += sender.auth_failed + sender.missing_key + sender.wrong_stream;
        }
    }
    let (name, sent) = (one.participant().user(), stats.protected);
    format!("{name:10} {epoch:>6} {sent:>8} {opened:>10} {refused:>8}  {state}")
}

/// The group code that members of an epoch show, and how many show that one.
fn code_of(everybody: &[Arc<Headless>], record: &EpochRecord) -> (String, usize) {
    let codes = everybody
        .iter()
        .filter_map(|one| match one.progress().epoch {
            Some(Event::EpochChanged { epoch, code, .. }) if epoch == record.epoch => Some(code),
            _ => None,
        });
    let codes: Vec<_> = codes.collect();
    let Some(first) = codes.first() else {
        return ("…".into(), 0);
    };
    let alike = codes.iter().filter(|code| *code == first);
    (first.to_string(), alike.count())
}
