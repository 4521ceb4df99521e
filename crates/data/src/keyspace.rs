//! The databases of a server: which space each one is, how many keys it has, and the numbers that
//! are handed out once. Shared by all workers; every field is either constant or atomic.
//!
//! Counts change here only when the batch that changes them on disk is committed.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicI64, AtomicU32, AtomicU64, Ordering};
use std::time::{SystemTime, UNIX_EPOCH};

use engine::{Direction, Engine, Family, Pending};

use crate::access::Accesses;
use crate::batch::Batch;
use crate::error::{Error, Result};
use crate::hot::HotTier;
use crate::key::SpaceId;
use crate::set::Pools;
use crate::watch::Watches;

/// The version of everything this crate writes to disk. Any other is refused.
pub const FORMAT_VERSION: u32 = 2;
/// The version before, which had nodes of sorted sets' indexes as wholes only.
const FORMAT_VERSION_BEFORE: u32 = 1;
/// Versions of values are reserved on disk in blocks of this many, so that none is used twice
/// after a crash and not every new value costs a write.
const VERSION_BLOCK: u64 = 1 << 20;

/// Size of the hot tier unless it is chosen, in bytes.
const HOT_TIER_DEFAULT_BYTES: u64 = 16 << 20;

const FORMAT: &[u8] = b"format";
const SEED: &[u8] = b"seed";
const NEXT_SPACE: &[u8] = b"next-space";
const NEXT_VERSION: &[u8] = b"next-version";
const DATABASE_PREFIX: &[u8] = b"db|";

/// What the options say about values. Read by the workers, set by `CONFIG SET`.
#[derive(Debug)]
pub struct Settings {
    /// `proto-max-bulk-len`: the longest string, in bytes.
    pub string_len_max: AtomicU64,
    /// `maxmemory-policy` is one that counts how often keys are used.
    pub is_lfu: AtomicBool,
    /// `lfu-log-factor`: the greater, the more uses it takes to look often used.
    pub lfu_log_factor: AtomicU32,
    /// `lfu-decay-time`: minutes until a key's counter loses one; 0: never.
    pub lfu_decay_minutes: AtomicU32,
    /// `rdbcompression`: long strings in what `DUMP` replies are compressed.
    pub compress_dumps: AtomicBool,
    /// Up to where `OBJECT ENCODING` names the compact encodings.
    pub encodings: Encodings,
}

/// The thresholds between Redis's compact and full encodings, as the options of the same names have them.
#[derive(Debug)]
#[allow(missing_docs, reason = "the names are those of the options")]
pub struct Encodings {
    pub hash_max_listpack_entries: AtomicU64,
    pub hash_max_listpack_value: AtomicU64,
    /// Positive: elements of a node; -1 to -5: its size, 4 KiB to 64 KiB.
    pub list_max_listpack_size: AtomicI64,
    pub set_max_intset_entries: AtomicU64,
    pub set_max_listpack_entries: AtomicU64,
    pub set_max_listpack_value: AtomicU64,
    pub zset_max_listpack_entries: AtomicU64,
    pub zset_max_listpack_value: AtomicU64,
    pub hll_sparse_max_bytes: AtomicU64,
    pub stream_node_max_bytes: AtomicU64,
    pub stream_node_max_entries: AtomicU64,
}

impl Default for Encodings {
    fn default() -> Self {
        Encodings {
            hash_max_listpack_entries: AtomicU64::new(512),
            hash_max_listpack_value: AtomicU64::new(64),
            list_max_listpack_size: AtomicI64::new(-2),
            set_max_intset_entries: AtomicU64::new(512),
            set_max_listpack_entries: AtomicU64::new(128),
            set_max_listpack_value: AtomicU64::new(64),
            zset_max_listpack_entries: AtomicU64::new(128),
            zset_max_listpack_value: AtomicU64::new(64),
            hll_sparse_max_bytes: AtomicU64::new(3000),
            stream_node_max_bytes: AtomicU64::new(4096),
            stream_node_max_entries: AtomicU64::new(100),
        }
    }
}

impl Default for Settings {
    fn default() -> Self {
        Settings {
            string_len_max: AtomicU64::new(512 << 20),
            is_lfu: AtomicBool::new(false),
            lfu_log_factor: AtomicU32::new(10),
            lfu_decay_minutes: AtomicU32::new(1),
            compress_dumps: AtomicBool::new(true),
            encodings: Encodings::default(),
        }
    }
}

/// One of the numbered databases.
#[derive(Debug)]
struct Database {
    space: AtomicU32,
    keys: AtomicI64,
    volatile: AtomicI64,
}

/// See the module's text.
#[derive(Debug)]
pub struct Keyspace {
    databases: Box<[Database]>,
    seed: u64,
    hot: HotTier,
    next_space: AtomicU32,
    next_version: AtomicU64,
    /// The least version that a restart may hand out, as committed.
    reserved_version: AtomicU64,
    accesses: Accesses,
    popped_next: Pools,
    watches: Arc<Watches>,
    /// Options that concern values.
    pub settings: Settings,
    /// Keys that expired since the start, for `INFO`.
    pub expired_keys: AtomicU64,
    /// And fields of hashes.
    pub expired_fields: AtomicU64,
    /// Values of many parts that were deleted or replaced, and whose parts are gone by now.
    pub freed_values: AtomicU64,
    /// Those whose parts are still there. For a moment it may count one that has gone before it was told of.
    pub unfreed_values: AtomicI64,
    /// Reads that found their key since the start, and those that did not.
    pub hits: AtomicU64,
    /// See `hits`.
    pub misses: AtomicU64,
}

/// Keys of one database, and how many of them expire.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct KeyCount {
    /// All keys, those included that have expired but are not yet removed.
    pub keys: u64,
    /// Keys with an expiry.
    pub volatile: u64,
}

/// The counter record of a space's keys.
pub(crate) fn keys_counter(space: SpaceId) -> Vec<u8> {
    [b"keys|", &space.0.to_be_bytes()[..]].concat()
}

/// The counter record of a space's keys with an expiry.
pub(crate) fn volatile_counter(space: SpaceId) -> Vec<u8> {
    [b"volatile|", &space.0.to_be_bytes()[..]].concat()
}

/// The record that names a database's space.
pub(crate) fn database_record(db: u16) -> Vec<u8> {
    [DATABASE_PREFIX, &db.to_be_bytes()[..]].concat()
}

/// True for what [`database_record`] returns.
pub(crate) fn is_database_record(key: &[u8]) -> bool {
    key.starts_with(DATABASE_PREFIX)
}

impl Keyspace {
    /// Reads the state of the databases from disk; on a new directory writes the first state.
    pub fn open(engine: &Engine, databases: u16) -> Result<Keyspace> {
        let view = engine.view();
        let get = |key: &[u8]| -> Result<Option<Vec<u8>>> { Ok(view.get(Family::Meta, key)?.map(|v| v.to_vec())) };
        let mut pending = Pending::new();
        match get(FORMAT)? {
            None => initialise(&mut pending)?,
            Some(found) if found == FORMAT_VERSION.to_be_bytes() => {}
            // What it has is read as it is; what is written from now on, an older program would not read.
            Some(found) if found == FORMAT_VERSION_BEFORE.to_be_bytes() => put_format(&mut pending),
            Some(found) => {
                let text = format!("format version {found:?} is not {FORMAT_VERSION}, which this program reads");
                return Err(Error::BadRecord(text));
            }
        }
        engine.commit_patiently(&pending)?;

        let next_space = u32_of(NEXT_SPACE, get(NEXT_SPACE)?)?;
        let next_version = u64_of(NEXT_VERSION, get(NEXT_VERSION)?)?;
        let mut pending = Pending::new();
        let mut fresh = next_space;
        let mut list = Vec::with_capacity(usize::from(databases));
        for db in 0..databases {
            let key = database_record(db);
            let space = match get(&key)? {
                Some(found) => SpaceId(u32_of(&key, Some(found))?),
                None => {
                    let space = SpaceId(fresh);
                    fresh += 1;
                    pending.put(Family::Meta, key, space.0.to_be_bytes().to_vec());
                    space
                }
            };
            let count = |key: Vec<u8>| -> Result<i64> {
                Ok(get(&key)?.as_deref().and_then(engine::counter_value).unwrap_or(0))
            };
            list.push(Database {
                space: AtomicU32::new(space.0),
                keys: AtomicI64::new(count(keys_counter(space))?),
                volatile: AtomicI64::new(count(volatile_counter(space))?),
            });
        }
        let reserved = next_version + VERSION_BLOCK;
        pending.put(Family::Meta, NEXT_SPACE.to_vec(), fresh.to_be_bytes().to_vec());
        pending.put(Family::Meta, NEXT_VERSION.to_vec(), reserved.to_be_bytes().to_vec());
        engine.commit_patiently(&pending)?;

        Ok(Keyspace {
            databases: list.into_boxed_slice(),
            seed: u64_of(SEED, get(SEED)?)?,
            hot: HotTier::new(HOT_TIER_DEFAULT_BYTES),
            next_space: AtomicU32::new(fresh),
            next_version: AtomicU64::new(next_version),
            reserved_version: AtomicU64::new(reserved),
            accesses: Accesses::new(unix_ms()),
            popped_next: Pools::default(),
            watches: Arc::default(),
            settings: Settings::default(),
            expired_keys: AtomicU64::new(0),
            expired_fields: AtomicU64::new(0),
            freed_values: AtomicU64::new(0),
            unfreed_values: AtomicI64::new(crate::garbage::values(&engine.view())?),
            hits: AtomicU64::new(0),
            misses: AtomicU64::new(0),
        })
    }

    /// How many databases there are.
    pub fn database_count(&self) -> u16 {
        // Built from a u16 in `open`.
        u16::try_from(self.databases.len()).unwrap_or(u16::MAX)
    }

    /// The same with a hot tier of a size in bytes.
    pub fn with_hot_tier(self, size_bytes: u64) -> Keyspace {
        Keyspace { hot: HotTier::new(size_bytes), ..self }
    }

    /// Recently used records.
    pub fn hot(&self) -> &HotTier {
        &self.hot
    }

    /// The seed of the key hash.
    pub fn seed(&self) -> u64 {
        self.seed
    }

    /// When and how often keys were used.
    pub(crate) fn accesses(&self) -> &Accesses {
        &self.accesses
    }

    /// Members that are popped next.
    pub(crate) fn popped_next(&self) -> &Pools {
        &self.popped_next
    }

    /// Keys that clients watch.
    pub(crate) fn watches(&self) -> &Arc<Watches> {
        &self.watches
    }

    /// The space of a database, as committed.
    pub fn space(&self, db: u16) -> SpaceId {
        SpaceId(self.databases[usize::from(db)].space.load(Ordering::Acquire))
    }

    /// The committed counts of a database.
    pub fn count(&self, db: u16) -> KeyCount {
        let database = &self.databases[usize::from(db)];
        let read = |counter: &AtomicI64| u64::try_from(counter.load(Ordering::Relaxed)).unwrap_or(0);
        KeyCount { keys: read(&database.keys), volatile: read(&database.volatile) }
    }

    /// Zeroes the counters of `INFO`.
    pub fn reset_stats(&self) {
        let Keyspace { expired_keys, expired_fields, freed_values, hits, misses, .. } = self;
        for counter in [expired_keys, expired_fields, freed_values, hits, misses] {
            counter.store(0, Ordering::Relaxed);
        }
    }

    /// A version that no value has had. Where few are left of those that are reserved on disk, the batch reserves more: every
    /// one does, until one of them is committed.
    pub(crate) fn take_version(&self, batch: &mut Batch) -> u64 {
        let version = self.next_version.fetch_add(1, Ordering::Relaxed);
        if version + VERSION_BLOCK / 2 >= self.reserved_version.load(Ordering::Acquire) {
            // In steps, so that batches of the same time reserve up to the same version.
            let step = VERSION_BLOCK / 2;
            let reserved = (version / step + 3) * step;
            batch.pending_mut().put(Family::Meta, NEXT_VERSION.to_vec(), reserved.to_be_bytes().to_vec());
            batch.set_reserved_version(reserved);
        }
        version
    }

    /// A space that no database has had.
    pub(crate) fn take_space(&self, pending: &mut Pending) -> SpaceId {
        let space = self.next_space.fetch_add(1, Ordering::Relaxed);
        pending.put(Family::Meta, NEXT_SPACE.to_vec(), (space + 1).to_be_bytes().to_vec());
        SpaceId(space)
    }

    /// Makes the effects of a committed batch visible.
    pub(crate) fn publish(&self, batch: &Batch) {
        if let Some(reserved) = batch.reserved_version() {
            self.reserved_version.store(reserved, Ordering::Release);
        }
        if let Some(spaces) = batch.spaces() {
            let counts: Vec<(SpaceId, i64, i64)> = self
                .databases
                .iter()
                .map(|d| {
                    let load = |c: &AtomicI64| c.load(Ordering::Relaxed);
                    (SpaceId(d.space.load(Ordering::Relaxed)), load(&d.keys), load(&d.volatile))
                })
                .collect();
            for (database, space) in self.databases.iter().zip(spaces) {
                let known = counts.iter().find(|(id, ..)| id == space);
                let (keys, volatile) = known.map_or((0, 0), |&(_, keys, volatile)| (keys, volatile));
                database.space.store(space.0, Ordering::Release);
                database.keys.store(keys, Ordering::Relaxed);
                database.volatile.store(volatile, Ordering::Relaxed);
            }
        }
        for delta in batch.deltas() {
            let of_space = |d: &&Database| d.space.load(Ordering::Relaxed) == delta.space.0;
            if let Some(database) = self.databases.iter().find(of_space) {
                database.keys.fetch_add(delta.keys, Ordering::Relaxed);
                database.volatile.fetch_add(delta.volatile, Ordering::Relaxed);
            }
        }
    }

    /// When the next key of a database expires, in Unix ms, as committed.
    pub fn next_expiry_ms(&self, engine: &Engine, db: u16) -> Result<Option<u64>> {
        let space = self.space(db);
        let (from, to) = (crate::key::space_start(space), crate::key::space_end(space));
        let view = engine.view();
        let mut cursor = view.scan(Family::Expires, &from, &to, Direction::Forward);
        Ok(cursor.next()?.and_then(|(key, _)| crate::key::parse_expiry(key)).map(|(at, _)| at))
    }
}

/// The machine's time: for what is memory only, or differs between machines anyway.
fn unix_ms() -> u64 {
    let elapsed = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    u64::try_from(elapsed.as_millis()).unwrap_or(u64::MAX)
}

fn put_format(pending: &mut Pending) {
    pending.put(Family::Meta, FORMAT.to_vec(), FORMAT_VERSION.to_be_bytes().to_vec());
}

fn initialise(pending: &mut Pending) -> Result<()> {
    // The seed only has to differ between databases, so that nobody can aim at one hash value.
    let now = SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |d| d.as_nanos());
    let address = std::ptr::from_ref(pending) as usize;
    let seed = xxhash_rust::xxh3::xxh3_64(format!("{now} {} {address}", std::process::id()).as_bytes());
    put_format(pending);
    pending.put(Family::Meta, SEED.to_vec(), seed.to_be_bytes().to_vec());
    pending.put(Family::Meta, NEXT_SPACE.to_vec(), 1u32.to_be_bytes().to_vec());
    pending.put(Family::Meta, NEXT_VERSION.to_vec(), 1u64.to_be_bytes().to_vec());
    Ok(())
}

fn u32_of(name: &[u8], record: Option<Vec<u8>>) -> Result<u32> {
    let bytes = record.and_then(|r| <[u8; 4]>::try_from(r).ok());
    bytes.map(u32::from_be_bytes).ok_or_else(|| Error::BadRecord(String::from_utf8_lossy(name).into_owned()))
}

fn u64_of(name: &[u8], record: Option<Vec<u8>>) -> Result<u64> {
    let bytes = record.and_then(|r| <[u8; 8]>::try_from(r).ok());
    bytes.map(u64::from_be_bytes).ok_or_else(|| Error::BadRecord(String::from_utf8_lossy(name).into_owned()))
}

#[cfg(test)]
mod tests;
