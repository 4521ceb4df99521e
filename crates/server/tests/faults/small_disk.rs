//! A file system that is really full: a small `tmpfs` that the test mounts (which needs root; else it says that it is skipped).
//!
//! The other tests of a full disk let single calls fail. Here whatever RocksDB does needs space: its log, tables, manifest.

use std::fs;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::Command;

use testkit::ServerProcess;

use crate::faulty::{Connection, soon};

const SERVER: &str = env!("CARGO_BIN_EXE_catamaran");
const SIZE_MIB: usize = 96;
/// What others than the server take of it.
const BALLAST_MIB: usize = 64;

/// A mounted file system, until it is dropped.
struct Mounted(PathBuf);

impl Mounted {
    fn on(dir: &Path) -> Option<Mounted> {
        let size = format!("size={SIZE_MIB}m");
        let mount = Command::new("mount").args(["-t", "tmpfs", "-o", &size, "tmpfs"]).arg(dir).output();
        mount.is_ok_and(|output| output.status.success()).then(|| Mounted(dir.to_owned()))
    }
}

impl Drop for Mounted {
    fn drop(&mut self) {
        // Lazily: a server that is just ending may still have files open.
        let _ = Command::new("umount").arg("-l").arg(&self.0).status();
    }
}

#[test]
fn a_file_system_without_space_refuses_writes_and_takes_them_again_once_there_is_some() {
    let mut server = ServerProcess::prepare(SERVER, ["--write-buffer-size", "1mb"]).expect("a directory");
    fs::create_dir_all(server.dir()).expect("a place to mount on");
    let Some(_mounted) = Mounted::on(&server.dir()) else {
        let _ = writeln!(std::io::stderr(), "SKIPPED a full tmpfs: it cannot be mounted here");
        return;
    };
    let ballast = server.dir().join("ballast");
    fs::write(&ballast, vec![1; BALLAST_MIB << 20]).expect("there is space for it");
    server.restart().unwrap_or_else(|e| panic!("{e}"));
    let mut c = Connection(server.client().expect("the server accepts"));
    c.check("SET kept 1", "OK");
    let mut acknowledged = 0;
    let is_full = soon(|| {
        // Random enough that compression saves nothing.
        let value: String = (0..300u64)
            .map(|n| format!("{:016x}", (acknowledged * 300 + n).wrapping_mul(0x9e37_79b9_7f4a_7c15)))
            .collect();
        let reply = c.call(&format!("SET key:{acknowledged} {value}"));
        acknowledged += u64::from(reply == "OK");
        reply.starts_with("-MISCONF")
    });
    assert!(is_full, "{acknowledged} writes, and none was refused");
    c.check("GET kept", "1");
    c.check("STRLEN key:0", "4800");
    assert_eq!(c.info("storage_writable"), "0");
    fs::remove_file(&ballast).expect("it is there");
    c.wait_for("SET after 1", "OK");
    assert_eq!(c.info("storage_writable"), "1");
    drop(c);
    server.kill9().expect("a kill");
    server.restart().unwrap_or_else(|e| panic!("{e}"));
    let mut c = Connection(server.client().expect("the server accepts"));
    c.check("MGET kept after", "1 1");
    for n in 0..acknowledged {
        c.check(&format!("STRLEN key:{n}"), "4800");
    }
}
