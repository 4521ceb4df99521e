//! What the machine and the operating system say of themselves and of this process (Linux's `/proc`).

use std::fs;

use commands::facts::{CpuFacts, MemoryFacts};
use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};

/// Clock ticks a second in `/proc`: fixed in Linux's interface to programs.
const TICKS_PER_SECOND: f64 = 100.0;
/// Bytes of a page as `/proc/self/statm` counts them on the platforms that are supported.
const PAGE_BYTES: u64 = 4096;

/// Descriptors beside those of clients: the database's files above all, which all stay open.
const FILES_BESIDE_CLIENTS: u64 = 1024;

/// The machine, as far as defaults depend on it.
#[derive(Clone, Debug)]
pub struct Machine {
    /// Cores that the process may use.
    pub cores: usize,
    /// Memory that the process may use: the machine's, or the limit of its control group.
    pub memory_bytes: u64,
    /// System, release and machine, as `uname` tells them.
    pub os: String,
}

impl Machine {
    /// Asks the operating system.
    pub fn observe() -> Machine {
        let cores = std::thread::available_parallelism().map_or(1, usize::from);
        let total = memory_total().unwrap_or(1 << 30);
        let limit = read("/sys/fs/cgroup/memory.max").and_then(|text| text.parse().ok()).unwrap_or(u64::MAX);
        let word = |path| read(path).unwrap_or_default();
        let os = format!(
            "{} {} {}",
            word("/proc/sys/kernel/ostype"),
            word("/proc/sys/kernel/osrelease"),
            std::env::consts::ARCH
        );
        Machine { cores, memory_bytes: total.min(limit), os }
    }

    /// Raises this process's limit of open files, as far as the system lets it, so that there is room for a number of
    /// clients. Returns for how many there is.
    pub fn room_for_clients(wanted: u64) -> u64 {
        let limit = getrlimit(Resource::Nofile);
        let (current, maximum) = (limit.current.unwrap_or(u64::MAX), limit.maximum.unwrap_or(u64::MAX));
        let needed = wanted.saturating_add(FILES_BESIDE_CLIENTS).min(maximum);
        let mut reached = current;
        if current < needed {
            match setrlimit(Resource::Nofile, Rlimit { current: Some(needed), maximum: limit.maximum }) {
                Ok(()) => reached = needed,
                Err(error) => tracing::warn!(%error, "the limit of open files stays at {current}"),
            }
        }
        reached.saturating_sub(FILES_BESIDE_CLIENTS).min(wanted)
    }
}

/// CPU time of this process.
pub fn cpu() -> CpuFacts {
    let stat = read("/proc/self/stat").unwrap_or_default();
    // The second field, the name, may hold spaces; it ends with the last parenthesis.
    let fields: Vec<&str> = stat.rsplit(')').next().unwrap_or("").split_whitespace().collect();
    let seconds =
        |index: usize| fields.get(index).and_then(|t| t.parse::<f64>().ok()).unwrap_or(0.0) / TICKS_PER_SECOND;
    CpuFacts { user: seconds(11), system: seconds(12) }
}

/// Memory of this process. What the allocator has handed out is taken as what is resident: counting exactly would
/// cost each allocation.
pub fn memory() -> MemoryFacts {
    let rss_pages = read("/proc/self/statm").and_then(|text| text.split_whitespace().nth(1)?.parse::<u64>().ok());
    let rss_bytes = rss_pages.unwrap_or(0) * PAGE_BYTES;
    MemoryFacts {
        allocated_bytes: rss_bytes,
        active_bytes: rss_bytes,
        resident_bytes: rss_bytes,
        rss_bytes,
        system_bytes: memory_total().unwrap_or(0),
        ..MemoryFacts::default()
    }
}

fn memory_total() -> Option<u64> {
    let text = read("/proc/meminfo")?;
    let line = text.lines().find(|line| line.starts_with("MemTotal:"))?;
    Some(line.split_whitespace().nth(1)?.parse::<u64>().ok()? * 1024)
}

fn read(path: &str) -> Option<String> {
    Some(fs::read_to_string(path).ok()?.trim().to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_limit_of_open_files_is_raised_as_far_as_it_goes() {
        assert_eq!(Machine::room_for_clients(1), 1);
        let room = Machine::room_for_clients(u64::MAX);
        let limit = getrlimit(Resource::Nofile);
        assert_eq!(limit.current, limit.maximum);
        assert_eq!(room, limit.maximum.unwrap_or(u64::MAX).saturating_sub(FILES_BESIDE_CLIENTS));
    }
}
