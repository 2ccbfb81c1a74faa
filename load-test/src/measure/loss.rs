//! Which packets should have been heard, and which were not.

use std::time::Duration;

use crate::client::Span;

/// A pair that has heard nothing of each other for so long should have.
const FIRST_WITHIN: Duration = Duration::from_secs(2);
/// What was sent so shortly before one of the two went may be on its way still.
const ON_ITS_WAY: Duration = Duration::from_secs(1);

/// Packets that should have been heard, and those that were not.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Loss {
    /// Each packet counts once for everybody who should have heard it.
    pub expected: u64,
    /// Of those.
    pub lost: u64,
    /// Connections to the SFU that broke by themselves.
    pub connections_lost: u64,
    /// The same by the second in which they were sent.
    pub seconds: Vec<Second>,
}

/// The packets that were sent in one second.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Second {
    /// That should have been heard.
    pub expected: u64,
    /// That were not.
    pub lost: u64,
}

impl Loss {
    /// Of all pairs of connections of different users that overlap in time.
    pub fn of(spans: &[Span]) -> Self {
        let mut loss = Self {
            connections_lost: spans.iter().filter(|span| span.lost).count() as u64,
            ..Self::default()
        };
        for (number, sender) in spans.iter().enumerate() {
            let number = u32::try_from(number).unwrap_or(u32::MAX);
            for receiver in spans.iter().filter(|span| span.user != sender.user) {
                loss.add(receiver, number, sender);
            }
        }
        loss
    }

    fn add(&mut self, receiver: &Span, number: u32, sender: &Span) {
        let mut heard = receiver.heard.get(&number).cloned().unwrap_or_default();
        heard.sort_unstable();
        heard.dedup();
        for packet in expected(receiver, sender, &heard) {
            let Some(at) = sender.sent.get(packet as usize) else {
                continue;
            };
            let second = usize::try_from(at.as_secs()).unwrap_or(usize::MAX);
            if self.seconds.len() <= second {
                self.seconds.resize(second + 1, Second::default());
            }
            let lost = u64::from(heard.binary_search(&packet).is_err());
            self.expected += 1;
            self.lost += lost;
            self.seconds[second].expected += 1;
            self.seconds[second].lost += lost;
        }
    }
}

/// The numbers that a receiver should have heard: from the first that it heard to the last one, and
/// to the last one that was sent where both are there to the end. Of a sender that it never heard,
/// all but those for which it was too early or too late.
fn expected(receiver: &Span, sender: &Span, heard: &[u32]) -> std::ops::Range<u32> {
    let count = u32::try_from(sender.sent.len()).unwrap_or(u32::MAX);
    let ends = [receiver.to, sender.to].into_iter().flatten().min();
    match (heard.first(), heard.last(), ends) {
        (Some(first), _, None) => *first..count,
        (Some(first), Some(last), Some(_)) => *first..last + 1,
        _ => {
            let from = receiver.from.max(sender.from) + FIRST_WITHIN;
            let before = |time: Duration| sender.sent.partition_point(|sent| *sent < time) as u32;
            let to = ends.map_or(count, |end| before(end.saturating_sub(ON_ITS_WAY)));
            before(from)..to.max(before(from))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn millis(millis: u64) -> Duration {
        Duration::from_millis(millis)
    }

    /// A connection from 0 s on which 100 packets are sent, ten per second.
    fn span(user: usize) -> Span {
        Span {
            user,
            sent: (0..100).map(|number| millis(100 * number)).collect(),
            ..Span::default()
        }
    }

    /// What the second hears of the first, and nothing is sent by it.
    fn loss(first: Span, to: Option<Duration>, heard: impl IntoIterator<Item = u32>) -> (u64, u64) {
        let receiver = Span {
            user: 1,
            to,
            heard: [(0, heard.into_iter().collect())].into(),
            ..Span::default()
        };
        let loss = Loss::of(&[first, receiver]);
        let sum = |f: fn(&Second) -> u64| loss.seconds.iter().map(f).sum::<u64>();
        assert_eq!(sum(|second| second.lost), loss.lost);
        assert_eq!(sum(|second| second.expected), loss.expected);
        (loss.expected, loss.lost)
    }

    #[test]
    fn everything_from_the_first_on_is_expected_of_those_who_stay() {
        assert_eq!(loss(span(0), None, 0..100), (100, 0));
        assert_eq!(loss(span(0), None, 20..100), (80, 0), "it came later");
        let gaps = (20..100).filter(|number| !matches!(number, 30 | 50..60));
        assert_eq!(loss(span(0), None, gaps), (80, 11), "gaps are lost");
        assert_eq!(loss(span(0), None, 0..90), (100, 10), "so is the end");
        assert_eq!(loss(span(0), None, [5, 5, 4, 4]), (96, 94), "twice is once");
    }

    #[test]
    fn of_those_who_go_the_end_is_not_expected() {
        let gap = (0..50).filter(|number| *number != 7);
        assert_eq!(loss(span(0), Some(millis(5_100)), gap.clone()), (50, 1));
        let mut leaver = span(0);
        leaver.to = Some(millis(10_000));
        assert_eq!(loss(leaver, None, gap), (50, 1));
    }

    #[test]
    fn who_is_never_heard_is_lost() {
        assert_eq!(loss(span(0), None, []), (80, 80));
        assert_eq!(loss(span(0), Some(millis(8_000)), []), (50, 50));
        assert_eq!(loss(span(0), Some(millis(2_500)), []), (0, 0), "too short");
    }

    #[test]
    fn nobody_is_expected_to_hear_itself() {
        assert_eq!(loss(span(1), None, []), (0, 0));
    }
}
