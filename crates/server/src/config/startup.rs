//! The command line: `catamaran [file] [-] [--option value ...]`, read as redis-server reads it.
//!
//! Options on the command line become lines of configuration text behind those of the file and of standard input, so
//! the last one wins and all rules of the file hold for them too.

use std::ffi::OsString;
use std::fs::OpenOptions;
use std::io::{self, Read};
use std::os::unix::ffi::OsStringExt;
use std::path::{Path, PathBuf};

use super::load::{self, Loader};
use super::{Config, ConfigError, error_text, path_of, words};

pub(super) const PRODUCT: &str = "Catamaran";
pub(super) const VERSION: &str = env!("CARGO_PKG_VERSION");

/// What the command line asks for.
#[derive(Debug)]
pub enum Startup {
    Serve(Box<Config>),
    PrintAndExit(String),
}

impl Config {
    /// Reads the command line, without the program's own name, and everything it names.
    pub fn from_args(args: impl Iterator<Item = OsString>) -> Result<Startup, ConfigError> {
        let here = std::env::current_dir()
            .map_err(|error| ConfigError::Whole(format!("Can't find the current directory: {}", error_text(&error))))?;
        Self::from_args_in(args, &here, &mut io::stdin())
    }

    /// [`Config::from_args`] for a given working directory and standard input.
    pub(super) fn from_args_in(
        args: impl Iterator<Item = OsString>,
        here: &Path,
        stdin: &mut dyn Read,
    ) -> Result<Startup, ConfigError> {
        let args: Vec<Vec<u8>> = args.map(OsStringExt::into_vec).collect();
        match args.first().map(Vec::as_slice) {
            Some(b"-v" | b"--version") => return Ok(Startup::PrintAndExit(version())),
            Some(b"-h" | b"--help") => return Ok(Startup::PrintAndExit(usage())),
            _ => {}
        }
        let line = CommandLine::read(&args);
        let mut config = Config::with_defaults(here);
        config.file = line.file.map(|file| absolute(here, &file));
        let mut text = config.file.as_deref().map(load::read).transpose()?.unwrap_or_default();
        if line.from_stdin {
            stdin
                .read_to_end(&mut text)
                .map_err(|error| ConfigError::Whole(format!("Can't read standard input: {}", error_text(&error))))?;
        }
        text.push(b'\n');
        text.extend(line.options);
        Loader::new(&mut config).load(&text)?;
        config.check_log_file()?;
        Ok(Startup::Serve(Box::new(config)))
    }

    /// A log that cannot be written is better known now than at the first thing to be said.
    fn check_log_file(&self) -> Result<(), ConfigError> {
        let Some(path) = self.get_path("logfile") else {
            return Ok(());
        };
        match OpenOptions::new().append(true).create(true).open(path) {
            Ok(_) => Ok(()),
            Err(error) => Err(ConfigError::Whole(format!("Can't open the log file: {}", error_text(&error)))),
        }
    }
}

/// The command line, taken apart.
#[derive(Debug, Default)]
struct CommandLine {
    file: Option<PathBuf>,
    from_stdin: bool,
    /// The options as configuration text.
    options: Vec<u8>,
}

impl CommandLine {
    fn read(args: &[Vec<u8>]) -> Self {
        let mut line = Self::default();
        let mut rest = args;
        if let Some((first, behind)) = args.split_first()
            && first.first() != Some(&b'-')
        {
            line.file = Some(path_of(first).to_owned());
            rest = behind;
        }
        // Whether the option before has an argument; until it has, even `--x` is one.
        let mut complete = true;
        for (index, arg) in rest.iter().enumerate() {
            let next = rest.get(index + 1);
            let at_edge = next.is_none() || (index == 0 && line.file.is_none());
            if arg == b"-" && at_edge {
                line.from_stdin = true;
            } else if complete && arg.starts_with(b"--") {
                complete = line.begin_option(arg, next);
            } else {
                line.options.extend(words::quote(arg));
                line.options.push(b' ');
                complete = true;
            }
        }
        line
    }

    /// Begins a line for an option, and tells whether the option is complete with this.
    fn begin_option(&mut self, arg: &[u8], next: Option<&Vec<u8>>) -> bool {
        if !self.options.is_empty() {
            self.options.push(b'\n');
        }
        self.options.extend(&arg[2..]);
        self.options.push(b' ');
        let alone = words::split(arg).is_some_and(|words| words.len() == 1);
        if !alone {
            return true; // Name and value in one, as in "--port 6380".
        }
        // `--save` may go without its value, for the sake of scripts that build command lines from lists.
        let at_end = next.is_none_or(|next| next.starts_with(b"--"));
        if at_end && arg.eq_ignore_ascii_case(b"--save") {
            self.options.extend(b"\"\"");
            return true;
        }
        false
    }
}

/// The path from the root, without resolving links: a rewrite replaces the file that was named.
fn absolute(here: &Path, file: &Path) -> PathBuf {
    let path = here.join(file);
    std::path::absolute(&path).unwrap_or(path)
}

/// What `--version` prints.
pub fn version() -> String {
    format!("{PRODUCT} server v={VERSION} bits={}\n", usize::BITS)
}

/// What `--help` prints.
pub fn usage() -> String {
    "\
Usage: catamaran [/path/to/catamaran.conf] [options] [-]
       catamaran - (read the configuration from standard input)
       catamaran -v or --version
       catamaran -h or --help

Every option of the configuration file can be given as --option value, and wins over the file.

Examples:
       catamaran (all defaults)
       echo 'maxmemory 128mb' | catamaran -
       catamaran /etc/catamaran/6379.conf
       catamaran --port 7777 --bind 127.0.0.1 ::1
       catamaran /etc/catamaran.conf --loglevel verbose -
"
    .to_owned()
}
