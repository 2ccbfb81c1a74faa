//! A line on the terminal that says how far it is. Nothing where stderr is no terminal.

use std::time::Duration;

use indicatif::{ProgressBar, ProgressStyle};

use crate::notebook::Pages;
use crate::script::Profile;

/// The line.
pub struct Progress(ProgressBar);

impl Progress {
    /// An empty one for a run of that length.
    pub fn start(profile: &Profile) -> Self {
        let bar = ProgressBar::new(millis(profile.seconds));
        let style = ProgressStyle::with_template("{prefix} {bar:30} {msg}");
        bar.set_style(style.expect("the template is well formed"));
        bar.set_prefix(profile.shape.name());
        Self(bar)
    }

    /// How it stands.
    pub fn show(&self, now: Duration, pages: &Pages) {
        self.0.set_position(millis(now));
        let (seconds, members) = (now.as_secs(), pages.members());
        let (epochs, commits) = (pages.epochs, pages.acknowledged.len());
        self.0.set_message(format!(
            "{seconds} s · {members} members · {epochs} epochs · {commits} commits acknowledged"
        ));
    }

    /// Takes it away.
    pub fn end(self) {
        self.0.finish_and_clear();
    }
}

fn millis(time: Duration) -> u64 {
    u64::try_from(time.as_millis()).unwrap_or(u64::MAX)
}
