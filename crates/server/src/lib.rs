//! The catamaran program: what it is told (`config`), and how its parts are put together.

pub mod config;
