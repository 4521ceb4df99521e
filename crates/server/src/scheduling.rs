//! What the runtimes' threads ask of the operating system's scheduler.
//!
//! Linux (EEVDF, from 6.12 on) lets a thread say how long a slice of the processor it wants. Who asks for short ones gets no more of the
//! processor than before, but gets it sooner when it wakes up: it does not wait for the end of the slice, some 3 ms, of whoever computes
//! there. On older kernels the wish is without effect.

use std::io;
use std::mem::{size_of, zeroed};
use std::time::Duration;

/// The slice that is asked for: the shortest that Linux gives.
const SLICE: Duration = Duration::from_micros(100);

/// Asks for short slices for the calling thread, and not for those that it starts.
pub(crate) fn ask_for_short_slices() {
    if let Err(error) = set_slice(SLICE) {
        tracing::debug!(%error, "a thread keeps the scheduler's usual slices");
    }
}

/// Leaves alone whoever was given another policy than the usual ones, and everybody's niceness.
fn set_slice(slice: Duration) -> io::Result<()> {
    let mut attributes = attributes()?;
    if !matches!(attributes.sched_policy.cast_signed(), libc::SCHED_OTHER | libc::SCHED_BATCH) {
        return Ok(());
    }
    attributes.sched_flags |= libc::SCHED_FLAG_RESET_ON_FORK as u64;
    attributes.sched_runtime = u64::try_from(slice.as_nanos()).unwrap_or(u64::MAX);
    // SAFETY: the kernel reads a structure of the size that it holds itself; thread 0 is the calling one.
    #[allow(unsafe_code)]
    let outcome = unsafe { libc::syscall(libc::SYS_sched_setattr, 0, &raw const attributes, 0) };
    if outcome == 0 { Ok(()) } else { Err(io::Error::last_os_error()) }
}

/// What the calling thread has.
fn attributes() -> io::Result<libc::sched_attr> {
    let size = u32::try_from(size_of::<libc::sched_attr>()).map_err(io::Error::other)?;
    // SAFETY: a structure of integers may be all zero, and the kernel writes no more of it than the size that it is given; thread 0 is
    // the calling one.
    #[allow(unsafe_code)]
    let (outcome, mut attributes) = unsafe {
        let mut attributes: libc::sched_attr = zeroed();
        (libc::syscall(libc::SYS_sched_getattr, 0, &raw mut attributes, size, 0), attributes)
    };
    attributes.size = size;
    if outcome == 0 { Ok(attributes) } else { Err(io::Error::last_os_error()) }
}

#[cfg(test)]
mod tests {
    use std::thread;

    use super::*;

    #[test]
    fn a_slice_is_asked_for_and_niceness_stays() {
        let asked = thread::spawn(|| {
            rustix::process::setpriority_process(None, 3).expect("a thread may become nicer");
            ask_for_short_slices();
            let child = thread::spawn(|| attributes().expect("attributes")).join().expect("no panic");
            (attributes().expect("attributes"), child)
        });
        let (own, child) = asked.join().expect("no panic");
        assert_eq!((own.sched_nice, child.sched_nice), (3, 3));
        // Zero on kernels that know of no such wish.
        assert!(matches!(own.sched_runtime, 0 | 100_000), "{}", own.sched_runtime);
        assert_ne!(child.sched_runtime, 100_000, "not handed on");
    }
}
