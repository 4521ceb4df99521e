//! The reader of `RESTORE`'s payloads on arbitrary bytes.
//!
//! Reading must not panic, take long or need much memory, and a value that was read must be the same after it was written and
//! read again. The footer is left out: no fuzzer guesses a checksum. The modules are compiled in here by their paths, as they
//! stand alone and their crate would bring RocksDB along.

#![no_main]

use libfuzzer_sys::fuzz_target;

#[path = "../../crates/data/src/integer.rs"]
mod integer;
#[path = "../../crates/data/src/rdb/mod.rs"]
mod rdb;

use rdb::{Limits, Object};

/// The same value, its unordered parts in one order, and with one zero: a listpack has no other.
fn normal(mut object: Object) -> Object {
    match &mut object {
        Object::Set(members) => members.sort(),
        Object::Zset(scored) => {
            scored.iter_mut().for_each(|(_, score)| *score += 0.0);
            scored.sort_by(|a, b| a.0.cmp(&b.0));
        }
        Object::Hash(fields) => fields.sort_by(|a, b| a.name.cmp(&b.name)),
        Object::Stream(stream) => {
            stream.groups.sort_by(|a, b| a.name.cmp(&b.name));
            for group in &mut stream.groups {
                // Times of activity are not written for Redis 7.0, and consumers are written by name.
                group.consumers.iter_mut().for_each(|consumer| consumer.active_at_ms = None);
                group.pending.iter_mut().for_each(|pending| pending.consumer = 0);
                group.consumers.sort_by(|a, b| a.name.cmp(&b.name));
            }
        }
        Object::String(_) | Object::List(_) => {}
    }
    object
}

fuzz_target!(|input: (bool, u8, &[u8])| {
    let (compress, entries, body) = input;
    let Ok(object) = rdb::read(body) else { return };
    let entries = u64::from(entries);
    let limits = Limits { compress, hash_entries: entries, intset_entries: entries, zset_entries: entries, ..Limits::default() };
    let payload = rdb::dump(&object, &limits);
    let again = rdb::restore(&payload).expect("what was written reads back");
    assert_eq!(normal(again), normal(object));
});
