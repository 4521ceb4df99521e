//! Doubles beside what Redis prints.

use super::*;

fn text(value: f64) -> String {
    let mut out = Vec::new();
    format_double(value, &mut out);
    String::from_utf8(out).unwrap()
}

#[test]
fn doubles_are_spelled_as_redis_spells_them() {
    let cases: &[(f64, &str)] = &[
        (0.0, "0"),
        (-0.0, "-0"),
        (f64::NAN, "nan"),
        (-f64::NAN, "nan"),
        (f64::INFINITY, "inf"),
        (f64::NEG_INFINITY, "-inf"),
        (1.0, "1"),
        (-3.0, "-3"),
        (1.5, "1.5"),
        (-1.5, "-1.5"),
        (0.1, "0.1"),
        (0.1 + 0.2, "0.30000000000000004"),
        (3.0000000000000004, "3.0000000000000004"),
        (1e18, "1000000000000000000"),
        (4611686018427387904.0, "4611686018427387904"),
        (-4611686018427387904.0, "-4611686018427387904"),
        (4611686018427390000.0, "4611686018427390000"),
        (9e18, "9e+18"),
        (12345678901234567890.0, "12345678901234567000"),
        (1e19, "1e+19"),
        (1.23e25, "1.23e+25"),
        (-1e100, "-1e+100"),
        (0.00001, "0.00001"),
        (0.000001, "0.000001"),
        (1e-7, "1e-7"),
        (1.5e-7, "1.5e-7"),
        (0.00012345, "1.2345e-4"),
        (0.0012345678, "0.0012345678"),
        (1234.5678901, "1234.5678901"),
        (12345.678901, "12345.678901"),
        (12345.6789012, "1.23456789012e+4"),
        (5e-324, "5e-324"),
        (2.2250738585072014e-308, "2.2250738585072014e-308"),
        (f64::MAX, "1.7976931348623157e+308"),
        (f64::MIN, "-1.7976931348623157e+308"),
    ];
    for (value, expected) in cases {
        assert_eq!(text(*value), *expected, "{value:e}");
    }
}

#[test]
fn digits_that_grisu2_gets_longer_or_further_off_stay_so() {
    let cases: &[(f64, &str)] = &[
        (-1039514241563211.8, "-1039514241563211.7"),
        (174.5474558677207, "174.54745586772071"),
        (47.70542926317734, "47.705429263177336"),
        (242381.129191, "2.4238112919100001e+5"),
        (7.113578243725634e-249, "7.1135782437256335e-249"),
    ];
    for (value, expected) in cases {
        assert_eq!(text(*value), *expected, "{value:e}");
    }
}

proptest::proptest! {
    #[test]
    fn every_double_reads_back_as_itself(bits: u64) {
        let value = f64::from_bits(bits);
        let read: f64 = text(value).parse().unwrap();
        proptest::prop_assert!(read.to_bits() == bits || value.is_nan() && read.is_nan(), "{value:e}");
    }
}
