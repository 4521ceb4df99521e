//! What can go wrong with a configuration, in Redis's words.

use std::fmt;
use std::io;
use std::path::PathBuf;

use super::{error_text, startup};

/// Why the server cannot start with what it was told.
#[derive(Debug)]
pub enum ConfigError {
    /// A file that cannot be read.
    Open { file: PathBuf, error: io::Error },
    /// A line that cannot be used.
    Line { number: usize, text: String, message: String },
    /// Something that only shows once all lines were read.
    Whole(String),
}

impl fmt::Display for ConfigError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let head = || format!("\n*** FATAL CONFIG FILE ERROR ({} {}) ***", startup::PRODUCT, startup::VERSION);
        match self {
            ConfigError::Open { file, error } => {
                write!(f, "Fatal error, can't open config file '{}': {}", file.display(), error_text(error))
            }
            ConfigError::Line { number, text, message } => {
                writeln!(f, "{}", head())?;
                writeln!(f, "Reading the configuration file, at line {number}")?;
                write!(f, ">>> '{text}'\n{message}")
            }
            ConfigError::Whole(message) => write!(f, "{}\n{message}", head()),
        }
    }
}

impl std::error::Error for ConfigError {}

/// Why `CONFIG SET` changed nothing. The text is Redis's, without the `ERR ` in front.
#[derive(Debug, PartialEq, Eq)]
pub enum SetError {
    /// A name without a value, or nothing at all.
    Syntax,
    /// The name as the caller spelled it, which need not be text.
    Unknown(Vec<u8>),
    /// `name` is as the caller spelled it or as the table does, just as in Redis.
    Failed { name: String, why: String },
}

impl SetError {
    /// For the caller of [`Config::set`](super::Config::set) that could not carry out a change.
    pub fn failed(name: &str, why: &str) -> Self {
        Self::Failed { name: name.to_owned(), why: why.to_owned() }
    }

    /// The full text. Redis repeats an unknown name byte for byte, up to a zero byte.
    pub fn text(&self) -> Vec<u8> {
        match self {
            SetError::Syntax => b"syntax error".to_vec(),
            SetError::Unknown(name) => {
                let shown = name.split(|&byte| byte == 0).next().unwrap_or(name);
                [b"Unknown option or number of arguments for CONFIG SET - '", shown, b"'"].concat()
            }
            SetError::Failed { name, why } => {
                format!("CONFIG SET failed (possibly related to argument '{name}') - {why}").into_bytes()
            }
        }
    }
}

impl fmt::Display for SetError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&String::from_utf8_lossy(&self.text()))
    }
}

impl std::error::Error for SetError {}

/// Why `CONFIG REWRITE` left the file as it was. The text is Redis's, without the `ERR ` in front.
#[derive(Debug)]
pub enum RewriteError {
    NoFile,
    Io(io::Error),
}

impl fmt::Display for RewriteError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            RewriteError::NoFile => write!(f, "The server is running without a config file"),
            RewriteError::Io(error) => write!(f, "Rewriting config file: {}", error_text(error)),
        }
    }
}

impl std::error::Error for RewriteError {}
