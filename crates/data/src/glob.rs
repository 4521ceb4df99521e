//! Glob patterns, as `KEYS`, `SCAN`, `CONFIG GET` and subscriptions to patterns understand them.
//!
//! `*` is any run of bytes, `?` one byte, `[a-c]` one of a class, `[^a]` one of what is not in the class, and a backslash
//! takes the next byte as it is. What Redis makes of odd patterns is part of the meaning here: a class that is never
//! closed ends with the pattern, a range may be given backwards, bytes above 127 sort before the others in a range, and
//! nothing but the empty pattern matches the empty text.

/// Runs of stars that a match may pass. A pattern with more matches nothing, so that its cost has a limit.
const STARS_MAX: usize = 1000;

/// True if the pattern matches the whole text; with `nocase`, ASCII letters match whatever their case.
///
/// A text that fits up to one star can only fail behind it, wherever that star's run ends. So it is enough to go back to
/// the latest star, and the cost is at most the product of both lengths.
pub fn matches(pattern: &[u8], text: &[u8], nocase: bool) -> bool {
    let (mut at, mut seen) = (0, 0);
    // Where to go on when the text does not fit: behind the latest star, and how far its run reached.
    let mut retry: Option<(usize, usize)> = None;
    let mut stars = 0;
    loop {
        match (pattern.get(at), text.get(seen)) {
            (None, None) => return true,
            (Some(b'*'), Some(_)) => {
                at = skip_stars(pattern, at);
                if at == pattern.len() {
                    return true;
                }
                stars += 1;
                if stars > STARS_MAX {
                    return false;
                }
                retry = Some((at, seen));
                continue;
            }
            (Some(_), Some(&byte)) => {
                if let Some(len) = one(&pattern[at..], byte, nocase) {
                    at += len;
                    seen += 1;
                    if seen == text.len() {
                        at = skip_stars(pattern, at);
                    }
                    continue;
                }
            }
            _ => {}
        }
        match &mut retry {
            Some((behind_star, reached)) if *reached + 1 < text.len() => {
                *reached += 1;
                (at, seen) = (*behind_star, *reached);
            }
            _ => return false,
        }
    }
}

/// The first place at or after `at` that has no star.
fn skip_stars(pattern: &[u8], at: usize) -> usize {
    at + pattern[at..].iter().take_while(|&&byte| byte == b'*').count()
}

/// The length of the pattern's first element, if that matches one byte. The pattern is not empty.
fn one(pattern: &[u8], byte: u8, nocase: bool) -> Option<usize> {
    match pattern {
        [b'?', ..] => Some(1),
        [b'[', ..] => class(pattern, byte, nocase),
        [b'\\', escaped, ..] => same(*escaped, byte, nocase).then_some(2),
        [literal, ..] => same(*literal, byte, nocase).then_some(1),
        [] => None,
    }
}

/// The length of a class, if it has the byte.
fn class(pattern: &[u8], byte: u8, nocase: bool) -> Option<usize> {
    let negated = pattern.get(1) == Some(&b'^');
    let mut at = if negated { 2 } else { 1 };
    let mut found = false;
    loop {
        match &pattern[at..] {
            // An escaped byte of a class has one case only.
            [b'\\', escaped, ..] => {
                found |= *escaped == byte;
                at += 2;
            }
            [b']', ..] => {
                at += 1;
                break;
            }
            [from, b'-', to, ..] => {
                found |= in_range(*from, *to, byte, nocase);
                at += 3;
            }
            [literal, ..] => {
                found |= same(*literal, byte, nocase);
                at += 1;
            }
            [] => break,
        }
    }
    (found != negated).then_some(at)
}

fn in_range(from: u8, to: u8, byte: u8, nocase: bool) -> bool {
    // Redis compares signed characters, and orders the ends of the range before it folds their case.
    let (from, to) = if from.cast_signed() <= to.cast_signed() { (from, to) } else { (to, from) };
    let fold = |byte: u8| if nocase { byte.to_ascii_lowercase() } else { byte }.cast_signed();
    (fold(from)..=fold(to)).contains(&fold(byte))
}

fn same(a: u8, b: u8, nocase: bool) -> bool {
    a == b || nocase && a.eq_ignore_ascii_case(&b)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn patterns_mean_what_they_mean_to_redis() {
        let hits: &[(&str, &str)] = &[
            ("", ""),
            ("h?llo", "hello"),
            ("h*llo", "hllo"),
            ("h*llo", "heeeello"),
            ("h[ae]llo", "hallo"),
            ("h[^e]llo", "hbllo"),
            ("h[b-a]llo", "hallo"),
            ("h\\?llo", "h?llo"),
            ("[\\]]", "]"),
            ("[a\\-z]", "-"),
            ("[abc", "c"),
            ("[^", "x"),
            ("\\", "\\"),
            ("a**", "a"),
            ("*a*b*", "xxaxxbxx"),
            ("[a-]", "_"),
        ];
        for (pattern, text) in hits {
            assert!(matches(pattern.as_bytes(), text.as_bytes(), false), "{pattern} {text}");
        }
        let misses: &[(&str, &str)] = &[
            ("", "a"),
            ("*", ""),
            ("?", ""),
            ("h?llo", "hllo"),
            ("h[^e]llo", "hello"),
            ("[", "["),
            ("[]", "]"),
            ("[a\\-z]", "b"),
            ("a*b", "axbx"),
            ("A", "a"),
        ];
        for (pattern, text) in misses {
            assert!(!matches(pattern.as_bytes(), text.as_bytes(), false), "{pattern} {text}");
        }
    }

    #[test]
    fn case_is_ignored_only_where_redis_ignores_it() {
        assert!(matches(b"MaxMemory*", b"maxmemory-policy", true));
        assert!(matches(b"[A-C]", b"b", true));
        assert!(matches(b"[X]", b"x", true));
        assert!(!matches(b"[\\X]", b"x", true));
        assert!(!matches(b"[A-C]", b"b", false));
    }

    #[test]
    fn bytes_above_127_sort_before_the_others() {
        assert!(matches(b"[a-\xff]", b"\x01", false));
        assert!(!matches(b"[a-\xff]", b"b", false));
        assert!(matches(b"[\x80-\xff]", b"\x90", false));
    }

    #[test]
    fn a_pattern_with_too_many_stars_matches_nothing() {
        let text = vec![b'a'; 50_000];
        assert!(matches(&b"*?".repeat(STARS_MAX), &text, false));
        assert!(!matches(&b"*?".repeat(STARS_MAX + 1), &text, false));
        assert!(matches(&[&b"*?".repeat(STARS_MAX)[..], b"*"].concat(), &text, false));
    }

    #[test]
    fn nested_stars_do_not_cost_exponential_time() {
        let text = vec![b'a'; 1000];
        assert!(!matches(&[&b"a*".repeat(200)[..], b"b"].concat(), &text, false));
    }

    /// One element of a pattern, for a matcher that is slow and obviously right.
    #[derive(Clone, Debug)]
    enum Element {
        Run,
        Any,
        Byte(u8),
        Class { negated: bool, ranges: Vec<(u8, u8)> },
    }

    fn element() -> impl Strategy<Value = Element> {
        let letter = || b'a'..b'e';
        prop_oneof![
            Just(Element::Run),
            Just(Element::Any),
            letter().prop_map(Element::Byte),
            (any::<bool>(), prop::collection::vec((letter(), letter()), 0..3))
                .prop_map(|(negated, ranges)| Element::Class { negated, ranges }),
        ]
    }

    fn write(elements: &[Element]) -> Vec<u8> {
        let mut pattern = Vec::new();
        for element in elements {
            match element {
                Element::Run => pattern.push(b'*'),
                Element::Any => pattern.push(b'?'),
                Element::Byte(byte) => pattern.extend([b'\\', *byte]),
                Element::Class { negated, ranges } => {
                    pattern.extend_from_slice(if *negated { b"[^" } else { b"[" });
                    ranges.iter().for_each(|(from, to)| pattern.extend([*from, b'-', *to]));
                    pattern.push(b']');
                }
            }
        }
        pattern
    }

    fn slow(elements: &[Element], text: &[u8]) -> bool {
        let Some((first, rest)) = elements.split_first() else { return text.is_empty() };
        if let Element::Run = first {
            return (0..=text.len()).any(|run| slow(rest, &text[run..]));
        }
        let Some((&byte, behind)) = text.split_first() else { return false };
        let fits = match first {
            Element::Run | Element::Any => true,
            Element::Byte(wanted) => byte == *wanted,
            Element::Class { negated, ranges } => {
                ranges.iter().any(|(a, b)| (a.min(b)..=a.max(b)).contains(&&byte)) != *negated
            }
        };
        fits && slow(rest, behind)
    }

    proptest! {
        #[test]
        fn agrees_with_a_slow_matcher(
            elements in prop::collection::vec(element(), 0..8),
            text in prop::collection::vec(b'a'..b'e', 1..10),
        ) {
            prop_assert_eq!(matches(&write(&elements), &text, false), slow(&elements, &text));
        }

        #[test]
        fn any_bytes_are_a_pattern(pattern: Vec<u8>, text: Vec<u8>, nocase: bool) {
            matches(&pattern, &text, nocase);
        }

        #[test]
        fn escaped_text_matches_itself_and_nothing_else(text: Vec<u8>, other: Vec<u8>) {
            let escaped: Vec<u8> = text.iter().flat_map(|&byte| [b'\\', byte]).collect();
            prop_assert!(matches(&escaped, &text, false));
            prop_assert_eq!(matches(&escaped, &other, false), text == other);
        }
    }
}
