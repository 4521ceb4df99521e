//! A disk that fails on demand, while the server runs: see `shim/faultdisk.c` for the rules.

use crate::compile_shim;
use std::ffi::OsString;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use tempfile::TempDir;

const SHIM: &str = include_str!("../shim/faultdisk.c");

/// Decides what becomes of the reads, writes and syncs of files below a directory.
#[derive(Debug)]
pub struct FaultDisk {
    root: PathBuf,
    /// The library and the control file.
    home: TempDir,
    library: PathBuf,
}

impl FaultDisk {
    /// A disk without faults below `root`.
    pub fn new(root: &Path) -> io::Result<FaultDisk> {
        let root = root.canonicalize()?;
        let home = tempfile::Builder::new().prefix("faultdisk-").tempdir()?;
        let library = compile_shim("faultdisk", SHIM, home.path())?;
        let disk = FaultDisk { root, home, library };
        disk.heal()?;
        Ok(disk)
    }

    /// The environment in which the program has to run.
    pub fn environment(&self) -> Vec<(OsString, OsString)> {
        vec![
            ("LD_PRELOAD".into(), self.library.clone().into()),
            ("FAULTDISK_ROOT".into(), self.root.clone().into()),
            ("FAULTDISK_CONTROL".into(), self.control().into()),
        ]
    }

    /// Replaces the rules, such as `write .log fail ENOSPC`. The next call of the program heeds them.
    pub fn set(&self, rules: &[&str]) -> io::Result<()> {
        let next = self.home.path().join("next");
        fs::write(&next, rules.join("\n") + "\n")?;
        // Never seen half written.
        fs::rename(next, self.control())
    }

    /// Takes all faults away.
    pub fn heal(&self) -> io::Result<()> {
        self.set(&[])
    }

    fn control(&self) -> PathBuf {
        self.home.path().join("control")
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::process::Command;

    /// What a Python script prints under rules, with `f` a file `a.log` and `g` a file `b` that hold ten bytes each.
    fn under(rules: &[&str], script: &str) -> String {
        let root = tempfile::tempdir().expect("a temporary directory");
        let disk = FaultDisk::new(root.path()).expect("a C compiler");
        disk.set(rules).expect("a writable directory");
        for name in ["a.log", "b"] {
            fs::write(root.path().join(name), "0123456789").expect("a new file");
        }
        let prelude = "import os\nf, g = os.open('a.log', os.O_RDWR), os.open('b', os.O_RDWR)\n\
                       def told(call, *args):\n  try: print(call(*args))\n  except OSError as e: print(os.strerror(e.errno))\n";
        let mut python = Command::new("python3");
        python.args(["-c", &format!("{prelude}{script}")]).current_dir(root.path()).envs(disk.environment());
        let output = python.output().expect("python3 is there");
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
        String::from_utf8_lossy(&output.stdout).lines().collect::<Vec<_>>().join("; ")
    }

    #[test]
    fn a_rule_fails_its_operation_on_its_files_only() {
        let script = "told(os.pread, f, 3, 0)\ntold(os.pread, g, 3, 0)\ntold(os.write, f, b'x')\ntold(os.fsync, f)";
        assert_eq!(under(&["read .log fail EIO"], script), "Input/output error; b'012'; 1; None");
        assert_eq!(under(&["sync * fail EIO"], script), "b'012'; b'012'; 1; Input/output error");
        assert_eq!(under(&["* .log fail EROFS"], script).matches("Read-only file system").count(), 3);
    }

    #[test]
    fn a_disk_with_a_limit_takes_what_fits_and_is_full_then() {
        let script = "told(os.write, f, b'12345678')\ntold(os.write, f, b'x')\ntold(os.write, g, b'x')";
        assert_eq!(under(&["write .log limit 5"], script), "5; No space left on device; 1");
    }

    #[test]
    fn a_hanging_call_goes_on_when_the_rules_change() {
        let root = tempfile::tempdir().expect("a temporary directory");
        let disk = FaultDisk::new(root.path()).expect("a C compiler");
        disk.set(&["sync f hang"]).expect("a writable directory");
        let script =
            "import os\nf = os.open('f', os.O_RDWR | os.O_CREAT)\nopen('ready', 'w')\nos.fsync(f)\nopen('done', 'w')";
        let mut python = Command::new("python3");
        python.args(["-c", script]).current_dir(root.path()).envs(disk.environment());
        let mut child = python.spawn().expect("python3 is there");
        while !root.path().join("ready").exists() {
            std::thread::sleep(std::time::Duration::from_millis(1));
        }
        assert!(child.try_wait().expect("a child").is_none() && !root.path().join("done").exists());
        disk.heal().expect("a writable directory");
        assert!(child.wait().expect("a child").success() && root.path().join("done").exists());
    }

    #[test]
    fn a_rule_that_is_not_understood_ends_the_program() {
        let root = tempfile::tempdir().expect("a temporary directory");
        let disk = FaultDisk::new(root.path()).expect("a C compiler");
        disk.set(&["write .log explode"]).expect("a writable directory");
        let mut python = Command::new("python3");
        python.args(["-c", "open('x.log', 'w').write('x')"]).current_dir(root.path()).envs(disk.environment());
        assert_eq!(python.output().expect("python3 is there").status.code(), Some(97));
    }
}
