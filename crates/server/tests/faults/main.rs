//! What clients see when something fails: one module for each kind of fault.

mod disk;
mod faulty;
