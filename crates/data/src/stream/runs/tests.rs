//! Reads through runs against reads of the records, while the stream changes.

use super::super::{Bound, Trim, add, delete, find, set_last_id, trim};
use super::*;
use crate::error::Error;
use crate::testing::Db;

const KEY: &[u8] = b"stream";

fn id(ms: u64, seq: u64) -> StreamId {
    StreamId { ms, seq }
}

/// Changes the stream, which is made if it is not there.
fn change<T>(db: &mut Db, change: impl FnOnce(&mut Tx<'_>, &mut Stream) -> T) -> T {
    let mut tx = db.tx();
    let mut stream = match find(&mut tx, KEY).expect("find") {
        Some(stream) => stream,
        None => Stream::new(&mut tx, KEY),
    };
    let result = change(&mut tx, &mut stream);
    stream.save(&mut tx, KEY);
    result
}

fn add_all(db: &mut Db, ids: impl IntoIterator<Item = StreamId>) {
    change(db, |tx, stream| ids.into_iter().for_each(|id| add(tx, stream, id, &[b"f", id.to_string().as_bytes()])));
    db.batch.keep();
}

type Read =
    fn(&Stream, &View<'_>, (StreamId, StreamId), Direction, &mut dyn FnMut(Entry<'_>) -> Result<bool>) -> Result<()>;

fn through_runs(
    stream: &Stream,
    view: &View<'_>,
    range: (StreamId, StreamId),
    direction: Direction,
    visit: &mut dyn FnMut(Entry<'_>) -> Result<bool>,
) -> Result<()> {
    stream.read(view, range, direction, &mut Progress::default(), visit)
}

fn from_disk(
    stream: &Stream,
    view: &View<'_>,
    range: (StreamId, StreamId),
    direction: Direction,
    visit: &mut dyn FnMut(Entry<'_>) -> Result<bool>,
) -> Result<()> {
    stream.walk(view, range, direction, &mut Progress::default(), visit)
}

/// Up to `limit` ids and values that a read finds.
fn found(
    view: &View<'_>,
    read: Read,
    range: (StreamId, StreamId),
    direction: Direction,
    limit: usize,
) -> Result<Vec<(StreamId, Vec<u8>)>> {
    let stream = super::super::read(view, KEY)?.expect("a stream");
    let mut found = Vec::new();
    read(&stream, view, range, direction, &mut |entry| {
        found.push((entry.id, entry.strings().nth(1).expect("a value").to_vec()));
        Ok(found.len() < limit)
    })?;
    Ok(found)
}

/// What a worker with the latch reads; the same as lies on disk.
fn read_both(db: &mut Db, range: (StreamId, StreamId), direction: Direction, limit: usize) -> Vec<(StreamId, Vec<u8>)> {
    let tx = db.tx();
    let view = tx.view();
    let expected = found(&view, from_disk, range, direction, limit).expect("a walk");
    let actual = found(&view, through_runs, range, direction, limit).expect("a read");
    assert_eq!(actual, expected, "{range:?} {direction:?} {limit}");
    expected
}

/// What a thread reads that may not wait, if it can.
fn read_hot(db: &Db, range: (StreamId, StreamId), direction: Direction, limit: usize) -> Option<usize> {
    db.turn.set_now_ms(db.turn.now_ms());
    let view = View::hot(&db.keyspace, &db.turn, 0);
    match found(&view, through_runs, range, direction, limit) {
        Ok(found) => Some(found.len()).filter(|_| view.is_of_one_time()),
        Err(Error::NotHot) => None,
        Err(error) => panic!("{error}"),
    }
}

#[test]
fn what_was_read_is_in_memory_until_an_entry_of_it_is_deleted() {
    let mut db = Db::new();
    add_all(&mut db, (1..=1000).map(|ms| id(ms, 1)));
    db.commit();
    let near = (id(500, 0), StreamId::MAX);
    assert_eq!(read_hot(&db, near, Direction::Forward, 10), None);
    // The first read begins a generation, the second one makes the run.
    for _ in 0..2 {
        assert_eq!(read_both(&mut db, near, Direction::Forward, 10)[0].0, id(500, 1));
    }
    assert_eq!(read_hot(&db, near, Direction::Forward, 10), Some(10));
    let last = (StreamId::MIN, StreamId::MAX);
    read_both(&mut db, last, Direction::Backward, 1);
    assert_eq!(read_hot(&db, last, Direction::Backward, 1), Some(1));
    // New ones do not disturb it, and the last run grows by them.
    add_all(&mut db, [id(1001, 1)]);
    db.commit();
    assert_eq!(read_hot(&db, near, Direction::Forward, 10), Some(10));
    assert_eq!(read_hot(&db, last, Direction::Backward, 1), None);
    assert_eq!(read_both(&mut db, last, Direction::Backward, 1)[0].0, id(1001, 1));
    assert_eq!(read_hot(&db, last, Direction::Backward, 1), Some(1));
    // What is trimmed is passed over.
    change(&mut db, |tx, stream| trim(tx, stream, &Trim { to: Bound::Id(id(505, 1)), approximate: false, limit: 0 }))
        .expect("a trim");
    db.batch.keep();
    db.commit();
    assert_eq!(read_both(&mut db, near, Direction::Forward, 10)[0].0, id(505, 1));
    change(&mut db, |tx, stream| delete(tx, stream, &[id(507, 1)])).expect("a deletion");
    assert_eq!(read_both(&mut db, near, Direction::Forward, 3)[2].0, id(508, 1));
    db.batch.keep();
    db.commit();
    assert_eq!(read_hot(&db, near, Direction::Forward, 3), None);
}

#[test]
fn a_read_that_is_long_or_of_long_entries_goes_on_from_disk() {
    let mut db = Db::new();
    add_all(&mut db, (1..=1000).map(|ms| id(ms, 1)));
    db.commit();
    let all = (StreamId::MIN, StreamId::MAX);
    for direction in [Direction::Forward, Direction::Backward, Direction::Forward] {
        assert_eq!(read_both(&mut db, all, direction, usize::MAX).len(), 1000);
    }
    assert_eq!(read_hot(&db, all, Direction::Forward, usize::MAX), None);
    let long = vec![b'x'; 5000];
    change(&mut db, |tx, stream| add(tx, stream, id(1001, 0), &[b"f", &long]));
    add_all(&mut db, [id(1001, 1), id(1002, 0)]);
    db.commit();
    for _ in 0..3 {
        assert_eq!(read_both(&mut db, (id(995, 0), StreamId::MAX), Direction::Forward, 20).len(), 9);
        assert_eq!(read_both(&mut db, all, Direction::Backward, 5).len(), 5);
    }
}

#[test]
fn entries_that_come_in_bursts_are_found_in_finer_stretches() {
    let mut db = Db::new();
    for burst in 1..20u64 {
        add_all(&mut db, (0..300).map(|n| id(burst * 3_600_000 + n / 100, n % 100)));
    }
    db.commit();
    for _ in 0..3 {
        for n in (0..300).step_by(7) {
            let at = id(7 * 3_600_000 + n / 100, n % 100);
            read_both(&mut db, (at, StreamId::MAX), Direction::Forward, 10);
            read_both(&mut db, (StreamId::MIN, at), Direction::Backward, 10);
        }
    }
    assert_eq!(read_hot(&db, (id(7 * 3_600_000 + 1, 50), StreamId::MAX), Direction::Forward, 10), Some(10));
    assert_eq!(read_hot(&db, (id(7 * 3_600_000 + 9, 0), StreamId::MAX), Direction::Forward, 1), None);
    read_both(&mut db, (id(7 * 3_600_000 + 9, 0), StreamId::MAX), Direction::Forward, 1);
    assert_eq!(read_hot(&db, (id(7 * 3_600_000 + 9, 0), StreamId::MAX), Direction::Forward, 1), Some(1));
}

#[test]
fn ids_that_are_given_again_are_not_taken_for_those_before() {
    let mut db = Db::new();
    add_all(&mut db, (1..=20).map(|ms| id(ms, 1)));
    db.commit();
    for _ in 0..2 {
        read_both(&mut db, (StreamId::MIN, StreamId::MAX), Direction::Forward, 20);
    }
    change(&mut db, |tx, stream| {
        trim(tx, stream, &Trim { to: Bound::Length(0), approximate: false, limit: 0 }).expect("a trim");
        set_last_id(tx, KEY, stream, StreamId::MIN).expect("a last id");
        add(tx, stream, id(5, 1), &[b"f", b"another"]);
    });
    db.batch.keep();
    db.commit();
    for _ in 0..3 {
        assert_eq!(read_both(&mut db, (id(1, 1), id(9, 1)), Direction::Forward, 9), [(id(5, 1), b"another".to_vec())]);
    }
}

#[test]
fn random_reads_between_random_changes_find_what_is_on_disk() {
    let mut db = Db::new();
    let random = crate::Turn::new(0, 99);
    let below = |bound: u64| random.random_below(bound);
    let mut next = 1;
    add_all(&mut db, [id(next, 0)]);
    for _ in 0..6000 {
        let at = id(below(next + 10), below(3));
        match below(20) {
            0..4 => {
                let count = 1 + below(20);
                let step = [0, 1, 1, 300][below(4) as usize];
                add_all(&mut db, (1..=count).map(|n| id(next + n * step, n)));
                next += count * step + 1;
            }
            4 => {
                change(&mut db, |tx, stream| delete(tx, stream, &[at])).expect("a deletion");
                db.batch.keep();
            }
            5 if below(10) == 0 => {
                let trimming = Trim { to: Bound::Length(below(2000)), approximate: below(2) == 0, limit: 0 };
                change(&mut db, |tx, stream| trim(tx, stream, &trimming)).expect("a trim");
                db.batch.keep();
            }
            6 => {
                // What is taken back is seen by nobody after.
                change(&mut db, |tx, stream| add(tx, stream, id(next + 1, 0), &[b"f", b"undone"]));
                read_both(&mut db, (at, StreamId::MAX), Direction::Forward, 5);
                db.batch.undo();
            }
            7..10 => db.commit(),
            choice => {
                let direction = if choice % 2 == 0 { Direction::Forward } else { Direction::Backward };
                let far = id(at.ms.saturating_add(below(200)), below(9));
                let range = [(at, StreamId::MAX), (StreamId::MIN, at), (at, far)][below(3) as usize];
                let limit = 1 + below(40) as usize;
                let read = read_both(&mut db, range, direction, limit);
                if db.batch.is_clean()
                    && let Some(hot) = read_hot(&db, range, direction, limit)
                {
                    assert_eq!(hot, read.len());
                }
            }
        }
    }
}
