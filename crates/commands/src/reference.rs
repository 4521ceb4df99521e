//! A real Redis to compare with: a test that asks it runs where `CATAMARAN_REFERENCE` says `host:port`, and passes
//! where there is none.

use std::io::{Read, Write};
use std::net::TcpStream;
use std::time::Duration;

use resp::Value;

/// A connection to the reference server.
pub(crate) struct Reference {
    stream: TcpStream,
}

impl Reference {
    /// None where there is none to compare with.
    pub(crate) fn connect() -> Option<Reference> {
        let address = std::env::var("CATAMARAN_REFERENCE").ok()?;
        let stream = TcpStream::connect(&address).expect("the reference server answers");
        stream.set_read_timeout(Some(Duration::from_secs(10))).expect("a timeout can be set");
        Some(Reference { stream })
    }

    /// The reply to a command, as it came.
    pub(crate) fn ask(&mut self, words: &[&str]) -> Vec<u8> {
        let mut request = format!("*{}\r\n", words.len());
        for word in words {
            request.push_str(&format!("${}\r\n{word}\r\n", word.len()));
        }
        self.stream.write_all(request.as_bytes()).expect("the reference server reads");
        let (mut reply, mut part) = (Vec::new(), [0; 4096]);
        while resp::decode(&reply).expect("a reply").is_none() {
            let len = self.stream.read(&mut part).expect("the reference server replies");
            assert!(len > 0, "the reference server closed the connection at {words:?}");
            reply.extend_from_slice(&part[..len]);
        }
        reply
    }

    /// The reply to a command, decoded.
    pub(crate) fn value(&mut self, words: &[&str]) -> Value {
        value_of(&self.ask(words))
    }
}

/// A whole reply, decoded.
pub(crate) fn value_of(reply: &[u8]) -> Value {
    resp::decode(reply).expect("a reply").expect("a whole reply").0
}

/// The elements of an array or a set.
pub(crate) fn elements(value: &Value) -> &[Value] {
    match value {
        Value::Array(Some(elements)) | Value::Set(elements) => elements,
        _ => &[],
    }
}

/// A value in a form that a failed test can show.
pub(crate) fn shown(value: &Value) -> String {
    let list = |values: &[Value]| values.iter().map(shown).collect::<Vec<_>>().join(" ");
    match value {
        Value::Simple(text) => text.clone(),
        Value::Error(text) => format!("-{text}"),
        Value::Integer(number) => number.to_string(),
        Value::Bulk(Some(text)) => String::from_utf8_lossy(text).into_owned(),
        Value::Array(Some(values)) => format!("[{}]", list(values)),
        Value::Set(values) => format!("~[{}]", list(values)),
        Value::Map(pairs) => {
            let pairs: Vec<_> =
                pairs.iter().map(|(name, value)| format!("{}: {}", shown(name), shown(value))).collect();
            format!("{{{}}}", pairs.join(", "))
        }
        other => format!("{other:?}"),
    }
}
