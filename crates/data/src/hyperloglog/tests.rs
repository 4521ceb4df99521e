//! HyperLogLogs as values. That their bytes are Redis's is compared where a Redis can be asked, with the commands.

use super::*;

#[test]
fn sparse_and_dense_ones_agree_and_a_sparse_one_becomes_dense_where_it_grows_too_long() {
    let mut grown = HyperLogLog::new(3000);
    let mut dense = HyperLogLog::new(3000);
    assert_eq!(dense.become_dense(), Ok(true));
    assert_eq!(dense.become_dense(), Ok(false));
    for n in 0..20_000u32 {
        let element = n.to_string();
        assert_eq!(grown.add(element.as_bytes()), dense.add(element.as_bytes()));
        if n.is_power_of_two() {
            assert_eq!(grown.values(), dense.values());
            assert_eq!(grown.count(), dense.count());
            assert!(grown.bytes().len() <= 3000 || grown.encoding() == Encoding::Dense);
        }
    }
    assert_eq!(grown.encoding(), Encoding::Dense);
    assert_eq!(grown.bytes(), dense.bytes());
}

#[test]
fn a_register_too_high_for_a_run_makes_it_dense() {
    let mut sparse = HyperLogLog::new(3000);
    assert_eq!(sparse.raise(7, RUN_VALUE_MAX), Ok(true));
    assert_eq!(sparse.encoding(), Encoding::Sparse);
    assert_eq!(sparse.raise(7, RUN_VALUE_MAX + 1), Ok(true));
    assert_eq!(sparse.encoding(), Encoding::Dense);
    assert_eq!(sparse.values().map(|values| values[7]), Ok(RUN_VALUE_MAX + 1));
}

#[test]
fn what_is_known_of_the_count_goes_with_a_change_and_stays_without_one() {
    let mut seen = HyperLogLog::new(3000);
    assert_eq!(seen.cached_count(), Some(0));
    assert_eq!(seen.add(b"a"), Ok(true));
    assert_eq!((seen.cached_count(), seen.count()), (None, Ok(1)));
    layout::cache_count(&mut seen.bytes, 1);
    assert_eq!(seen.add(b"a"), Ok(false));
    assert_eq!(seen.cached_count(), Some(1));
}

#[test]
fn strings_that_are_none_and_runs_that_make_no_sense_are_told_apart() {
    assert_eq!(HyperLogLog::parse(b"HYLL".to_vec(), 3000).err(), Some(Error::NotHyperLogLog));
    let mut bytes = layout::empty();
    bytes.push(0);
    let mut corrupt = HyperLogLog::parse(bytes, 3000).expect("a header");
    assert_eq!(corrupt.count(), Err(Error::CorruptHyperLogLog));
    assert_eq!(corrupt.values().err(), Some(Error::CorruptHyperLogLog));
    assert_eq!(corrupt.become_dense(), Err(Error::CorruptHyperLogLog));
}
