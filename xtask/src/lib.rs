//! Checks of the repository itself. They are the tests of this package; there is nothing to call.
