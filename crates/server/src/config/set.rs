//! `CONFIG SET`: everything is checked before anything changes.

use super::option::{Change, OptionDef};
use super::parse::{Source, parse};
use super::value::Value;
use super::{Config, SetError, table};

/// Where a `CONFIG SET` comes from, as `enable-protected-configs local` asks.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Origin {
    /// A client on this machine.
    Local,
    Remote,
}

impl Config {
    /// Sets all options or none, and names those whose value is another now. The caller carries out what that means.
    pub fn set(&mut self, pairs: &[Pair], origin: Origin) -> Result<Vec<&'static str>, SetError> {
        if pairs.is_empty() {
            return Err(SetError::Syntax);
        }
        let names = self.settable(pairs, origin)?;
        let mut values = self.values.clone();
        let mut changed = Vec::new();
        for (name, (_, text)) in names.iter().zip(pairs) {
            let def = name.def();
            let value =
                self.parse_set(def, text, &values[name.index]).map_err(|why| SetError::failed(name.text, &why))?;
            if value != values[name.index] {
                values[name.index] = value;
                changed.push(def.name);
            }
        }
        self.values = values;
        Ok(changed)
    }

    /// The options named, or what is wrong with the first that cannot be set. An option may be given once, but its
    /// alias counts as another: so it does in Redis.
    fn settable(&self, pairs: &[Pair], origin: Origin) -> Result<Vec<table::Name>, SetError> {
        let mut names: Vec<table::Name> = Vec::with_capacity(pairs.len());
        for (spelled, _) in pairs {
            let Some(name) = table::find(spelled) else {
                return Err(SetError::Unknown(spelled.to_vec()));
            };
            let shown = String::from_utf8_lossy(spelled);
            if let Some(why) = self.locked(name.def(), origin) {
                return Err(SetError::failed(&shown, why));
            }
            if names.contains(&name) {
                return Err(SetError::failed(&shown, "duplicate parameter"));
            }
            names.push(name);
        }
        Ok(names)
    }

    fn locked(&self, def: &OptionDef, origin: Origin) -> Option<&'static str> {
        let protected = || match self.get_enum("enable-protected-configs") {
            "yes" => false,
            "local" => origin != Origin::Local,
            _ => true,
        };
        match def.change {
            Change::AtStart => Some("can't set immutable config"),
            Change::Protected if protected() => Some("can't set protected config"),
            _ => None,
        }
    }

    /// Options with several arguments take them in one text, divided by single spaces: two spaces are an empty one.
    fn parse_set(&self, def: &OptionDef, text: &[u8], current: &Value) -> Result<Value, String> {
        let args: Vec<Vec<u8>> = match (def.takes_several(), text) {
            (false, _) => vec![text.to_vec()],
            (true, []) => Vec::new(),
            (true, _) => text.split(|c| *c == b' ').map(<[u8]>::to_vec).collect(),
        };
        let value = parse(def, &args, current, Source::Set)?;
        match def.change {
            Change::Refused(why) if value != *current => Err(why.to_owned()),
            _ => Ok(value),
        }
    }
}

/// An option's name and what it shall be.
pub type Pair<'a> = (&'a [u8], &'a [u8]);
