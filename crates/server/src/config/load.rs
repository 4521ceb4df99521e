//! Reading configuration text, line by line, into a [`Config`].
//!
//! Lines take effect in order, and so does `include` in its place. A relative path is meant from `dir` as it is at that
//! line, since Redis changes its directory there and then.

use std::fs;
use std::path::{Path, PathBuf};

use super::parse::{Source, parse};
use super::{Config, ConfigError, table, words};

/// How deep files may include files. Past it, a file most likely includes itself.
const INCLUDE_DEPTH_MAX: usize = 32;

/// Options of old that mean nothing any more and are passed over with one argument.
const FORGOTTEN: [&[u8]; 3] = [b"list-max-ziplist-entries", b"list-max-ziplist-value", b"lua-replicate-commands"];

/// A line that someone else understands: whoever does reports back with [`Directive::error`].
#[derive(Debug, Clone)]
pub struct Directive {
    /// What follows the directive's name.
    pub args: Vec<Vec<u8>>,
    number: usize,
    text: String,
}

impl Directive {
    /// The line is wrong after all.
    pub fn error(&self, message: impl Into<String>) -> ConfigError {
        ConfigError::Line { number: self.number, text: self.text.clone(), message: message.into() }
    }
}

/// Fills a configuration from text.
pub(super) struct Loader<'a> {
    pub config: &'a mut Config,
    /// Whether a `save` line was seen: the first replaces the defaults, the others add to it.
    save_seen: bool,
    include_depth: usize,
}

impl<'a> Loader<'a> {
    pub fn new(config: &'a mut Config) -> Self {
        Self { config, save_seen: false, include_depth: 0 }
    }

    pub fn load(&mut self, text: &[u8]) -> Result<(), ConfigError> {
        for (index, line) in text.split(|c| *c == b'\n').enumerate() {
            let line = trim(line);
            if line.is_empty() || line[0] == b'#' {
                continue;
            }
            let at = |message: String| ConfigError::Line {
                number: index + 1,
                text: String::from_utf8_lossy(line).into_owned(),
                message,
            };
            let args = words::split(line).ok_or_else(|| at("Unbalanced quotes in configuration line".to_owned()))?;
            let Some((name, args)) = args.split_first() else {
                continue;
            };
            if name.eq_ignore_ascii_case(b"include") && args.len() == 1 {
                self.include(super::path_of(&args[0]), at)?;
                continue;
            }
            let directive =
                Directive { args: args.to_vec(), number: index + 1, text: String::from_utf8_lossy(line).into_owned() };
            self.apply(&name.to_ascii_lowercase(), directive).map_err(at)?;
        }
        Ok(())
    }

    fn apply(&mut self, name: &[u8], line: Directive) -> Result<(), String> {
        if let Some(option) = table::find(name) {
            return self.set(option, &line.args);
        }
        match (name, line.args.as_slice()) {
            (_, [_]) if FORGOTTEN.contains(&name) => {}
            (b"rename-command", [_, _]) => self.config.renames.push(line),
            (b"user", [_, ..]) => self.config.users.push(line),
            (b"loadmodule", [_, ..]) => self.foreign("loadmodule", "this server has no modules"),
            (b"sentinel", _) => {
                return Err("sentinel directive while not in sentinel mode".to_owned());
            }
            (_, []) if name.contains(&b'.') => {
                return Err("Module config specified without value".to_owned());
            }
            _ if name.contains(&b'.') => self.foreign("options of modules", "this server has no modules"),
            _ => return Err("Bad directive or wrong number of arguments".to_owned()),
        }
        Ok(())
    }

    fn foreign(&mut self, what: &'static str, why: &'static str) {
        if !self.config.foreign.contains(&(what, why)) {
            self.config.foreign.push((what, why));
        }
    }

    fn set(&mut self, option: table::Name, args: &[Vec<u8>]) -> Result<(), String> {
        let def = option.def();
        if !def.takes_several() && args.len() != 1 {
            return Err("wrong number of arguments".to_owned());
        }
        // Several arguments may come quoted as one, as in `--save "900 1"`. Quotes that do not close leave none.
        let unpacked = match args {
            [one] if def.takes_several() && !one.is_empty() => Some(words::split(one).unwrap_or_default()),
            _ => None,
        };
        let source = Source::Startup { save_seen: self.save_seen };
        let current = &self.config.values[option.index];
        let value = parse(def, unpacked.as_deref().unwrap_or(args), current, source)?;
        self.config.values[option.index] = value;
        self.save_seen |= def.name == "save";
        Ok(())
    }

    /// Reads the files of an `include`. Without wildcards the file must exist; with them there may be none.
    fn include(&mut self, path: &Path, at: impl Fn(String) -> ConfigError) -> Result<(), ConfigError> {
        if self.include_depth == INCLUDE_DEPTH_MAX {
            return Err(at(format!("Files are included more than {INCLUDE_DEPTH_MAX} deep")));
        }
        self.include_depth += 1;
        for file in matching_files(&self.config.dir().join(path)) {
            let text = read(&file)?;
            self.load(&text)?;
        }
        self.include_depth -= 1;
        Ok(())
    }
}

/// The files that a path with wildcards matches, sorted; the path itself where it has none.
fn matching_files(path: &Path) -> Vec<PathBuf> {
    let pattern = path.to_string_lossy();
    if !pattern.contains(['*', '?', '[']) {
        return vec![path.to_owned()];
    }
    let options =
        glob::MatchOptions { case_sensitive: true, require_literal_separator: true, require_literal_leading_dot: true };
    // What cannot be read while matching does not match, and neither does a pattern that is none.
    glob::glob_with(&pattern, options).map(|found| found.flatten().collect()).unwrap_or_default()
}

pub(super) fn read(file: &Path) -> Result<Vec<u8>, ConfigError> {
    fs::read(file).map_err(|error| ConfigError::Open { file: file.to_owned(), error })
}

fn trim(line: &[u8]) -> &[u8] {
    const BLANKS: &[u8] = b" \t\r\n";
    let start = line.iter().position(|c| !BLANKS.contains(c)).unwrap_or(line.len());
    let end = line.iter().rposition(|c| !BLANKS.contains(c)).map_or(start, |last| last + 1);
    &line[start..end]
}
