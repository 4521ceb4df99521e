//! Recorded answers of `strtod` and of Redis's INCRBYFLOAT on x86-64.

use super::*;

fn sum(a: &str, b: &str) -> Option<String> {
    let (a, b) = (Extended::parse(a.as_bytes())?, Extended::parse(b.as_bytes())?);
    a.checked_add(b).map(|sum| sum.to_text())
}

#[test]
fn doubles_are_read_as_strtod_does() {
    let cases: [(&str, f64); 22] = [
        ("0", 0.0),
        ("-0", -0.0),
        ("+1", 1.0),
        (".5", 0.5),
        ("5.", 5.0),
        ("1E2", 100.0),
        ("1e+2", 100.0),
        ("0e999999999999999999999", 0.0),
        ("inf", f64::INFINITY),
        ("+InF", f64::INFINITY),
        ("-Infinity", f64::NEG_INFINITY),
        ("0x10", 16.0),
        ("-0X.8p1", -1.0),
        ("0x1.fffffffffffffp1023", f64::MAX),
        ("0x1p-1074", f64::from_bits(1)),
        ("0x0.00000000000000000000000000000000000000001p164", 1.0),
        ("0x1.00000000000008", 1.0),
        ("0x1.000000000000080000000000000000000000000000001", 1.000_000_000_000_000_2),
        ("0x1.00000000000018", 1.000_000_000_000_000_4),
        ("0x3p-1075", f64::from_bits(2)),
        ("2.2250738585072012e-308", f64::MIN_POSITIVE),
        ("4.9406564584124654e-324", f64::from_bits(1)),
    ];
    for (text, value) in cases {
        assert_eq!(parse(text.as_bytes()).map(f64::to_bits), Some(value.to_bits()), "{text}");
    }
}

#[test]
fn what_is_not_wholly_a_float_is_refused() {
    let texts = [
        "",
        " 1",
        "1 ",
        "+",
        "-",
        "+-1",
        ".",
        "e1",
        ".e1",
        "1e",
        "1e+",
        "1e1.5",
        "1,5",
        "0x",
        "0x.",
        "0x1p",
        "0x1p+",
        "0xg",
        "1p1",
        "nan",
        "-nan",
        "nan(1)",
        "in",
        "infinit",
        "infinity1",
        "1\0",
        "\0",
        "1_000",
        "1f",
        "0b1",
    ];
    for text in texts {
        assert_eq!(parse(text.as_bytes()), None, "{text:?}");
        assert_eq!(Extended::parse(text.as_bytes()), None, "{text:?}");
    }
    assert_eq!(parse(b"\xff"), None);
}

#[test]
fn what_overflows_or_vanishes_is_refused() {
    for text in
        ["1e309", "-1e400", "0x1p1024", "0x1.fffffffffffff8p1023", "1e-400", "0x1p-1075", "1e999999999999999999999"]
    {
        assert_eq!(parse(text.as_bytes()), None, "{text}");
    }
    for text in ["1.2e4932", "1e99999999999999999999", "0x1p16384", "1e-5000", "1.8e-4951", "0x1p-16446"] {
        assert_eq!(Extended::parse(text.as_bytes()), None, "{text}");
    }
    for text in ["1.18e4932", "-0x1p16383", "1.9e-4951", "0x1p-16445"] {
        assert!(Extended::parse(text.as_bytes()).is_some_and(|value| value.is_finite()), "{text}");
    }
}

#[test]
fn a_text_of_an_extended_float_is_bounded() {
    assert!(Extended::parse(&[b'0'; 5119]).is_some());
    assert!(Extended::parse(&[b'0'; 5120]).is_none());
}

#[test]
fn sums_show_the_digits_that_redis_shows() {
    let cases = [
        ("3.0", "1.1", Some("4.1")),
        ("5.0e3", "2.0e2", Some("5200")),
        ("0.1", "0.2", Some("0.3")),
        ("-17.07", "4.1", Some("-12.97")),
        ("3.141592653589793238462643383279", "2.718281828459045235360287471352", Some("5.85987448204883847")),
        ("1e18", "0.123456789012345678", Some("1000000000000000000.125")),
        ("0xff.8p-1", ".25", Some("128")),
        ("-0x.8", "5.", Some("4.5")),
        ("123456789012345678901234567890", "-123456789012345678901234567889", Some("0")),
        ("1.18e4932", "1.18e4932", None),
        ("inf", "1", None),
        ("-inf", "inf", None),
    ];
    for (a, b, expected) in cases {
        assert_eq!(sum(a, b).as_deref(), expected, "{a} + {b}");
        assert_eq!(sum(b, a).as_deref(), expected, "{b} + {a}");
    }
}

#[test]
fn sums_round_to_the_nearest_of_64_bits_and_ties_to_even() {
    let cases = [
        ("18446744073709551615", "1", "18446744073709551616"),
        ("18446744073709551616", "1", "18446744073709551616"),
        ("36893488147419103233", "0", "36893488147419103232"),
        ("36893488147419103235", "0", "36893488147419103236"),
        ("18446744073709551615", "0.5", "18446744073709551616"),
        ("18446744073709551614", "0.5", "18446744073709551614"),
        ("9223372036854775808", "-0.25", "9223372036854775808"),
        ("9223372036854775808", "-0.75", "9223372036854775807"),
        ("100000000000000000000", "0.1", "100000000000000000000"),
        ("1e40", "-1", "9999999999999999999783686092270256259072"),
        ("9223372036854775808", "-0x1p-16445", "9223372036854775808"),
    ];
    for (a, b, expected) in cases {
        assert_eq!(sum(a, b).as_deref(), Some(expected), "{a} + {b}");
    }
}

#[test]
fn digits_behind_the_seventeenth_are_rounded_away() {
    let cases = [
        ("-0", "-0", "0"),
        ("-1e-30", "0", "0"),
        ("1e-17", "0", "0.00000000000000001"),
        ("5e-18", "0", "0"),
        ("1.5e-17", "0", "0.00000000000000002"),
        ("0x1p-57", "0", "0.00000000000000001"),
        ("0x1p-16445", "0x1p-16445", "0"),
    ];
    for (a, b, expected) in cases {
        assert_eq!(sum(a, b).as_deref(), Some(expected), "{a} + {b}");
    }
}
