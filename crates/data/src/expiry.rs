//! Active expiry: what is due is read from the expiry index, so it costs what expires.

use engine::{Direction, Engine, Family};

use crate::error::Result;
use crate::key;
use crate::keyspace::Keyspace;

/// Up to `limit` keys of a database that are due, as user keys, oldest first. They may have changed
/// since: [`crate::Tx::find`] under the key's latch has the last word.
pub fn due(engine: &Engine, keyspace: &Keyspace, db: u16, now_ms: u64, limit: usize) -> Result<Vec<Vec<u8>>> {
    let space = keyspace.space(db);
    // A key is alive through the millisecond that it names.
    let (from, to) = (key::space_start(space), key::expiry_bound(space, now_ms.saturating_sub(1)));
    let view = engine.view();
    let mut cursor = view.scan(Family::Expires, &from, &to, Direction::Forward);
    let mut keys = Vec::new();
    while keys.len() < limit {
        let Some((entry, _)) = cursor.next()? else { break };
        if let Some((_, record)) = key::parse_expiry(entry)
            && let Some((_, _, user_key)) = key::parse_record(&record)
        {
            keys.push(user_key.to_vec());
        }
    }
    Ok(keys)
}
