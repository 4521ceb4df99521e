//! Operations between whole bitmaps. Chunks that are stored nowhere cost nothing, except where the result has ones there.

use crate::error::Result;
use crate::string::layout::{self, CHUNK_LEN};
use crate::string::{self, Chunks, NewChunk, Text};
use crate::tx::Tx;
use crate::view::View;

/// How bits are put together.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Operation {
    /// Set where all are.
    And,
    /// Set where any is.
    Or,
    /// Set where an odd number is.
    Xor,
    /// Set where the only source is not.
    Not,
}

/// Makes a key what the operation makes of the sources, as long as the longest of them; an absent one is empty, and an
/// empty result is an absent key. Returns the length in bytes.
pub fn combine<'k>(
    tx: &mut Tx<'_>,
    operation: Operation,
    target: &[u8],
    sources: impl Iterator<Item = &'k [u8]>,
) -> Result<u64> {
    let (len, chunks) = {
        let view = tx.view();
        let texts: Vec<Option<Text<'_>>> = sources.map(|key| string::read(&view, key)).collect::<Result<_>>()?;
        let len = texts.iter().flatten().map(Text::len).max().unwrap_or(0);
        (len, chunks(&view, operation, &texts, len)?)
    };
    let old = tx.find(target)?;
    if len > 0 {
        string::set_chunks(tx, target, old, len, chunks);
    } else if let Some(old) = old {
        tx.remove(target, old);
    }
    Ok(len)
}

fn chunks(view: &View<'_>, operation: Operation, texts: &[Option<Text<'_>>], len: u64) -> Result<Vec<NewChunk>> {
    let open = |text| Source::open(view, text);
    let mut sources = texts.iter().flatten().map(open).collect::<Result<Vec<Source<'_>>>>()?;
    match operation {
        // An absent source has no ones at all.
        Operation::And if sources.len() < texts.len() => Ok(Vec::new()),
        Operation::And => intersect(&mut sources),
        Operation::Or => unite(&mut sources, |a, b| a | b),
        Operation::Xor => unite(&mut sources, |a, b| a ^ b),
        Operation::Not => sources.first_mut().map_or_else(|| Ok(Vec::new()), |source| invert(source, len)),
    }
}

fn intersect(sources: &mut [Source<'_>]) -> Result<Vec<NewChunk>> {
    let mut result = Vec::new();
    loop {
        // The next chunk that all of them may have; none once one of them has ended.
        let numbers = sources.iter().map(|source| source.number);
        let Some(number) = numbers.collect::<Option<Vec<u32>>>().and_then(|n| n.into_iter().max()) else {
            return Ok(result);
        };
        for source in sources.iter_mut() {
            while source.number.is_some_and(|at| at < number) {
                source.advance()?;
            }
        }
        if sources.iter().any(|source| source.number != Some(number)) {
            continue;
        }
        let Some((first, rest)) = sources.split_first_mut() else { return Ok(result) };
        let mut bytes = std::mem::take(&mut first.bytes);
        for source in rest {
            bytes.truncate(source.bytes.len());
            apply(&mut bytes, &source.bytes, |a, b| a & b);
        }
        result.push((number, bytes));
        first.advance()?;
    }
}

fn unite(sources: &mut [Source<'_>], operation: impl Fn(u8, u8) -> u8 + Copy) -> Result<Vec<NewChunk>> {
    let mut result = Vec::new();
    while let Some(number) = sources.iter().filter_map(|source| source.number).min() {
        let mut bytes = Vec::new();
        for source in sources.iter_mut().filter(|source| source.number == Some(number)) {
            if bytes.len() < source.bytes.len() {
                bytes.resize(source.bytes.len(), 0);
            }
            apply(&mut bytes, &source.bytes, operation);
            source.advance()?;
        }
        result.push((number, bytes));
    }
    Ok(result)
}

fn invert(source: &mut Source<'_>, len: u64) -> Result<Vec<NewChunk>> {
    let mut result = Vec::new();
    for piece in layout::pieces(0..len) {
        let mut bytes = Vec::new();
        if source.number == Some(piece.number) {
            bytes = std::mem::take(&mut source.bytes);
            source.advance()?;
        }
        bytes.resize(piece.within.len(), 0);
        bytes.iter_mut().for_each(|byte| *byte = !*byte);
        result.push((piece.number, bytes));
    }
    Ok(result)
}

fn apply(bytes: &mut [u8], with: &[u8], operation: impl Fn(u8, u8) -> u8) {
    bytes.iter_mut().zip(with).for_each(|(a, b)| *a = operation(*a, *b));
}

/// A bitmap that is walked through.
struct Source<'t> {
    chunks: Chunks<'t>,
    /// The chunk it is at; None at the end.
    number: Option<u32>,
    /// What is stored of that chunk.
    bytes: Vec<u8>,
}

impl<'t> Source<'t> {
    fn open(view: &View<'t>, text: &'t Text<'_>) -> Result<Source<'t>> {
        let mut source =
            Source { chunks: text.chunks(view, 0..text.len())?, number: None, bytes: Vec::with_capacity(CHUNK_LEN) };
        source.advance()?;
        Ok(source)
    }

    fn advance(&mut self) -> Result<()> {
        self.number = None;
        self.bytes.clear();
        if let Some((number, bytes)) = self.chunks.next()? {
            self.number = Some(number);
            self.bytes.extend_from_slice(bytes);
        }
        Ok(())
    }
}
