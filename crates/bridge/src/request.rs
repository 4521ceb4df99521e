//! What crosses, and how it is answered.

use std::sync::Arc;
use std::time::{Duration, Instant};

use crate::mailbox::{Answer, Mailbox};
use crate::parked::Place;

/// A request on its way to storage.
#[derive(Debug)]
pub struct StorageRequest<Q, R> {
    /// Names the request in the log, on both sides. Unique since the start.
    pub id: u64,
    /// What is asked.
    pub payload: Q,
    /// What it occupies in the channel, in bytes.
    pub size_bytes: usize,
    /// How many commands it holds.
    pub commands: usize,
    /// When it was handed over.
    pub submitted: Instant,
    /// After this it is not begun any more.
    pub deadline: Instant,
    /// Times that it was begun in vain, and not applied.
    pub attempts: u32,
    /// It was put off as storage takes no writes at present.
    pub stalled: bool,
    /// Its place among those that wait for others, once it has waited.
    pub place: Option<Place>,
    /// Where the answer goes.
    pub reply: ReplySlot<R>,
}

impl<Q, R> StorageRequest<Q, R> {
    /// Begins its time anew: it has waited for others, which does not count.
    pub fn restart_clock(&mut self, now: Instant) {
        let allowed = self.deadline.saturating_duration_since(self.submitted);
        (self.submitted, self.deadline) = (now, now + allowed);
    }

    /// Answers that the request was not executed, as its deadline passed while it waited.
    pub fn refuse_late(self, now: Instant) {
        let waited = now - self.submitted;
        self.reply.answer(Err(if self.stalled { Refused::Stalled { waited } } else { Refused::Late { waited } }));
    }
}

/// The answer: what storage replied, or why it did not.
pub type StorageResponse<R> = Result<R, Refused>;

/// Why a request got no reply from storage.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Refused {
    /// Its deadline passed before it began: it was not executed.
    Late {
        /// How long it waited.
        waited: Duration,
    },
    /// The same, while storage took no writes.
    Stalled {
        /// How long it waited.
        waited: Duration,
    },
    /// Storage is stopped: it was not executed.
    Down,
    /// Storage does not answer, and so it was not even asked: it was not executed.
    Open,
    /// A stage of it failed.
    Failed(Fate),
    /// Its worker died with it, or does not come back: whether it was executed is not known.
    Lost,
}

/// What became of a request, or of a command, that failed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fate {
    /// Its effects are there, and stay.
    Applied,
    /// It has had no effect.
    NotApplied,
    /// Nobody can tell.
    Unknown,
}

impl Fate {
    /// The word for logs.
    pub fn name(self) -> &'static str {
        match self {
            Fate::Applied => "applied",
            Fate::NotApplied => "not applied",
            Fate::Unknown => "unknown",
        }
    }
}

/// The right, and the duty, to answer one request.
#[derive(Debug)]
pub struct ReplySlot<R> {
    /// None once answered.
    mailbox: Option<Arc<Mailbox<R>>>,
    token: u64,
    request: u64,
}

impl<R> ReplySlot<R> {
    pub(crate) fn new(mailbox: Arc<Mailbox<R>>, token: u64, request: u64) -> Self {
        ReplySlot { mailbox: Some(mailbox), token, request }
    }

    /// The client to answer.
    pub(crate) fn token(&self) -> u64 {
        self.token
    }

    /// Answers, with a wake-up of its own. For many answers at once see [`answer_all`].
    pub fn answer(mut self, response: StorageResponse<R>) {
        if let Some(mailbox) = self.mailbox.take() {
            mailbox.post([Answer { token: self.token, request: self.request, response }]);
        }
    }
}

impl<R> Drop for ReplySlot<R> {
    fn drop(&mut self) {
        if let Some(mailbox) = self.mailbox.take() {
            mailbox.post([Answer { token: self.token, request: self.request, response: Err(Refused::Lost) }]);
        }
    }
}

/// Answers many requests with one wake-up per network thread. Empties `answers`.
pub fn answer_all<R>(answers: &mut Vec<(ReplySlot<R>, StorageResponse<R>)>) {
    while let Some((slot, _)) = answers.first() {
        let Some(mailbox) = slot.mailbox.clone() else {
            // Cannot be: a slot is consumed by its answer.
            drop(answers.remove(0));
            continue;
        };
        let same = |slot: &ReplySlot<R>| slot.mailbox.as_ref().is_some_and(|m| Arc::ptr_eq(m, &mailbox));
        mailbox.post(answers.extract_if(.., |(slot, _)| same(slot)).map(|(mut slot, response)| {
            slot.mailbox = None;
            Answer { token: slot.token, request: slot.request, response }
        }));
    }
}
