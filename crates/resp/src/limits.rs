//! How much a client may ask for before it is refused.
//!
//! Only bounds of the *request* protocol live here; how much a connection may buffer in total is the network side's matter.

/// `proto-max-bulk-len` unless configured otherwise: the longest argument, in bytes.
pub const BULK_LEN_MAX_DEFAULT: u64 = 512 * 1024 * 1024;

/// The most arguments one command may have.
pub const MULTIBULK_LEN_MAX_DEFAULT: i64 = i32::MAX as i64;

/// The longest inline command, and the longest `*` or `$` line, in bytes.
pub const INLINE_LEN_MAX_DEFAULT: usize = 64 * 1024;

/// A smaller limit on lines counts as this one, in bytes: a `*` or `$` line with a short number is read without being
/// measured.
pub const INLINE_LEN_MAX_FLOOR: usize = 16;

/// The most arguments a command may have before the client has authenticated.
pub const UNAUTHENTICATED_MULTIBULK_LEN_MAX: i64 = 10;

/// The longest argument, in bytes, before the client has authenticated.
pub const UNAUTHENTICATED_BULK_LEN_MAX: u64 = 16 * 1024;

/// The bounds that hold for one call of [`Parser::next`](crate::Parser::next).
///
/// They may change between calls: `CONFIG SET proto-max-bulk-len` and `AUTH` both do. A caller whose client has not
/// authenticated yet therefore executes each command before it asks for the next, because that command may be the `AUTH`
/// which widens the limits for what follows it in the same buffer.
#[derive(Clone, Copy, Debug)]
pub struct Limits {
    /// Longest argument in bytes; a longer one is an "invalid bulk length".
    pub bulk_len_max: u64,
    /// Most arguments of a command; more are an "invalid multibulk length".
    pub multibulk_len_max: i64,
    /// Bytes that may arrive without the line's end being among them; at least [`INLINE_LEN_MAX_FLOOR`].
    pub inline_len_max: usize,
    /// False while a password is required and not yet given: then the `UNAUTHENTICATED_` limits hold too.
    pub authenticated: bool,
}

impl Default for Limits {
    fn default() -> Self {
        Limits {
            bulk_len_max: BULK_LEN_MAX_DEFAULT,
            multibulk_len_max: MULTIBULK_LEN_MAX_DEFAULT,
            inline_len_max: INLINE_LEN_MAX_DEFAULT,
            authenticated: true,
        }
    }
}
