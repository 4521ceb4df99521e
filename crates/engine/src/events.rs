//! What RocksDB tells of itself as it happens: that it holds writes back, that work in the background failed, that it
//! flushed and compacted.
//!
//! RocksDB calls the [`Listener`] from its own threads and waits for it, so all that happens here is that fields are
//! set, and that threads which compact lower their priority. Who wants to know looks at them: [`Events::stall`] and [`Events::refuses_writes`] cost one load each.

use std::cell::Cell;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU8, AtomicU64, Ordering};
use std::time::Instant;

use parking_lot::Mutex;
use rust_rocksdb::event_listener::{
    BackgroundErrorRecoveryInfo, BackgroundErrorStatus, CompactionJobInfo, DBBackgroundErrorReason,
    DBWriteStallCondition, EventListener, FlushJobInfo, MutableStatus, StatusSeverity, WriteStallInfo,
};

use crate::error::Error;
use crate::families::{FAMILY_COUNT, Family};

/// How far RocksDB holds writes back, as its background work does not keep up with them.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
#[repr(u8)]
pub enum Stall {
    /// Not at all.
    #[default]
    Normal = 0,
    /// To a rate.
    Delayed = 1,
    /// Entirely.
    Stopped = 2,
}

impl Stall {
    /// In lower case, for `INFO`.
    pub const fn name(self) -> &'static str {
        match self {
            Stall::Normal => "normal",
            Stall::Delayed => "delayed",
            Stall::Stopped => "stopped",
        }
    }

    fn of(condition: DBWriteStallCondition) -> Stall {
        match condition {
            DBWriteStallCondition::KNormal => Stall::Normal,
            DBWriteStallCondition::KDelayed => Stall::Delayed,
            DBWriteStallCondition::KStopped => Stall::Stopped,
        }
    }

    fn from_u8(value: u8) -> Stall {
        match value {
            0 => Stall::Normal,
            1 => Stall::Delayed,
            _ => Stall::Stopped,
        }
    }
}

/// What an error of the background work means for writes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Severity {
    /// They go on; the work is tried again.
    Soft,
    /// They are refused until [`crate::Engine::resume`] succeeds.
    Hard,
    /// They are refused until the database is reopened.
    Fatal,
}

/// An error that RocksDB met outside of a call, or that made it stop writing.
#[derive(Clone, Debug)]
pub struct BackgroundError {
    /// What it means.
    pub severity: Severity,
    /// What RocksDB was doing.
    pub during: &'static str,
    /// RocksDB's text, which names the file.
    pub text: String,
    /// When it was told.
    pub since: Instant,
}

/// The state of the database, as its events have told it.
#[derive(Clone, Debug)]
pub struct Health {
    /// Whether writes are held back.
    pub stall: Stall,
    /// Since when.
    pub stall_since: Instant,
    /// What stands in the way of writing, or of the background work.
    pub error: Option<BackgroundError>,
}

/// Events since the database was opened.
#[derive(Clone, Copy, Debug, Default)]
pub struct EventCounts {
    /// Memtables written to files.
    pub flushes: u64,
    /// Compactions that ended.
    pub compactions: u64,
    /// Times that writes began to be held back.
    pub stalls: u64,
    /// Times that they were stopped.
    pub stops: u64,
    /// Time that they were held back, up to the last change, in microseconds.
    pub stall_micros: u64,
    /// Errors of the background work.
    pub background_errors: u64,
    /// Times that such an error was overcome.
    pub resumes: u64,
}

#[derive(Debug)]
struct State {
    stalls: [Stall; FAMILY_COUNT],
    stall_since: Instant,
    error: Option<BackgroundError>,
}

#[derive(Debug, Default)]
struct Counters {
    flushes: AtomicU64,
    compactions: AtomicU64,
    stalls: AtomicU64,
    stops: AtomicU64,
    stall_micros: AtomicU64,
    background_errors: AtomicU64,
    resumes: AtomicU64,
}

/// See the module's text. Shared by the database and its listener.
#[derive(Debug)]
pub(crate) struct Events {
    /// The greatest stall of all families.
    stall: AtomicU8,
    /// An error is hard or worse.
    refuses_writes: AtomicBool,
    state: Mutex<State>,
    counters: Counters,
}

impl Default for Events {
    fn default() -> Self {
        let state = State { stalls: [Stall::Normal; FAMILY_COUNT], stall_since: Instant::now(), error: None };
        Events {
            stall: AtomicU8::new(Stall::Normal as u8),
            refuses_writes: AtomicBool::new(false),
            state: Mutex::new(state),
            counters: Counters::default(),
        }
    }
}

impl Events {
    pub(crate) fn stall(&self) -> Stall {
        Stall::from_u8(self.stall.load(Ordering::Acquire))
    }

    pub(crate) fn refuses_writes(&self) -> bool {
        self.refuses_writes.load(Ordering::Acquire)
    }

    /// Why writes are refused, if they are.
    pub(crate) fn refusal(&self) -> Option<Error> {
        if !self.refuses_writes() {
            return None;
        }
        let state = self.state.lock();
        let error = state.error.as_ref().filter(|error| error.severity >= Severity::Hard)?;
        Some(match error.severity {
            Severity::Fatal => Error::Unwritable(error.text.clone()),
            Severity::Hard | Severity::Soft => Error::Full(error.text.clone()),
        })
    }

    pub(crate) fn health(&self) -> Health {
        let state = self.state.lock();
        Health { stall: self.stall(), stall_since: state.stall_since, error: state.error.clone() }
    }

    pub(crate) fn counts(&self) -> EventCounts {
        let load = |counter: &AtomicU64| counter.load(Ordering::Relaxed);
        let counters = &self.counters;
        EventCounts {
            flushes: load(&counters.flushes),
            compactions: load(&counters.compactions),
            stalls: load(&counters.stalls),
            stops: load(&counters.stops),
            stall_micros: load(&counters.stall_micros),
            background_errors: load(&counters.background_errors),
            resumes: load(&counters.resumes),
        }
    }

    /// Takes over what RocksDB says when it is asked. Events of two threads may be told in the wrong order, and a stall
    /// that nobody ends would hold writes back for ever.
    pub(crate) fn correct_stall(&self, actual: Stall) {
        let mut state = self.state.lock();
        state.stalls.iter_mut().for_each(|stall| *stall = (*stall).min(actual));
        if state.stalls.iter().all(|stall| *stall < actual) {
            // It is not told of which family.
            state.stalls[Family::Keys as usize] = actual;
        }
        self.publish_stall(&mut state);
    }

    fn set_stall(&self, family: Family, stall: Stall) {
        let mut state = self.state.lock();
        state.stalls[family as usize] = stall;
        self.publish_stall(&mut state);
    }

    fn publish_stall(&self, state: &mut State) {
        let before = self.stall();
        let now = state.stalls.iter().copied().max().unwrap_or_default();
        if before == now {
            return;
        }
        if before == Stall::Normal {
            self.counters.stalls.fetch_add(1, Ordering::Relaxed);
        } else {
            let micros = u64::try_from(state.stall_since.elapsed().as_micros()).unwrap_or(u64::MAX);
            self.counters.stall_micros.fetch_add(micros, Ordering::Relaxed);
        }
        state.stall_since = Instant::now();
        self.stall.store(now as u8, Ordering::Release);
        if now == Stall::Stopped {
            self.counters.stops.fetch_add(1, Ordering::Relaxed);
        }
    }

    /// Notes an error. One that is less severe than what is known changes nothing, as in RocksDB.
    fn set_error(&self, severity: Severity, during: &'static str, text: String) {
        self.counters.background_errors.fetch_add(1, Ordering::Relaxed);
        let mut state = self.state.lock();
        if state.error.as_ref().is_some_and(|known| known.severity >= severity) {
            return;
        }
        state.error = Some(BackgroundError { severity, during, text, since: Instant::now() });
        self.refuses_writes.store(severity >= Severity::Hard, Ordering::Release);
    }

    /// Notes that a write found the disk full. RocksDB has told so already, unless that came with a resume.
    pub(crate) fn note_full(&self, text: &str) {
        if !self.refuses_writes() {
            self.set_error(Severity::Hard, "write", text.to_owned());
        }
    }

    /// Notes that RocksDB works again.
    pub(crate) fn clear_error(&self) {
        let mut state = self.state.lock();
        if state.error.take().is_some() {
            self.counters.resumes.fetch_add(1, Ordering::Relaxed);
        }
        self.refuses_writes.store(false, Ordering::Release);
    }
}

/// What RocksDB calls.
pub(crate) struct Listener {
    pub(crate) events: Arc<Events>,
    /// The `nice` value of the threads that compact.
    pub(crate) compaction_nice: i32,
}

thread_local! {
    static IS_NICE: Cell<bool> = const { Cell::new(false) };
}

impl EventListener for Listener {
    /// RocksDB calls this on the thread that will compact; those that it starts for parts of the work inherit its priority. Its own way to
    /// set one knows only the lowest.
    fn on_compaction_begin(&self, _: &CompactionJobInfo) {
        if self.compaction_nice > 0 && !IS_NICE.replace(true) {
            give_way(self.compaction_nice);
        }
    }

    fn on_flush_completed(&self, _: &FlushJobInfo) {
        self.events.counters.flushes.fetch_add(1, Ordering::Relaxed);
    }

    fn on_compaction_completed(&self, _: &CompactionJobInfo) {
        self.events.counters.compactions.fetch_add(1, Ordering::Relaxed);
    }

    fn on_stall_conditions_changed(&self, info: &WriteStallInfo) {
        let name = info.cf_name().unwrap_or_default();
        if let Some(family) = Family::ALL.into_iter().find(|family| family.name().as_bytes() == name) {
            self.events.set_stall(family, Stall::of(info.cur()));
        }
    }

    fn on_background_error(&self, reason: DBBackgroundErrorReason, status: MutableStatus) {
        if let (Some(severity), Err(error)) = (severity_of(status.severity()), status.result()) {
            self.events.set_error(severity, during(reason), error.as_ref().to_owned());
        }
    }

    fn on_error_recovery_begin(&self, _: DBBackgroundErrorReason, status: &BackgroundErrorStatus, recover: &mut bool) {
        // RocksDB would wait until a whole write buffer of space is free, and look each five seconds. What is needed is
        // known better here: see `Engine::resume`.
        if severity_of(status.severity()) == Some(Severity::Hard) {
            *recover = false;
        }
    }

    fn on_error_recovery_end(&self, info: &BackgroundErrorRecoveryInfo) {
        match (info.new_bg_error().result(), severity_of(info.new_bg_error().severity())) {
            (Err(error), Some(severity)) => self.events.set_error(severity, "recovery", error.as_ref().to_owned()),
            _ => self.events.clear_error(),
        }
    }
}

/// Lowers the priority of the calling thread: on Linux it is about that one alone. Refused, it keeps that of others, and loses nothing by it.
fn give_way(nice: i32) {
    let _ = rustix::process::setpriority_process(None, nice);
}

/// None where nothing is wrong.
fn severity_of(severity: StatusSeverity) -> Option<Severity> {
    match severity {
        StatusSeverity::KNoError => None,
        StatusSeverity::KSoftError => Some(Severity::Soft),
        StatusSeverity::KHardError => Some(Severity::Hard),
        StatusSeverity::KFatalError
        | StatusSeverity::KUnrecoverableError
        | StatusSeverity::KMaxSeverity
        | StatusSeverity::KUnknown => Some(Severity::Fatal),
    }
}

fn during(reason: DBBackgroundErrorReason) -> &'static str {
    match reason {
        DBBackgroundErrorReason::KFlush | DBBackgroundErrorReason::KFlushNoWAL => "flush",
        DBBackgroundErrorReason::KCompaction => "compaction",
        DBBackgroundErrorReason::KWriteCallback => "write",
        DBBackgroundErrorReason::KMemTable => "memtable",
        DBBackgroundErrorReason::KManifestWrite | DBBackgroundErrorReason::KManifestWriteNoWAL => "manifest",
        DBBackgroundErrorReason::KAsyncFileOpen => "open",
        DBBackgroundErrorReason::KUnknown => "unknown",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_thread_that_gives_way_does_so_alone() {
        let nice = || rustix::process::getpriority_process(None).expect("a priority");
        let before = nice();
        let lowered = std::thread::spawn(move || {
            give_way(before + 3);
            nice()
        });
        assert_eq!((lowered.join().expect("no panic"), nice()), (before + 3, before));
    }

    #[test]
    fn the_database_is_stalled_as_far_as_its_most_stalled_family() {
        let events = Events::default();
        events.set_stall(Family::Keys, Stall::Delayed);
        events.set_stall(Family::Elements, Stall::Stopped);
        assert_eq!(events.stall(), Stall::Stopped);
        events.set_stall(Family::Elements, Stall::Normal);
        assert_eq!(events.stall(), Stall::Delayed);
        events.set_stall(Family::Keys, Stall::Normal);
        assert_eq!(events.stall(), Stall::Normal);
        let counts = events.counts();
        assert_eq!((counts.stalls, counts.stops), (1, 1));
    }

    #[test]
    fn a_stall_whose_end_was_told_too_early_is_corrected() {
        let events = Events::default();
        events.set_stall(Family::Meta, Stall::Normal);
        events.set_stall(Family::Meta, Stall::Stopped);
        events.correct_stall(Stall::Delayed);
        assert_eq!(events.stall(), Stall::Delayed);
        events.correct_stall(Stall::Normal);
        assert_eq!(events.stall(), Stall::Normal);
        events.correct_stall(Stall::Stopped);
        assert_eq!(events.stall(), Stall::Stopped);
    }

    #[test]
    fn the_worst_error_counts_until_it_is_overcome() {
        let events = Events::default();
        events.set_error(Severity::Soft, "compaction", "soft".into());
        assert_eq!(events.refusal(), None);
        events.set_error(Severity::Hard, "flush", "hard".into());
        events.set_error(Severity::Soft, "compaction", "soft again".into());
        assert_eq!(events.refusal(), Some(Error::Full("hard".into())));
        events.set_error(Severity::Fatal, "write", "fatal".into());
        assert_eq!(events.refusal(), Some(Error::Unwritable("fatal".into())));
        events.clear_error();
        assert_eq!((events.refusal(), events.counts().resumes), (None, 1));
        assert!(events.health().error.is_none());
    }
}
