//! Changing sets: member by member, or replaced as a whole.

use crate::error::Result;
use crate::header::{Kind, Meta};
use crate::key::Parts;
use crate::members;
use crate::packed;
use crate::tx::Tx;

use super::combine::gather_intersection;
use super::inline::{Gathered, Inline, Inserted, Limits, Members};
use super::layout::{self, Body, Encoding};
use super::pools::Drawn;
use super::{Set, Sources, find, unreadable};

/// How many times smaller what remains of a set has to be than what is popped, for it to be written anew.
const REMAINDER_RATIO: u64 = 5;

/// A set that is being changed.
enum Draft {
    /// It lies in its header, and is written back there.
    Inline(Inline),
    /// Its members are written and removed one by one; here is what the header says of them.
    Parts { parts: Parts, encoding: Encoding, count: u64 },
}

/// Adds members, and makes the set if there is none. Returns how many were not there.
pub fn add<'m>(tx: &mut Tx<'_>, key: &[u8], members: impl ExactSizeIterator<Item = &'m [u8]>) -> Result<u64> {
    let old = tx.find_kind(key, Kind::Set)?;
    let limits = Limits::of(tx.keyspace());
    let count = members.len() as u64;
    let mut members = members.peekable();
    let mut draft = match old {
        Some(_) => Draft::load(tx, key)?,
        None => {
            let Some(first) = members.peek() else { return Ok(0) };
            Draft::create(tx, key, limits.encoding_of_new(first, count))
        }
    };
    let was_inline = draft.is_inline();
    if limits.encoding_before(draft.encoding(), count) != draft.encoding() {
        draft.become_hashtable(tx, key)?;
    }
    let mut added = 0;
    for member in members {
        added += u64::from(draft.insert(tx, key, &limits, member)?);
    }
    if added > 0 || was_inline != draft.is_inline() {
        draft.write(tx, key, old)?;
    }
    Ok(added)
}

/// Removes members; the set goes with its last one. Returns how many were there.
pub fn remove<'m>(tx: &mut Tx<'_>, key: &[u8], members: impl Iterator<Item = &'m [u8]>) -> Result<u64> {
    let Some(old) = tx.find_kind(key, Kind::Set)? else { return Ok(0) };
    let mut draft = Draft::load(tx, key)?;
    let mut removed = 0;
    for member in members {
        removed += u64::from(draft.remove(tx, member)?);
        if draft.len() == 0 {
            break;
        }
    }
    if removed > 0 {
        draft.write(tx, key, Some(old))?;
    }
    Ok(removed)
}

/// Moves a member from one set to another, which is made if there is none. False if the first does not have it.
pub fn move_member(tx: &mut Tx<'_>, from: &[u8], to: &[u8], member: &[u8]) -> Result<bool> {
    // Of an absent source nothing is moved, whatever the target is.
    let Some(old_from) = tx.find_kind(from, Kind::Set)? else { return Ok(false) };
    tx.find_kind(to, Kind::Set)?;
    if from == to {
        let view = tx.view();
        return find(&view, from)?.map_or(Ok(false), |set| set.contains(&view, member));
    }
    let mut draft = Draft::load(tx, from)?;
    if !draft.remove(tx, member)? {
        return Ok(false);
    }
    draft.write(tx, from, Some(old_from))?;
    add(tx, to, std::iter::once(member))?;
    Ok(true)
}

/// Removes a member at random, all equally likely. None if there is no set.
pub fn pop(tx: &mut Tx<'_>, key: &[u8]) -> Result<Option<Vec<u8>>> {
    let Some(old) = tx.find_kind(key, Kind::Set)? else { return Ok(None) };
    let mut draft = Draft::load(tx, key)?;
    let mut popped = None;
    draft.pop(tx, 1, |member| popped = Some(member.to_vec()))?;
    draft.write(tx, key, Some(old))?;
    Ok(popped)
}

/// Removes `count` members at random, or all if there are no more, every choice equally likely. Returns how many, and the
/// members as a packed sequence.
pub fn pop_many(tx: &mut Tx<'_>, key: &[u8], count: u64) -> Result<(u64, Vec<u8>)> {
    let Some(old) = tx.find_kind(key, Kind::Set)? else { return Ok((0, Vec::new())) };
    if count == 0 {
        return Ok((0, Vec::new()));
    }
    let mut popped = Vec::new();
    let (len, remainder) = {
        let view = tx.view();
        let Some(set) = find(&view, key)? else { return Ok((0, Vec::new())) };
        (set.len(), take_out(tx, &set, count, &mut popped)?)
    };
    match remainder {
        Remainder::Nothing => tx.remove(key, old),
        Remainder::New(gathered) => {
            let draft = Draft::of(tx, key, gathered)?;
            draft.write(tx, key, Some(old))?;
        }
        Remainder::Rest => {
            let mut draft = Draft::load(tx, key)?;
            for member in packed::strings(&popped) {
                draft.remove(tx, member)?;
            }
            draft.write(tx, key, Some(old))?;
        }
        Remainder::All => {
            let mut draft = Draft::load(tx, key)?;
            draft.pop(tx, count, |member| packed::push(&mut popped, member))?;
            draft.write(tx, key, Some(old))?;
        }
    }
    Ok((count.min(len), popped))
}

/// What becomes of a set that members were taken out of.
enum Remainder {
    Nothing,
    /// All that is left; the rest need not be removed one by one.
    New(Gathered),
    /// What is left after their removal.
    Rest,
    /// Nothing was taken out yet: so few are better drawn one by one.
    All,
}

/// Chooses the members that are popped.
fn take_out(tx: &Tx<'_>, set: &Set<'_>, count: u64, popped: &mut Vec<u8>) -> Result<Remainder> {
    let view = tx.view();
    if count >= set.len() {
        set.visit(&view, |member| {
            packed::push(popped, member);
            Ok(true)
        })?;
        return Ok(Remainder::Nothing);
    }
    if (set.len() - count).saturating_mul(REMAINDER_RATIO) > count {
        if !set.is_walk_cheaper(count) {
            return Ok(Remainder::All);
        }
        set.sample(&view, count, |member| packed::push(popped, member))?;
        return Ok(Remainder::Rest);
    }
    // As in Redis, where such a remainder becomes compact again.
    let first = if set.encoding() == Encoding::Intset { Encoding::Intset } else { Encoding::Listpack };
    let mut rest = Gathered::new(Limits::of(tx.keyspace()), first);
    set.split(&view, count, |member, is_popped| {
        if is_popped {
            packed::push(popped, member);
        } else {
            rest.insert(member)?;
        }
        Ok(())
    })?;
    Ok(Remainder::New(rest))
}

/// Makes a key what comes out of an operation on sets, whatever it was, or removes it if that is nothing. Returns the number
/// of members.
pub fn replace<'k>(
    tx: &mut Tx<'_>,
    key: &[u8],
    sources: impl Iterator<Item = &'k [u8]>,
    operation: Operation,
) -> Result<u64> {
    let result = {
        let view = tx.view();
        let sources = Sources::read(&view, sources)?;
        match operation {
            Operation::Union => super::union(&view, &sources)?,
            Operation::Intersection => gather_intersection(&view, &sources)?,
            Operation::Difference => super::difference(&view, &sources)?,
        }
    };
    let old = tx.find(key)?;
    let len = result.len();
    if len > 0 {
        let draft = Draft::of(tx, key, result)?;
        draft.put(tx, key, old, None)?;
    } else if let Some(old) = old {
        tx.remove(key, old);
    }
    Ok(len)
}

/// How sets are put together.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Operation {
    /// What any of them has.
    Union,
    /// What all of them have.
    Intersection,
    /// What the first has and no other.
    Difference,
}

impl Draft {
    /// The set of a key that is there.
    fn load(tx: &Tx<'_>, key: &[u8]) -> Result<Draft> {
        let view = tx.view();
        let Some(set) = find(&view, key)? else { return Ok(Draft::Inline(Inline::Integers(Vec::new()))) };
        match set.body()? {
            Body::Parts { encoding, count } => Ok(Draft::Parts { parts: set.parts()?, encoding, count }),
            body => Inline::of(body).map(Draft::Inline).ok_or_else(|| unreadable(set.meta())),
        }
    }

    /// A set without members yet.
    fn create(tx: &mut Tx<'_>, key: &[u8], encoding: Encoding) -> Draft {
        match Inline::new(encoding) {
            Some(inline) => Draft::Inline(inline),
            None => Draft::Parts { parts: tx.new_parts(key), encoding, count: 0 },
        }
    }

    /// A set of what an operation gave.
    fn of(tx: &mut Tx<'_>, key: &[u8], gathered: Gathered) -> Result<Draft> {
        match gathered.into_members() {
            Members::Inline(inline) => Ok(Draft::Inline(inline)),
            Members::Many(many, encoding) => {
                let parts = tx.new_parts(key);
                many.iter().for_each(|member| put_member(tx, parts, member));
                Ok(Draft::Parts { parts, encoding, count: many.len() as u64 })
            }
        }
    }

    fn is_inline(&self) -> bool {
        matches!(self, Draft::Inline(_))
    }

    fn encoding(&self) -> Encoding {
        match self {
            Draft::Inline(inline) => inline.encoding(),
            Draft::Parts { encoding, .. } => *encoding,
        }
    }

    fn len(&self) -> u64 {
        match self {
            Draft::Inline(inline) => inline.len() as u64,
            Draft::Parts { count, .. } => *count,
        }
    }

    /// True if the member was not there.
    fn insert(&mut self, tx: &mut Tx<'_>, key: &[u8], limits: &Limits, member: &[u8]) -> Result<bool> {
        match self {
            Draft::Inline(inline) => match inline.insert(limits, member) {
                Inserted::Present => return Ok(false),
                Inserted::Added => return Ok(true),
                Inserted::Outgrown(encoding) => self.spill(tx, key, encoding)?,
            },
            Draft::Parts { parts, encoding, count } => {
                let suffix = members::suffix(tx.keyspace().seed(), member);
                if tx.view().part(*parts, &suffix)?.is_some() {
                    return Ok(false);
                }
                *encoding = limits.encoding_with(*encoding, *count, member, 0);
            }
        }
        if let Draft::Parts { parts, count, .. } = self {
            put_member(tx, *parts, member);
            *count += 1;
        }
        Ok(true)
    }

    /// True if the member was there.
    fn remove(&mut self, tx: &mut Tx<'_>, member: &[u8]) -> Result<bool> {
        match self {
            Draft::Inline(inline) => Ok(inline.remove(member)),
            Draft::Parts { parts, count, .. } => {
                let suffix = members::suffix(tx.keyspace().seed(), member);
                let is_there = tx.view().part(*parts, &suffix)?.is_some();
                if is_there {
                    tx.remove_part(*parts, &suffix);
                    *count = count.saturating_sub(1);
                }
                Ok(is_there)
            }
        }
    }

    /// Removes `count` members at random, of at least as many that there are.
    fn pop(&mut self, tx: &mut Tx<'_>, count: u64, mut visit: impl FnMut(&[u8])) -> Result<()> {
        let Draft::Parts { parts, .. } = *self else {
            let Draft::Inline(inline) = self else { return Ok(()) };
            for _ in 0..count {
                let Some(member) = inline.nth(tx.turn().random_below(inline.len() as u64)) else { return Ok(()) };
                inline.remove(&member);
                visit(&member);
            }
            return Ok(());
        };
        let pools = tx.keyspace().popped_next();
        let mut drawn = pools.take(parts.version, self.len());
        let mut left = count;
        while left > 0 {
            let Some(member) = drawn.members.pop() else {
                let members = members::draw_neighbours(&tx.view(), parts, self.len(), drawn.may_be_more)?;
                if members.is_empty() {
                    return Err(parts.unreadable());
                }
                // If these are used up too, the set is being emptied.
                drawn = Drawn { members, may_be_more: true };
                continue;
            };
            if self.remove(tx, &member)? {
                visit(&member);
                left -= 1;
            }
        }
        pools.keep(parts.version, self.len(), drawn);
        Ok(())
    }

    fn become_hashtable(&mut self, tx: &mut Tx<'_>, key: &[u8]) -> Result<()> {
        match self {
            Draft::Inline(_) => self.spill(tx, key, Encoding::Hashtable),
            Draft::Parts { encoding, .. } => {
                *encoding = Encoding::Hashtable;
                Ok(())
            }
        }
    }

    /// Moves the members out of the header.
    fn spill(&mut self, tx: &mut Tx<'_>, key: &[u8], encoding: Encoding) -> Result<()> {
        let Draft::Inline(inline) = self else { return Ok(()) };
        let (parts, count) = (tx.new_parts(key), inline.len() as u64);
        inline.visit(|member| {
            put_member(tx, parts, member);
            Ok(true)
        })?;
        *self = Draft::Parts { parts, encoding, count };
        Ok(())
    }

    /// Writes the header of a set that is changed, or removes it with its last member. Its expiry stays.
    fn write(self, tx: &mut Tx<'_>, key: &[u8], old: Option<Meta>) -> Result<()> {
        match old {
            Some(old) if self.len() == 0 => {
                tx.remove(key, old);
                Ok(())
            }
            _ => self.put(tx, key, old, old.and_then(|old| old.expire_at_ms)),
        }
    }

    fn put(self, tx: &mut Tx<'_>, key: &[u8], old: Option<Meta>, expire_at_ms: Option<u64>) -> Result<()> {
        let meta = Meta { expire_at_ms, ..Meta::new(Kind::Set) };
        match self {
            Draft::Inline(inline) => {
                let body = inline.encode().ok_or_else(|| unreadable(meta))?;
                tx.put(key, old, meta, &body);
            }
            Draft::Parts { parts, encoding, count } => {
                let meta = Meta { parts: Some(parts), ..meta };
                tx.put(key, old, meta, &layout::encode_parts(encoding, count));
            }
        }
        Ok(())
    }
}

fn put_member(tx: &mut Tx<'_>, parts: Parts, member: &[u8]) {
    let suffix = members::suffix(tx.keyspace().seed(), member);
    tx.put_part(parts, &suffix, Vec::new());
}
