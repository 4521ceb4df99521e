//! The event classes of `notify-keyspace-events`: letters on the outside, bits on the inside.
//!
//! Who publishes an event asks [`Config::notify_events`](super::Config::notify_events) for the bits and tests its own.

pub const GENERIC: u32 = 1 << 0;
pub const STRING: u32 = 1 << 1;
pub const LIST: u32 = 1 << 2;
pub const SET: u32 = 1 << 3;
pub const HASH: u32 = 1 << 4;
pub const ZSET: u32 = 1 << 5;
pub const EXPIRED: u32 = 1 << 6;
pub const EVICTED: u32 = 1 << 7;
pub const STREAM: u32 = 1 << 8;
pub const MODULE: u32 = 1 << 9;
pub const NEW: u32 = 1 << 10;
/// Publish on `__keyspace@<db>__:<key>`.
pub const KEYSPACE: u32 = 1 << 11;
/// Publish on `__keyevent@<db>__:<event>`.
pub const KEYEVENT: u32 = 1 << 12;
pub const MISS: u32 = 1 << 13;

/// What `A` stands for. New keys and misses are not in it.
pub const ALL: u32 = GENERIC | STRING | LIST | SET | HASH | ZSET | EXPIRED | EVICTED | STREAM | MODULE;

/// In the order in which they are printed.
const CLASSES: [(u8, u32); 11] = [
    (b'g', GENERIC),
    (b'$', STRING),
    (b'l', LIST),
    (b's', SET),
    (b'h', HASH),
    (b'z', ZSET),
    (b'x', EXPIRED),
    (b'e', EVICTED),
    (b't', STREAM),
    (b'd', MODULE),
    (b'n', NEW),
];

/// Printed behind the classes, whatever those are.
const CHANNELS: [(u8, u32); 3] = [(b'K', KEYSPACE), (b'E', KEYEVENT), (b'm', MISS)];

/// The bits of a string of letters; `None` where one of them means nothing.
pub(super) fn bits(letters: &[u8]) -> Option<u32> {
    letters.iter().try_fold(0, |bits, letter| Some(bits | bit_of(*letter)?))
}

fn bit_of(letter: u8) -> Option<u32> {
    if letter == b'A' {
        return Some(ALL);
    }
    CLASSES.iter().chain(&CHANNELS).find(|(l, _)| *l == letter).map(|(_, bit)| *bit)
}

/// The letters of some bits, in Redis's order. Once all classes are on, `A` stands for them, and `n` is not shown.
pub(super) fn letters(bits: u32) -> String {
    let all = bits & ALL == ALL;
    let classes = CLASSES.iter().filter(|(_, bit)| !all && bits & bit != 0);
    let channels = CHANNELS.iter().filter(|(_, bit)| bits & bit != 0);
    all.then_some('A').into_iter().chain(classes.chain(channels).map(|(letter, _)| *letter as char)).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn letters_come_back_in_redis_order() {
        for (typed, printed) in
            [("", ""), ("KEA", "AKE"), ("mEKn", "nKEm"), ("g$lshzxetd", "A"), ("Kx", "xK"), ("An", "A"), ("tdg", "gtd")]
        {
            assert_eq!(bits(typed.as_bytes()).map(letters).as_deref(), Some(printed), "{typed}");
        }
        assert_eq!(bits(b"Kq"), None);
    }
}
