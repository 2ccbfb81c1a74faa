//! What people would compare in the demo, compared.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};

use mls_srtp::codes::Comparison;
use mls_srtp::epoch::GroupCode;
use mls_srtp::event::Event;
use mls_srtp::group::SafetyNumber;
use mls_srtp::id::Epoch;
use mls_srtp_participant::headless::{EventObserver, Headless};
use serde::Serialize;

/// The codes that participants have shown, epoch by epoch.
#[derive(Clone, Default)]
pub struct CodeLog(Arc<Mutex<BTreeMap<Epoch, Vec<GroupCode>>>>);

/// What the codes came to.
#[derive(Debug, Clone, Default, Serialize)]
pub struct CodesReport {
    /// The group code of the last epoch.
    pub group_code: String,
    /// How many participants showed one in that epoch.
    pub shown_by: usize,
    /// Epochs in which two participants showed different codes.
    pub split_epochs: u64,
    /// Two who stayed.
    pub pair: Vec<String>,
    /// Their safety number, as the first of them shows it.
    pub safety_number: String,
    /// Whether the second shows the same, and each takes the other's text for a match.
    pub safety_number_agrees: bool,
}

impl CodeLog {
    /// What has to hear a participant's events.
    pub fn observer(&self) -> EventObserver {
        let log = Arc::clone(&self.0);
        Box::new(move |event| {
            if let Event::EpochChanged { epoch, code, .. } = event {
                let mut log = log.lock().unwrap_or_else(PoisonError::into_inner);
                log.entry(*epoch).or_default().push(*code);
            }
        })
    }

    /// Compares what was shown, and the safety numbers of the first and the last of `stayed`.
    pub async fn report(&self, stayed: &[&Headless]) -> CodesReport {
        let pair = match stayed {
            [one, .., other] => compare(one, other).await,
            _ => CodesReport::default(),
        };
        let log = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let split = |codes: &&Vec<GroupCode>| codes.iter().any(|code| Some(code) != codes.first());
        let last = log.values().next_back();
        CodesReport {
            group_code: last
                .and_then(|codes| codes.first())
                .map(ToString::to_string)
                .unwrap_or_default(),
            shown_by: last.map_or(0, Vec::len),
            split_epochs: log.values().filter(split).count() as u64,
            ..pair
        }
    }
}

/// As two people do who compare safety numbers.
async fn compare(one: &Headless, other: &Headless) -> CodesReport {
    let numbers = (
        one.safety_number(other.participant()).await,
        other.safety_number(one.participant()).await,
    );
    let (Some(at_one), Some(at_other)) = numbers else {
        return CodesReport::default();
    };
    let takes = |ours: SafetyNumber, theirs: SafetyNumber| {
        ours.compare(&theirs.to_qr_text()) == Ok(Comparison::Match)
    };
    CodesReport {
        pair: [one, other]
            .map(|headless| headless.participant().user().to_owned())
            .to_vec(),
        safety_number: at_one.to_string(),
        safety_number_agrees: at_one == at_other
            && takes(at_one, at_other)
            && takes(at_other, at_one),
        ..CodesReport::default()
    }
}

impl CodesReport {
    /// The codes for a person.
    pub fn in_words(&self) -> String {
        let Self {
            group_code,
            shown_by,
            safety_number,
            ..
        } = self;
        let pair = self.pair.join(" and ");
        format!(
            "group code {group_code}, shown by {shown_by}\nsafety number of {pair}: {safety_number}"
        )
    }

    /// Why they do not pass, if they do not.
    pub fn reasons(&self) -> Vec<String> {
        let mut reasons = Vec::new();
        if self.shown_by < 2 {
            reasons.push(format!("only {} showed the group code", self.shown_by));
        }
        if self.split_epochs > 0 {
            let split = self.split_epochs;
            reasons.push(format!("members disagreed on the code of {split} epochs"));
        }
        if !self.safety_number_agrees {
            let pair = self.pair.join(" and ");
            reasons.push(format!("the safety numbers of two differ: {pair}"));
        }
        reasons
    }
}

#[cfg(test)]
mod tests {
    use mls_srtp::group::Roster;

    use super::*;

    #[tokio::test]
    async fn two_codes_of_one_epoch_are_a_split() {
        let log = CodeLog::default();
        let mut show = log.observer();
        for (epoch, code, split) in [(0, 1, 0), (1, 2, 0), (1, 2, 0), (1, 3, 1)] {
            show(&Event::EpochChanged {
                epoch: Epoch::new(epoch),
                added: Vec::new(),
                removed: Vec::new(),
                roster: Roster::default(),
                code: GroupCode::new(&[code]),
            });
            assert_eq!(log.report(&[]).await.split_epochs, split);
        }
        let report = log.report(&[]).await;
        assert_eq!(report.shown_by, 3);
        assert_eq!(report.group_code, GroupCode::new(&[2]).to_string());
    }
}
