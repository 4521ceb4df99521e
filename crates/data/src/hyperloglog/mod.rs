//! HyperLogLogs: how many different elements there were, to within a percent, in 12 KiB at most.
//!
//! One is a string, whose bytes are Redis's ([`layout`]); what the registers tell is in [`estimate`]. A sparse one grows with what
//! it has seen, and becomes dense where it would be longer than `hll-sparse-max-bytes`, or a register too high for it.

pub mod estimate;
pub mod layout;

use std::sync::atomic::Ordering;

use crate::error::{Error, Result};
use crate::header::{Kind, Meta};
use crate::string::{self, Text};
use crate::tx::Tx;
use crate::view::View;

use estimate::{Histogram, cardinality, register_of};
pub use layout::Encoding;
use layout::{HEADER_LEN, REGISTERS, RUN_VALUE_MAX, Raised};

/// The registers of several at once, one byte each.
type Registers = [u8; REGISTERS];

/// A HyperLogLog, taken out of its string.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct HyperLogLog {
    bytes: Vec<u8>,
    /// Up to how many bytes it stays sparse.
    sparse_len_max: u64,
}

impl HyperLogLog {
    /// One that has seen nothing.
    pub fn new(sparse_len_max: u64) -> HyperLogLog {
        HyperLogLog { bytes: layout::empty(), sparse_len_max }
    }

    /// The one that a string holds.
    pub fn parse(bytes: Vec<u8>, sparse_len_max: u64) -> Result<HyperLogLog> {
        layout::encoding(&bytes).ok_or(Error::NotHyperLogLog)?;
        Ok(HyperLogLog { bytes, sparse_len_max })
    }

    /// The string that holds it.
    pub fn bytes(&self) -> &[u8] {
        &self.bytes
    }

    /// How its registers are written.
    pub fn encoding(&self) -> Encoding {
        layout::encoding(&self.bytes).unwrap_or(Encoding::Dense)
    }

    fn registers(&self) -> &[u8] {
        self.bytes.get(HEADER_LEN..).unwrap_or(&[])
    }

    /// Sees an element. True if that changed anything.
    pub fn add(&mut self, element: &[u8]) -> Result<bool> {
        let (index, value) = register_of(element);
        self.raise(index, value)
    }

    fn raise(&mut self, index: usize, value: u8) -> Result<bool> {
        if self.encoding() == Encoding::Sparse {
            let raised = match value {
                0..=RUN_VALUE_MAX => layout::raise(&mut self.bytes, index, value, self.sparse_len_max),
                _ => Raised::TooLong,
            };
            match raised {
                Raised::No => return Ok(false),
                Raised::Yes => {
                    layout::forget_count(&mut self.bytes);
                    return Ok(true);
                }
                Raised::Corrupt => return Err(Error::CorruptHyperLogLog),
                Raised::TooLong => drop(self.become_dense()?),
            }
        }
        if layout::dense_register(self.registers(), index) >= value {
            return Ok(false);
        }
        layout::set_dense_register(&mut self.bytes[HEADER_LEN..], index, value);
        layout::forget_count(&mut self.bytes);
        Ok(true)
    }

    /// Changes to the dense encoding. True if it had another.
    pub fn become_dense(&mut self) -> Result<bool> {
        if self.encoding() == Encoding::Dense {
            return Ok(false);
        }
        self.bytes = layout::to_dense(&self.bytes).ok_or(Error::CorruptHyperLogLog)?;
        Ok(true)
    }

    /// Calls `visit` with each register's index and value, zeros perhaps left out.
    fn for_each_register(&self, mut visit: impl FnMut(usize, u8)) -> Result<()> {
        if self.encoding() == Encoding::Dense {
            (0..REGISTERS).for_each(|index| visit(index, layout::dense_register(self.registers(), index)));
            return Ok(());
        }
        let is_whole = layout::for_each_run(self.registers(), |first, run| {
            if run.value > 0 {
                (first..first + run.len).for_each(|index| visit(index, run.value));
            }
        });
        if is_whole { Ok(()) } else { Err(Error::CorruptHyperLogLog) }
    }

    /// The value of every register.
    pub fn values(&self) -> Result<Box<Registers>> {
        let mut values = Box::new([0; REGISTERS]);
        self.raise_others(&mut values)?;
        Ok(values)
    }

    /// Raises registers to the values that this has, where they are lower.
    fn raise_others(&self, others: &mut Registers) -> Result<()> {
        self.for_each_register(|index, value| others[index] = others[index].max(value))
    }

    /// How many different elements it has seen, about, as far as that is still known.
    pub fn cached_count(&self) -> Option<u64> {
        layout::cached_count(&self.bytes)
    }

    /// How many different elements it has seen, about.
    pub fn count(&self) -> Result<u64> {
        let mut histogram: Histogram = [0; 64];
        let mut seen = 0;
        self.for_each_register(|_, value| {
            histogram[usize::from(value)] += 1;
            seen += 1;
        })?;
        histogram[0] += REGISTERS as u32 - seen;
        Ok(cardinality(&histogram))
    }
}

/// The HyperLogLog of a key that is to be changed. Not counted.
pub fn find(view: &View<'_>, key: &[u8]) -> Result<Option<HyperLogLog>> {
    let text = string::find(view, key)?;
    text.map(|text| of_text(view, &text)).transpose()
}

/// The HyperLogLog of a key, counted as a hit or a miss.
pub fn read(view: &View<'_>, key: &[u8]) -> Result<Option<HyperLogLog>> {
    let text = string::read(view, key)?;
    text.map(|text| of_text(view, &text)).transpose()
}

fn of_text(view: &View<'_>, text: &Text<'_>) -> Result<HyperLogLog> {
    HyperLogLog::parse(text.to_vec(view)?, sparse_len_max(view))
}

fn sparse_len_max(view: &View<'_>) -> u64 {
    view.keyspace().settings.encodings.hll_sparse_max_bytes.load(Ordering::Relaxed)
}

/// Writes a HyperLogLog to its key. `old` is what [`Tx::find`] returned for it; its expiry stays.
pub fn put(tx: &mut Tx<'_>, key: &[u8], old: Option<Meta>, hyperloglog: &HyperLogLog) {
    string::rewrite(tx, key, old, &hyperloglog.bytes);
}

/// Lets the HyperLogLog of a key, which is made if there is none, see elements. True if that changed anything.
pub fn add<'e>(tx: &mut Tx<'_>, key: &[u8], elements: impl Iterator<Item = &'e [u8]> + Clone) -> Result<bool> {
    let old = tx.find_kind(key, Kind::String)?;
    if has_seen(&tx.view(), key, elements.clone())? {
        return Ok(false);
    }
    let mut hyperloglog = match find(&tx.view(), key)? {
        Some(found) => found,
        None => HyperLogLog::new(sparse_len_max(&tx.view())),
    };
    let mut changed = old.is_none();
    for element in elements {
        changed |= hyperloglog.add(element)?;
    }
    if changed {
        layout::forget_count(&mut hyperloglog.bytes);
        put(tx, key, old, &hyperloglog);
    }
    Ok(changed)
}

/// True if the HyperLogLog of a key is dense and elements change nothing of it. That is what most come to, and costs no copy.
fn has_seen<'e>(view: &View<'_>, key: &[u8], mut elements: impl Iterator<Item = &'e [u8]>) -> Result<bool> {
    let Some(text) = string::find(view, key)? else { return Ok(false) };
    let Some(bytes) = text.whole().filter(|bytes| layout::encoding(bytes) == Some(Encoding::Dense)) else {
        return Ok(false);
    };
    Ok(elements.all(|element| {
        let (index, value) = register_of(element);
        layout::dense_register(&bytes[HEADER_LEN..], index) >= value
    }))
}

/// How many different elements the HyperLogLog of a key has seen, about. Keeps what it had to compute.
pub fn count(tx: &mut Tx<'_>, key: &[u8]) -> Result<u64> {
    let old = tx.find(key)?;
    let Some(mut hyperloglog) = read(&tx.view(), key)? else { return Ok(0) };
    if let Some(count) = hyperloglog.cached_count() {
        return Ok(count);
    }
    let count = hyperloglog.count()?;
    layout::cache_count(&mut hyperloglog.bytes, count);
    put(tx, key, old, &hyperloglog);
    Ok(count)
}

/// How many different elements the HyperLogLogs of some keys have seen together, about.
pub fn count_together<'k>(view: &View<'_>, keys: impl Iterator<Item = &'k [u8]>) -> Result<u64> {
    let (registers, _) = merged(view, keys)?;
    let mut histogram: Histogram = [0; 64];
    registers.iter().for_each(|&value| histogram[usize::from(value)] += 1);
    Ok(cardinality(&histogram))
}

/// Makes the HyperLogLog of a key one that has seen what it has and what others have.
pub fn merge<'k>(tx: &mut Tx<'_>, target: &'k [u8], sources: impl Iterator<Item = &'k [u8]>) -> Result<()> {
    let old = tx.find_kind(target, Kind::String)?;
    let (mut hyperloglog, registers, has_dense) = {
        let view = tx.view();
        let (registers, has_dense) = merged(&view, std::iter::once(target).chain(sources))?;
        let found = find(&view, target)?;
        (found.unwrap_or_else(|| HyperLogLog::new(sparse_len_max(&view))), registers, has_dense)
    };
    if has_dense {
        hyperloglog.become_dense()?;
    }
    for (index, &value) in registers.iter().enumerate().filter(|(_, value)| **value > 0) {
        hyperloglog.raise(index, value)?;
    }
    layout::forget_count(&mut hyperloglog.bytes);
    put(tx, target, old, &hyperloglog);
    Ok(())
}

/// The highest value of each register in the HyperLogLogs of some keys, and whether any of them is dense.
fn merged<'k>(view: &View<'_>, keys: impl Iterator<Item = &'k [u8]>) -> Result<(Box<Registers>, bool)> {
    let (mut registers, mut has_dense) = (Box::new([0; REGISTERS]), false);
    for key in keys {
        let Some(found) = read(view, key)? else { continue };
        has_dense |= found.encoding() == Encoding::Dense;
        found.raise_others(&mut registers)?;
    }
    Ok((registers, has_dense))
}

#[cfg(test)]
mod tests;
