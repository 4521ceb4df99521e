//! The rules of single text options, with Redis's sentences for breaking them.

use std::net::{Ipv4Addr, Ipv6Addr};
use std::str::FromStr;

type Verdict = Result<(), &'static str>;

pub fn dump_file_name(name: &[u8]) -> Verdict {
    if is_path(name) { Err("dbfilename can't be a path, just a filename") } else { Ok(()) }
}

pub fn append_file_name(name: &[u8]) -> Verdict {
    if name.is_empty() {
        Err("appendfilename can't be empty")
    } else if is_path(name) {
        Err("appendfilename can't be a path, just a filename")
    } else {
        Ok(())
    }
}

pub fn append_directory_name(name: &[u8]) -> Verdict {
    if name.is_empty() {
        Err("appenddirname can't be empty")
    } else if is_path(name) {
        Err("appenddirname can't be a path, just a dirname")
    } else {
        Ok(())
    }
}

fn is_path(name: &[u8]) -> bool {
    name.iter().any(|c| matches!(c, b'/' | b'\\'))
}

pub fn host_name(name: &[u8]) -> Verdict {
    const LENGTH_MAX: usize = 255;
    if name.len() > LENGTH_MAX {
        Err("Hostnames must be less than 256 characters")
    } else if !name.iter().all(|c| c.is_ascii_alphanumeric() || matches!(c, b'-' | b'.')) {
        Err("Hostnames may only contain alphanumeric characters, hyphens or dots")
    } else {
        Ok(())
    }
}

pub fn node_name(name: &[u8]) -> Verdict {
    if name.iter().any(|c| b"!#$%&()*+:;<>?@[]^{|}~".contains(c)) {
        Err("Announced human node name contained invalid character")
    } else {
        Ok(())
    }
}

pub fn ipv4(address: &[u8]) -> Verdict {
    if address.is_empty() || parses_as::<Ipv4Addr>(address) { Ok(()) } else { Err("Invalid IPv4 address") }
}

pub fn ipv6(address: &[u8]) -> Verdict {
    if address.is_empty() || parses_as::<Ipv6Addr>(address) { Ok(()) } else { Err("Invalid IPv6 address") }
}

fn parses_as<T: FromStr>(text: &[u8]) -> bool {
    std::str::from_utf8(text).is_ok_and(|text| text.parse::<T>().is_ok())
}

/// A template names its variables in braces and must come to something; `{{` is a brace.
pub fn title_template(template: &[u8]) -> Verdict {
    const INVALID: &str = "template format is invalid or contains unknown variables";
    const VARIABLES: [&[u8]; 7] =
        [b"title", b"listen-addr", b"server-mode", b"config-file", b"port", b"tls-port", b"unixsocket"];
    /// These may come to nothing.
    const MAYBE_EMPTY: [&[u8]; 2] = [b"server-mode", b"unixsocket"];
    let mut rest = template;
    let mut comes_to_something = false;
    while let Some(brace) = rest.iter().position(|c| *c == b'{') {
        comes_to_something |= rest[..brace].iter().any(|c| *c != b' ');
        rest = &rest[brace + 1..];
        if let [b'{', behind @ ..] = rest {
            comes_to_something = true;
            rest = behind;
            continue;
        }
        let end = rest.iter().position(|c| *c == b'}').ok_or(INVALID)?;
        let variable = &rest[..end];
        if !VARIABLES.contains(&variable) {
            return Err(INVALID);
        }
        comes_to_something |= !MAYBE_EMPTY.contains(&variable) && variable != b"title";
        rest = &rest[end + 1..];
    }
    comes_to_something |= rest.iter().any(|c| *c != b' ');
    if comes_to_something { Ok(()) } else { Err(INVALID) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn titles_name_only_known_variables_and_are_never_empty() {
        for good in ["{title} {listen-addr} {server-mode}", "x", "{{", "{port}", "a {config-file}"] {
            assert_eq!(title_template(good.as_bytes()), Ok(()), "{good}");
        }
        for bad in ["", "  ", "{", "{title", "{nothing}", "{server-mode} ", "{title}"] {
            assert!(title_template(bad.as_bytes()).is_err(), "{bad}");
        }
    }

    #[test]
    fn names_are_not_paths() {
        assert!(dump_file_name(b"a/b").is_err() && dump_file_name(b"").is_ok());
        assert!(append_file_name(b"").is_err() && append_file_name(b"a\\b").is_err() && append_file_name(b"a").is_ok());
        assert!(append_directory_name(b"../x").is_err());
    }

    #[test]
    fn addresses_and_host_names_are_checked() {
        assert!(ipv4(b"1.2.3.4").is_ok() && ipv4(b"").is_ok() && ipv4(b"1.2.3").is_err());
        assert!(ipv6(b"::1").is_ok() && ipv6(b"1.2.3.4").is_err());
        assert!(host_name(&[b'a'; 255]).is_ok() && host_name(&[b'a'; 256]).is_err() && host_name(b"a_b").is_err());
        assert!(node_name(b"node one").is_ok() && node_name(b"node#1").is_err());
    }
}
