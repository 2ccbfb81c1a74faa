//! What a participant prints for people to compare.

use std::collections::HashMap;
use std::io::{IsTerminal, stdout};

use crossterm::style::Stylize;
use mls_srtp::epoch::GroupCode;
use mls_srtp::event::Event;
use mls_srtp::group::{Roster, SafetyNumber};
use mls_srtp::id::{Epoch, ParticipantId};
use mls_srtp_participant::headless::{EventObserver, Headless};
use qrcode::QrCode;
use qrcode::render::unicode::Dense1x2;
use tokio::sync::mpsc;

/// An epoch as it began.
struct Began {
    epoch: Epoch,
    code: GroupCode,
    added: Vec<ParticipantId>,
    roster: Roster,
}

/// Prints the group code of every epoch, and the safety number with everybody once it is known.
pub struct Telling {
    own: ParticipantId,
    qr: bool,
    epochs: mpsc::UnboundedReceiver<Began>,
    known: HashMap<ParticipantId, SafetyNumber>,
}

impl Telling {
    /// Of participant `own`, with QR codes if `qr`; and what has to hear its events.
    pub fn new(own: ParticipantId, qr: bool) -> (Self, EventObserver) {
        let (began, epochs) = mpsc::unbounded_channel();
        let telling = Self {
            own,
            qr,
            epochs,
            known: HashMap::new(),
        };
        let observer = move |event: &Event| {
            if let Event::EpochChanged {
                epoch,
                added,
                roster,
                code,
                ..
            } = event
            {
                // Nobody listens once the stay is over.
                let _ = began.send(Began {
                    epoch: *epoch,
                    code: *code,
                    added: added.clone(),
                    roster: roster.clone(),
                });
            }
        };
        (telling, Box::new(observer))
    }

    /// Prints for as long as it is polled.
    pub async fn tell(&mut self, headless: &Headless) {
        while let Some(began) = self.epochs.recv().await {
            println!("epoch {} · group code {}", began.epoch, began.code);
            self.draw(&began.code.to_qr_text());
            self.tell_numbers(headless, &began).await;
        }
        // The stay is over; whoever looks after it sees that.
        std::future::pending().await
    }

    /// Who comes anew may have another key, and so may we.
    async fn tell_numbers(&mut self, headless: &Headless, began: &Began) {
        let anew = began.added.contains(&self.own);
        for member in began.roster.iter() {
            let who = &*member.participant;
            let known = self.known.contains_key(who) && !anew && !began.added.contains(who);
            if known || *who == self.own {
                continue;
            }
            // Who has gone meanwhile has none.
            let Some(number) = headless.safety_number(who).await else {
                continue;
            };
            if self.known.insert(who.clone(), number) != Some(number) {
                println!("safety number with {who}: {number}");
                self.draw(&number.to_qr_text());
            }
        }
    }

    fn draw(&self, text: &str) {
        let Some(picture) = self.qr.then(|| picture(text)).flatten() else {
            return;
        };
        for line in picture.lines() {
            // Dark on light, whatever the colours of the terminal are: not every reader takes the
            // reverse.
            if stdout().is_terminal() {
                println!("{}", line.black().on_white());
            } else {
                println!("{line}");
            }
        }
    }
}

/// A QR code in half blocks, two rows to a line; nothing if the text were too long for one.
fn picture(text: &str) -> Option<String> {
    let code = QrCode::new(text).ok()?;
    Some(code.render::<Dense1x2>().build())
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Read by somebody else's reader, from what a terminal shows.
    #[test]
    fn a_picture_in_the_terminal_is_read_as_its_text() {
        let text = GroupCode::new(&[7; 32]).to_qr_text();
        let picture = picture(&text).expect("it fits");
        let rows: Vec<Vec<bool>> = picture
            .lines()
            .flat_map(|line| {
                let half = |blocks: &str| line.chars().map(|c| blocks.contains(c)).collect();
                [half("█▀"), half("█▄")]
            })
            .collect();
        // Readers expect more than one pixel for each module.
        let pixel = |x: usize, y: usize| if rows[y / 4][x / 4] { 0 } else { 255 };
        let (width, height) = (rows[0].len() * 4, rows.len() * 4);
        let mut image = rqrr::PreparedImage::prepare_from_greyscale(width, height, pixel);
        let grids = image.detect_grids();
        let (_, read) = grids.first().expect("a QR code").decode().expect("read");
        assert_eq!(read, text);
    }
}
