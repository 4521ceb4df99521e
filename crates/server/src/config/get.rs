//! `CONFIG GET`.

use super::{Config, table};

impl Config {
    /// The options whose name or alias matches one of the patterns, each name once, with its value.
    ///
    /// A pattern without wildcards is looked up and answered as it was spelled; the others list in the table's order
    /// and leave out hidden options. `matches` is the glob matcher (pattern, name), blind to case.
    pub fn matching(&self, patterns: &[&[u8]], matches: impl Fn(&[u8], &[u8]) -> bool) -> Vec<(Vec<u8>, Vec<u8>)> {
        let mut found: Vec<(Vec<u8>, Vec<u8>)> = Vec::new();
        for pattern in patterns {
            if !pattern.iter().any(|c| b"[*?".contains(c)) {
                if let Some(name) = table::find(pattern) {
                    self.add(&mut found, pattern, name);
                }
                continue;
            }
            for name in table::names() {
                if !name.def().hidden && matches(pattern, name.text.as_bytes()) {
                    self.add(&mut found, name.text.as_bytes(), name);
                }
            }
        }
        found
    }

    fn add(&self, found: &mut Vec<(Vec<u8>, Vec<u8>)>, spelled: &[u8], name: table::Name) {
        if found.iter().all(|(other, _)| !other.eq_ignore_ascii_case(spelled)) {
            found.push((spelled.to_vec(), self.values[name.index].print(&name.def().kind)));
        }
    }
}
