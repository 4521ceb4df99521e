//! The connection commands.

use crate::command::Command;

pub(crate) static COMMANDS: &[Command] = &[];
