//! A blocking connection that shows every reply byte. No pool, no reconnect, no retry: a test wants to see what happens.

use crate::Value;
use crate::value::{length, malformed};
use std::io::{self, BufRead, BufReader, Read, Write};
use std::net::{Shutdown, TcpStream, ToSocketAddrs};
use std::os::unix::net::UnixStream;
use std::path::Path;
use std::time::Duration;

/// How long a read waits for the server before it fails, so that a test on a silent server ends.
const READ_LIMIT: Duration = Duration::from_secs(30);

/// A connection to a server, over TCP or a Unix socket.
#[derive(Debug)]
pub struct Client {
    stream: BufReader<Stream>,
    /// What one send encodes into; kept for its capacity.
    outgoing: Vec<u8>,
}

impl Client {
    /// Connects over TCP.
    pub fn connect(address: impl ToSocketAddrs) -> io::Result<Client> {
        let stream = TcpStream::connect(address)?;
        stream.set_nodelay(true)?;
        Client::over(Stream::Tcp(stream))
    }

    /// Connects to a Unix socket.
    pub fn connect_unix(path: impl AsRef<Path>) -> io::Result<Client> {
        Client::over(Stream::Unix(UnixStream::connect(path)?))
    }

    fn over(stream: Stream) -> io::Result<Client> {
        let client = Client { stream: BufReader::new(stream), outgoing: Vec::new() };
        client.set_read_limit(Some(READ_LIMIT))?;
        Ok(client)
    }

    /// A second handle on the same connection, for another thread to write while this one reads.
    /// What this handle has already buffered stays with it.
    pub fn try_clone(&self) -> io::Result<Client> {
        let stream = self.stream.get_ref().try_clone()?;
        Ok(Client { stream: BufReader::new(stream), outgoing: Vec::new() })
    }

    /// How long a read may wait; `None` waits for ever.
    pub fn set_read_limit(&self, limit: Option<Duration>) -> io::Result<()> {
        match self.stream.get_ref() {
            Stream::Tcp(stream) => stream.set_read_timeout(limit),
            Stream::Unix(stream) => stream.set_read_timeout(limit),
        }
    }

    /// Sends one command and returns its reply.
    pub fn command<A: AsRef<[u8]>>(&mut self, arguments: &[A]) -> io::Result<Value> {
        self.send(arguments)?;
        self.read_reply()
    }

    /// Sends one command without waiting for the reply.
    pub fn send<A: AsRef<[u8]>>(&mut self, arguments: &[A]) -> io::Result<()> {
        self.outgoing.clear();
        encode_command(arguments, &mut self.outgoing);
        self.stream.get_mut().write_all(&self.outgoing)
    }

    /// Sends these bytes as they are: a pipeline, an inline command, or something malformed.
    pub fn send_raw(&mut self, bytes: &[u8]) -> io::Result<()> {
        self.stream.get_mut().write_all(bytes)
    }

    /// The next reply, taken apart.
    pub fn read_reply(&mut self) -> io::Result<Value> {
        Value::parse(&self.read_raw_reply()?)
    }

    /// All bytes of the next reply, in RESP2 or RESP3, with everything nested in it and attributes before it.
    pub fn read_raw_reply(&mut self) -> io::Result<Vec<u8>> {
        let mut raw = Vec::new();
        let mut outstanding = 1;
        while outstanding > 0 {
            let start = raw.len();
            self.read_line(&mut raw)?;
            let line = &raw[start..raw.len() - 2];
            let (&kind, text) = line.split_first().ok_or_else(|| malformed("an empty line", line))?;
            let null = text == b"-1";
            outstanding = match kind {
                b'*' | b'$' if null => outstanding - 1,
                b'*' | b'~' | b'>' => outstanding - 1 + length(text)?,
                b'%' => outstanding - 1 + 2 * length(text)?,
                // An attribute stands before a value and is none itself.
                b'|' => outstanding + 2 * length(text)?,
                b'$' | b'!' | b'=' => {
                    let size = length(text)?;
                    self.append(size + 2, &mut raw)?;
                    outstanding - 1
                }
                b'+' | b'-' | b':' | b'_' | b',' | b'#' | b'(' => outstanding - 1,
                _ => return Err(malformed("unknown type", line)),
            };
        }
        Ok(raw)
    }

    /// The status of the next HTTP/1.1 response, whose body is passed over. It must have a `Content-Length`.
    pub fn read_http_response(&mut self) -> io::Result<u16> {
        let mut line = Vec::new();
        self.read_line(&mut line)?;
        let text = String::from_utf8_lossy(&line);
        let status = text.split(' ').nth(1).and_then(|word| word.parse().ok());
        let status = status.ok_or_else(|| malformed("status line", &line))?;
        let mut body = None;
        loop {
            let mut line = Vec::new();
            self.read_line(&mut line)?;
            let text = String::from_utf8_lossy(&line);
            match text.trim_end().split_once(':') {
                None if text.trim_end().is_empty() => break,
                Some((name, value)) if name.eq_ignore_ascii_case("content-length") => {
                    body = Some(length(value.trim().as_bytes())?);
                }
                Some(_) => {}
                None => return Err(malformed("header", &line)),
            }
        }
        self.read_exact(body.ok_or_else(|| malformed("response without a length", &line))?)?;
        Ok(status)
    }

    /// Exactly this many bytes, whatever they mean.
    pub fn read_exact(&mut self, count: usize) -> io::Result<Vec<u8>> {
        let mut bytes = Vec::new();
        self.append(count, &mut bytes)?;
        Ok(bytes)
    }

    /// Everything until the server closes the connection.
    pub fn read_to_end(&mut self) -> io::Result<Vec<u8>> {
        let mut bytes = Vec::new();
        self.stream.read_to_end(&mut bytes)?;
        Ok(bytes)
    }

    /// Says that nothing more will be sent; replies can still be read.
    pub fn finish_sending(&self) -> io::Result<()> {
        self.stream.get_ref().shutdown(Shutdown::Write)
    }

    /// Ends the connection in both directions, for handles in other threads too.
    pub fn close(&self) -> io::Result<()> {
        self.stream.get_ref().shutdown(Shutdown::Both)
    }

    fn read_line(&mut self, raw: &mut Vec<u8>) -> io::Result<()> {
        let start = raw.len();
        self.stream.read_until(b'\n', raw)?;
        let line = &raw[start..];
        if line.ends_with(b"\r\n") {
            Ok(())
        } else if line.ends_with(b"\n") {
            Err(malformed("line feed without carriage return", line))
        } else {
            Err(io::ErrorKind::UnexpectedEof.into())
        }
    }

    fn append(&mut self, count: usize, raw: &mut Vec<u8>) -> io::Result<()> {
        let start = raw.len();
        (&mut self.stream).take(count as u64).read_to_end(raw)?;
        if raw.len() - start == count { Ok(()) } else { Err(io::ErrorKind::UnexpectedEof.into()) }
    }
}

/// Appends a command as clients send it: an array of bulk strings.
pub fn encode_command<A: AsRef<[u8]>>(arguments: &[A], out: &mut Vec<u8>) {
    out.extend_from_slice(format!("*{}\r\n", arguments.len()).as_bytes());
    for argument in arguments {
        let argument = argument.as_ref();
        out.extend_from_slice(format!("${}\r\n", argument.len()).as_bytes());
        out.extend_from_slice(argument);
        out.extend_from_slice(b"\r\n");
    }
}

#[derive(Debug)]
enum Stream {
    Tcp(TcpStream),
    Unix(UnixStream),
}

impl Stream {
    fn shutdown(&self, how: Shutdown) -> io::Result<()> {
        match self {
            Stream::Tcp(stream) => stream.shutdown(how),
            Stream::Unix(stream) => stream.shutdown(how),
        }
    }

    fn try_clone(&self) -> io::Result<Stream> {
        Ok(match self {
            Stream::Tcp(stream) => Stream::Tcp(stream.try_clone()?),
            Stream::Unix(stream) => Stream::Unix(stream.try_clone()?),
        })
    }
}

impl Read for Stream {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        match self {
            Stream::Tcp(stream) => stream.read(buffer),
            Stream::Unix(stream) => stream.read(buffer),
        }
    }
}

impl Write for Stream {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        match self {
            Stream::Tcp(stream) => stream.write(bytes),
            Stream::Unix(stream) => stream.write(bytes),
        }
    }

    fn flush(&mut self) -> io::Result<()> {
        match self {
            Stream::Tcp(stream) => stream.flush(),
            Stream::Unix(stream) => stream.flush(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A client on one end of a pair, whose other end has sent these bytes and closed.
    fn receiving(bytes: &[u8]) -> Client {
        let (near, mut far) = UnixStream::pair().expect("a pair of sockets");
        far.write_all(bytes).expect("fits the socket's buffer");
        Client::over(Stream::Unix(near)).expect("a fresh socket takes a timeout")
    }

    #[test]
    fn raw_replies_end_where_the_next_begins() {
        let replies: [&[u8]; 8] = [
            b"+OK\r\n",
            b"$4\r\na\r\nb\r\n",
            b"*3\r\n*1\r\n:1\r\n$-1\r\n*-1\r\n",
            b"%2\r\n+a\r\n:1\r\n+b\r\n~1\r\n_\r\n",
            b"|1\r\n+ttl\r\n:3\r\n*1\r\n,1.5\r\n",
            b"=6\r\ntxt:ab\r\n",
            b">2\r\n+message\r\n!3\r\nERR\r\n",
            b"*0\r\n",
        ];
        let mut client = receiving(&replies.concat());
        for reply in replies {
            assert_eq!(client.read_raw_reply().expect("a complete reply"), reply);
        }
        assert_eq!(client.read_to_end().expect("the end"), b"");
    }

    #[test]
    fn a_reply_that_is_cut_off_is_an_error() {
        for cut in [&b""[..], b"+OK", b"$3\r\nab", b"*2\r\n:1\r\n"] {
            let error = receiving(cut).read_raw_reply().expect_err("an incomplete reply");
            assert_eq!(error.kind(), io::ErrorKind::UnexpectedEof);
        }
    }

    #[test]
    fn an_http_response_is_read_to_its_end() {
        let mut client = receiving(
            b"HTTP/1.1 503 Service Unavailable\r\ncontent-length: 3\r\nx: y\r\n\r\nredHTTP/1.1 200 OK\r\n\r\n",
        );
        assert_eq!(client.read_http_response().expect("a complete response"), 503);
        assert!(client.read_http_response().is_err(), "a response without a length");
    }

    #[test]
    fn a_command_is_sent_as_bulk_strings() {
        let mut encoded = Vec::new();
        encode_command(&["SET", "", "a\r\nb"], &mut encoded);
        assert_eq!(encoded, b"*3\r\n$3\r\nSET\r\n$0\r\n\r\n$4\r\na\r\nb\r\n");
    }
}
