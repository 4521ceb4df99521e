//! The door: nothing yet but its name.

fn main() {}
