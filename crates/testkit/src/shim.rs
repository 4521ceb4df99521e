//! Shims: small C libraries that are preloaded into a server, to stand between it and the operating system.

use std::io;
use std::path::{Path, PathBuf};
use std::process::Command;

/// Compiles a shim's source into `directory` with the system's C compiler and returns the library, for `LD_PRELOAD`.
pub fn compile_shim(name: &str, source: &str, directory: &Path) -> io::Result<PathBuf> {
    let path = directory.join(format!("{name}.c"));
    std::fs::write(&path, source)?;
    let library = directory.join(format!("{name}.so"));
    let mut compiler = Command::new("cc");
    compiler
        .args(["-Wall", "-Werror", "-shared", "-fPIC", "-O2", "-o"])
        .arg(&library)
        .arg(&path)
        .args(["-ldl", "-lpthread"]);
    let done = compiler.output()?;
    if done.status.success() {
        Ok(library)
    } else {
        Err(io::Error::other(format!("{name}.c: {}", String::from_utf8_lossy(&done.stderr))))
    }
}
