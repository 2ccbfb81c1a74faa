//! A report for people.

use std::fmt;

use crate::report::{EpochReport, MemberReport, Report};

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (peers, verdict) = (self.peers.join(" + "), verdict(self.agreed));
        writeln!(f, "ours + {peers}: {} - {verdict}", self.scenario)?;
        for epoch in &self.epochs {
            write!(f, "{epoch}")?;
        }
        for check in &self.checks {
            let held = if check.held { "yes" } else { "NO" };
            writeln!(f, "  {}: {held}", check.what)?;
        }
        match &self.error {
            Some(error) => writeln!(f, "  BROKEN OFF: {error}"),
            None => Ok(()),
        }
    }
}

impl fmt::Display for EpochReport {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "  epoch {}: {}", self.epoch, verdict(self.agreed))?;
        for member in &self.members {
            let MemberReport {
                leaf,
                participant,
                implementation,
                ..
            } = member;
            writeln!(f, "    leaf {leaf}  {participant}, {implementation}")?;
        }
        self.row(f, "epoch authenticator", |member| {
            member.epoch_authenticator.clone()
        })?;
        self.row(f, "exporter", |member| member.exporter.clone())?;
        let senders = self.members.first().map_or(&[][..], |first| &first.senders);
        for sender in senders {
            self.row(f, &format!("keys of leaf {}", sender.leaf), |member| {
                let mut theirs = member.senders.iter();
                theirs.find(|other| other.leaf == sender.leaf).map_or_else(
                    || "none".to_owned(),
                    |keys| format!("{} {}", keys.master_key, keys.master_salt),
                )
            })?;
        }
        let opened = self.packets.iter().filter(|packet| packet.opened).count();
        match self.packets.len() {
            0 => Ok(()),
            all => writeln!(f, "    {:<20} {opened} of {all} opened", "packets"),
        }
    }
}

impl EpochReport {
    /// One line if all have the same, otherwise one line each.
    fn row(
        &self,
        f: &mut fmt::Formatter<'_>,
        what: &str,
        value: impl Fn(&MemberReport) -> String,
    ) -> fmt::Result {
        let values: Vec<_> = self.members.iter().map(&value).collect();
        if values.windows(2).all(|two| two[0] == two[1]) {
            let value = values.first().map_or("", String::as_str);
            return writeln!(f, "    {what:<20} {value}");
        }
        for (member, value) in self.members.iter().zip(values) {
            let who = &member.participant;
            writeln!(f, "    {what:<20} {value} DIFFERS: {who}")?;
        }
        Ok(())
    }
}

fn verdict(agreed: bool) -> &'static str {
    if agreed { "agreed" } else { "NOT AGREED" }
}
