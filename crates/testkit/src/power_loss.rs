//! A simulated loss of power: after a kill, the data directory is taken back to what the program had made durable.
//!
//! A shim in the program (`shim/powerloss.c`) notes each successful sync of a file or directory. [`PowerLoss::strike`] then
//! rebuilds the directory from these notes: an entry that no sync of its directory has seen is gone, a removed or replaced
//! one is back, and a file ends where its last sync found its end. That is the least that POSIX leaves; file systems
//! often keep more, and [`Keep::AnyPart`] draws by lot how much.
//!
//! Limits: files count as appended to or replaced as a whole, and what the operating system reports as synced as synced.

use crate::{Random, compile_shim};
use std::collections::HashMap;
use std::ffi::OsString;
use std::fs::{self, File, OpenOptions};
use std::io;
use std::os::unix::fs::{DirEntryExt, MetadataExt};
use std::path::{Path, PathBuf};
use tempfile::TempDir;

const SHIM: &str = include_str!("../shim/powerloss.c");

type Inode = u64;

/// What is left of that which was never synced.
#[derive(Debug)]
pub enum Keep<'a> {
    /// Nothing.
    Nothing,
    /// Any part: of each file a part of its unsynced tail, of each directory its synced or its newest entries.
    AnyPart(&'a mut Random),
}

impl Keep<'_> {
    /// How much is kept of so much that was not synced.
    fn draw_up_to(&mut self, most: u64) -> u64 {
        match self {
            Keep::Nothing => 0,
            Keep::AnyPart(random) => random.below(most + 1),
        }
    }
}

/// What a loss of power took.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Damage {
    /// Syncs that had succeeded since the last loss, of files and of directories.
    pub syncs: u64,
    /// Bytes cut off the ends of files that remain.
    pub bytes_cut: u64,
    /// Files that are gone as their directory was not synced after they were made.
    pub files_gone: u64,
    /// Removed or replaced files that are back.
    pub files_back: u64,
}

/// Watches a data directory, from before the program starts.
#[derive(Debug)]
pub struct PowerLoss {
    root: PathBuf,
    /// The library, the journal and the links to removed files; on the file system of the root.
    home: TempDir,
    library: PathBuf,
    durable: Durable,
}

/// What would be there after a loss of power.
#[derive(Debug, Default)]
struct Durable {
    lengths: HashMap<Inode, u64>,
    directories: HashMap<Inode, Vec<Entry>>,
    syncs: u64,
}

#[derive(Clone, Debug, PartialEq, Eq)]
struct Entry {
    name: OsString,
    inode: Inode,
    is_directory: bool,
}

impl PowerLoss {
    /// Takes everything that is below `root` now as durable.
    pub fn new(root: &Path) -> io::Result<PowerLoss> {
        let root = root.canonicalize()?;
        let parent = root.parent().ok_or_else(|| io::Error::other("the root of the file system cannot be watched"))?;
        let home = tempfile::Builder::new().prefix("powerloss-").tempdir_in(parent)?;
        fs::create_dir(home.path().join("shadow"))?;
        let library = compile_shim("powerloss", SHIM, home.path())?;
        let mut durable = Durable::default();
        durable.take_all(&root)?;
        Ok(PowerLoss { root, home, library, durable })
    }

    /// The environment in which the program has to run.
    pub fn environment(&self) -> Vec<(OsString, OsString)> {
        vec![
            ("LD_PRELOAD".into(), self.library.clone().into()),
            ("POWERLOSS_ROOT".into(), self.root.clone().into()),
            ("POWERLOSS_SHADOW".into(), self.shadow().into()),
            ("POWERLOSS_JOURNAL".into(), self.journal().into()),
        ]
    }

    /// Syncs of files and directories that have succeeded since the last loss.
    pub fn syncs(&self) -> io::Result<u64> {
        let mut durable = Durable::default();
        durable.replay(&self.read_journal()?)?;
        Ok(durable.syncs)
    }

    /// Takes the directory back to its durable state, once the program has been killed. What is then there is durable.
    pub fn strike(&mut self, mut keep: Keep<'_>) -> io::Result<Damage> {
        self.durable.replay(&self.read_journal()?)?;
        let mut newest = Durable::default();
        newest.take_all(&self.root)?;
        let mut paths = HashMap::new();
        for found in [self.shadow(), self.root.clone()] {
            files_below(&found, &mut paths)?;
        }
        let mut damage = Damage { syncs: self.durable.syncs, ..Damage::default() };
        let rebuilt = self.home.path().join("rebuilt");
        fs::create_dir(&rebuilt)?;
        let mut rebuild = Rebuild { durable: &self.durable, newest: &newest, paths: &paths, damage: &mut damage };
        let mut kept = Vec::new();
        rebuild.directory(&rebuilt, fs::metadata(&self.root)?.ino(), &mut keep, &mut kept)?;
        for (inode, path) in kept {
            rebuild.cut(inode, &path, &mut keep)?;
        }
        let old = self.home.path().join("old");
        fs::rename(&self.root, &old)?;
        fs::rename(&rebuilt, &self.root)?;
        fs::remove_dir_all(&old)?;
        fs::remove_dir_all(self.shadow())?;
        fs::create_dir(self.shadow())?;
        match fs::remove_file(self.journal()) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
            _ => {}
        }
        self.durable = Durable::default();
        self.durable.take_all(&self.root)?;
        Ok(damage)
    }

    fn shadow(&self) -> PathBuf {
        self.home.path().join("shadow")
    }

    fn journal(&self) -> PathBuf {
        self.home.path().join("journal")
    }

    fn read_journal(&self) -> io::Result<String> {
        match fs::read_to_string(self.journal()) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(String::new()),
            read => read,
        }
    }
}

impl Durable {
    /// Everything below a directory, as it is.
    fn take_all(&mut self, directory: &Path) -> io::Result<()> {
        let mut entries = Vec::new();
        for found in fs::read_dir(directory)? {
            let found = found?;
            let is_directory = found.file_type()?.is_dir();
            entries.push(Entry { name: found.file_name(), inode: found.ino(), is_directory });
            if is_directory {
                self.take_all(&found.path())?;
            } else {
                self.lengths.insert(found.ino(), found.metadata()?.len());
            }
        }
        self.directories.insert(fs::metadata(directory)?.ino(), entries);
        Ok(())
    }

    /// Adds what the shim's journal says. The kill may have cut its last record: that sync was not reported to anybody.
    fn replay(&mut self, journal: &str) -> io::Result<()> {
        let mut open: Option<(Inode, Vec<Entry>)> = None;
        let complete = journal.rfind('\n').map_or("", |end| &journal[..=end]);
        for line in complete.lines() {
            let malformed = || io::Error::other(format!("the shim's journal holds {line:?}"));
            let inode = |text: &str| text.parse::<Inode>().map_err(|_| malformed());
            let words: Vec<&str> = line.splitn(4, ' ').collect();
            match words[..] {
                ["F", file, length] => {
                    self.lengths.insert(inode(file)?, inode(length)?);
                    self.syncs += 1;
                }
                ["D", directory] => open = Some((inode(directory)?, Vec::new())),
                ["E", entry, kind, name] => {
                    let (_, entries) = open.as_mut().ok_or_else(malformed)?;
                    entries.push(Entry { name: name.into(), inode: inode(entry)?, is_directory: kind == "d" });
                }
                ["."] => {
                    let (directory, entries) = open.take().ok_or_else(malformed)?;
                    self.directories.insert(directory, entries);
                    self.syncs += 1;
                }
                _ => return Err(malformed()),
            }
        }
        Ok(())
    }
}

/// Where each file is now, whatever its name was; the later call wins.
fn files_below(directory: &Path, paths: &mut HashMap<Inode, PathBuf>) -> io::Result<()> {
    for found in fs::read_dir(directory)? {
        let found = found?;
        if found.file_type()?.is_dir() {
            files_below(&found.path(), paths)?;
        } else {
            paths.insert(found.ino(), found.path());
        }
    }
    Ok(())
}

struct Rebuild<'a> {
    durable: &'a Durable,
    newest: &'a Durable,
    paths: &'a HashMap<Inode, PathBuf>,
    damage: &'a mut Damage,
}

impl Rebuild<'_> {
    /// Fills a new directory with what is left of an old one, and notes which files it holds.
    fn directory(
        &mut self,
        target: &Path,
        inode: Inode,
        keep: &mut Keep<'_>,
        kept: &mut Vec<(Inode, PathBuf)>,
    ) -> io::Result<()> {
        let none = Vec::new();
        let synced = self.durable.directories.get(&inode).unwrap_or(&none);
        let newest = self.newest.directories.get(&inode).unwrap_or(&none);
        let chosen = if keep.draw_up_to(1) == 0 { synced } else { newest };
        for entry in chosen {
            let path = target.join(&entry.name);
            if entry.is_directory {
                fs::create_dir(&path)?;
                self.directory(&path, entry.inode, keep, kept)?;
                continue;
            }
            let now = self.paths.get(&entry.inode);
            let now = now.ok_or_else(|| io::Error::other(format!("{:?} was removed unseen", entry.name)))?;
            fs::hard_link(now, &path)?;
            self.damage.files_back += u64::from(!newest.contains(entry));
            kept.push((entry.inode, path));
        }
        let gone = newest.iter().filter(|entry| !entry.is_directory && !chosen.contains(entry));
        self.damage.files_gone += gone.count() as u64;
        Ok(())
    }

    /// Cuts what was not synced off a file's end.
    fn cut(&mut self, inode: Inode, path: &Path, keep: &mut Keep<'_>) -> io::Result<()> {
        let file: File = OpenOptions::new().write(true).open(path)?;
        let length = file.metadata()?.len();
        let synced = self.durable.lengths.get(&inode).copied().unwrap_or(0).min(length);
        let left = synced + keep.draw_up_to(length - synced);
        self.damage.bytes_cut += length - left;
        file.set_len(left)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::process::Command;

    /// Runs a Python script in a fresh directory `data` under the shim, kills itself included, and strikes.
    fn after_power_loss(before: &[(&str, &str)], script: &str, keep: Keep<'_>) -> (Vec<(String, String)>, Damage) {
        let home = tempfile::tempdir().expect("a temporary directory");
        let root = home.path().join("data");
        fs::create_dir(&root).expect("a new directory");
        for (name, content) in before {
            fs::write(root.join(name), content).expect("a new file");
        }
        let mut power = PowerLoss::new(&root).expect("a C compiler");
        let prelude = "import os\nd = os.open('.', os.O_RDONLY)\n";
        let mut python = Command::new("python3");
        python.args(["-c", &format!("{prelude}{script}")]).current_dir(&root).envs(power.environment());
        assert!(python.status().expect("python3 is there").success());
        let damage = power.strike(keep).expect("the directory can be rebuilt");
        let mut found = HashMap::new();
        files_below(&root, &mut found).expect("a readable directory");
        let mut files: Vec<(String, String)> = found
            .values()
            .map(|path| {
                let name = path.strip_prefix(power.root.as_path()).expect("below the root");
                (name.display().to_string(), fs::read_to_string(path).expect("a readable file"))
            })
            .collect();
        files.sort();
        (files, damage)
    }

    fn files(expected: &[(&str, &str)]) -> Vec<(String, String)> {
        expected.iter().map(|(name, content)| ((*name).to_owned(), (*content).to_owned())).collect()
    }

    #[test]
    fn what_was_synced_stays_and_the_rest_is_cut() {
        let script = "f = os.open('log', os.O_WRONLY | os.O_APPEND)\nos.write(f, b'synced')\nos.fdatasync(f)\nos.write(f, b'lost')";
        let (left, damage) = after_power_loss(&[("log", "old ")], script, Keep::Nothing);
        assert_eq!(left, files(&[("log", "old synced")]));
        assert_eq!(damage, Damage { syncs: 1, bytes_cut: 4, ..Damage::default() });
    }

    #[test]
    fn a_new_file_needs_a_sync_of_its_directory_too() {
        let script = "for name in ('a', 'b'):\n  f = os.open(name, os.O_WRONLY | os.O_CREAT)\n  os.write(f, b'x')\n  os.fsync(f)\n  if name == 'a': os.fsync(d)";
        let (left, damage) = after_power_loss(&[], script, Keep::Nothing);
        assert_eq!(left, files(&[("a", "x")]));
        assert_eq!(damage.files_gone, 1);
    }

    #[test]
    fn a_new_directory_needs_a_sync_of_its_parent_too() {
        let made = "os.mkdir('sub')\nf = os.open('sub/a', os.O_WRONLY | os.O_CREAT)\nos.fsync(f)\nos.fsync(os.open('sub', os.O_RDONLY))";
        assert_eq!(after_power_loss(&[], made, Keep::Nothing).0, files(&[]));
        assert_eq!(after_power_loss(&[], &format!("{made}\nos.fsync(d)"), Keep::Nothing).0, files(&[("sub/a", "")]));
    }

    #[test]
    fn what_was_removed_replaced_or_emptied_comes_back() {
        let before = [("removed", "1"), ("replaced", "2"), ("emptied", "3"), ("new", "4")];
        let script = "os.unlink('removed')\nos.rename('new', 'replaced')\nopen('emptied', 'w').close()";
        let (left, damage) = after_power_loss(&before, script, Keep::Nothing);
        let mut expected = files(&before);
        expected.sort();
        assert_eq!(left, expected);
        assert!(damage.files_back >= 2, "{damage:?}");
        let (left, _) = after_power_loss(&before, &format!("{script}\nos.fsync(d)"), Keep::Nothing);
        assert_eq!(left, files(&[("emptied", ""), ("replaced", "4")]));
    }

    #[test]
    fn any_part_of_an_unsynced_tail_may_be_left() {
        let script = "f = os.open('log', os.O_WRONLY | os.O_APPEND)\nos.write(f, b'0123456789')";
        let mut seen = std::collections::BTreeSet::new();
        for seed in 0..8 {
            let (left, _) = after_power_loss(&[("log", "")], script, Keep::AnyPart(&mut Random::new(seed)));
            assert!("0123456789".starts_with(&left[0].1), "{left:?}");
            seen.insert(left[0].1.len());
        }
        assert!(seen.len() > 1, "always the same length: {seen:?}");
    }

    #[test]
    fn a_record_that_the_kill_has_cut_does_not_count() {
        let mut durable = Durable::default();
        durable.replay("F 1 10\nD 2\nE 3 f a b\n.\nD 2\nE 4 f c\nF 1 2").expect("a cut journal");
        assert_eq!(durable.lengths[&1], 10);
        assert_eq!(durable.directories[&2], [Entry { name: "a b".into(), inode: 3, is_directory: false }]);
        assert!(Durable::default().replay("nonsense\n").is_err());
    }
}
