//! Ending a [`Process`] from outside, for the tests that are about its end.

use std::process::{Command, ExitStatus};

use crate::process::Process;

impl Process {
    /// Sends a signal by its name (`TERM`, `KILL`...) and returns at once.
    pub(crate) fn signal(&self, name: &str) {
        let pid = self.child.id().to_string();
        let sent = Command::new("kill").args(["-s", name, &pid]).status().expect("there is a kill program");
        assert!(sent.success(), "signal {name} could not be sent to {pid}");
    }

    /// Waits until the server ended, whoever ended it.
    pub(crate) fn wait(mut self) -> ExitStatus {
        self.child.wait().expect("the child can be waited for")
    }
}
