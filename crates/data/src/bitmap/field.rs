//! Integers of 1 to 64 bits at any bit: what `BITFIELD` reads and writes, and what becomes of values that do not fit.
//!
//! Pure: a field is read from and written to a window of bytes that begins with the field's first byte.

/// Bytes that the widest field touches when it does not begin at a byte's first bit.
pub const WINDOW_LEN: usize = 9;
const WINDOW_BITS: u32 = 8 * WINDOW_LEN as u32;

/// The bytes from a field's first byte on.
pub type Window = [u8; WINDOW_LEN];

/// What kind of integer a field holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct FieldType {
    signed: bool,
    bits: u32,
}

/// What happens to a value that its field cannot hold.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Overflow {
    /// Its low bits are kept.
    #[default]
    Wrap,
    /// It becomes the nearest value that fits.
    Saturate,
    /// Nothing is written.
    Fail,
}

impl FieldType {
    /// A type of 1 to 64 bits; of 63 at most without a sign, as replies are signed.
    pub fn new(signed: bool, bits: i64) -> Option<FieldType> {
        let bits_max = if signed { 64 } else { 63 };
        (1..=bits_max).contains(&bits).then_some(FieldType { signed, bits: bits as u32 })
    }

    /// Its width.
    pub fn bits(self) -> u32 {
        self.bits
    }

    /// How many bytes a field touches that begins at a bit (0 to 7) of its first byte.
    pub fn touched_len(self, bit: u32) -> usize {
        (bit + self.bits).div_ceil(8) as usize
    }

    /// The field that begins at a bit (0 to 7) of the window.
    pub fn get(self, window: &Window, bit: u32) -> i64 {
        let raw = self.raw(window, bit);
        if self.signed && raw >> (self.bits - 1) == 1 { (raw | !self.mask()) as i64 } else { raw as i64 }
    }

    /// Writes the low bits of a value to the field that begins at a bit (0 to 7) of the window.
    pub fn set(self, window: &mut Window, bit: u32, value: i64) {
        let shift = WINDOW_BITS - bit - self.bits;
        let mask = u128::from(self.mask()) << shift;
        let bits = u128::from(value as u64 & self.mask()) << shift;
        let whole = (whole(window) & !mask) | bits;
        window.copy_from_slice(&whole.to_be_bytes()[size_of::<u128>() - WINDOW_LEN..]);
    }

    /// A value to be stored as it is given, for [`FieldType::fit`]. Two kinds of negative values count as large ones with
    /// the same low bits, as they do in Redis: all of them where the type has no sign; and where it has one, those so low
    /// that their distance from the greatest value of the type does not fit into 64 bits.
    pub fn given(self, value: i64) -> i128 {
        let (_, max) = self.limits();
        let value = i128::from(value);
        let is_large = match self.signed {
            true => self.bits < i64::BITS && max - value > i128::from(i64::MAX),
            false => value < 0,
        };
        if is_large { value + (1 << u64::BITS) } else { value }
    }

    /// What is stored for a value; None if it does not fit and nothing is to be.
    pub fn fit(self, value: i128, overflow: Overflow) -> Option<i64> {
        let (min, max) = self.limits();
        if (min..=max).contains(&value) {
            return Some(value as i64);
        }
        match overflow {
            Overflow::Wrap => {
                let mut window = Window::default();
                self.set(&mut window, 0, value as i64);
                Some(self.get(&window, 0))
            }
            Overflow::Saturate => Some(value.clamp(min, max) as i64),
            Overflow::Fail => None,
        }
    }

    fn limits(self) -> (i128, i128) {
        match self.signed {
            true => (-(1 << (self.bits - 1)), (1 << (self.bits - 1)) - 1),
            false => (0, (1 << self.bits) - 1),
        }
    }

    fn mask(self) -> u64 {
        u64::MAX >> (u64::BITS - self.bits)
    }

    fn raw(self, window: &Window, bit: u32) -> u64 {
        (whole(window) >> (WINDOW_BITS - bit - self.bits)) as u64 & self.mask()
    }
}

fn whole(window: &Window) -> u128 {
    let mut bytes = [0; size_of::<u128>()];
    bytes[size_of::<u128>() - WINDOW_LEN..].copy_from_slice(window);
    u128::from_be_bytes(bytes)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn any_type() -> impl Strategy<Value = FieldType> {
        (any::<bool>(), 1i64..=64).prop_filter_map("not a type", |(signed, bits)| FieldType::new(signed, bits))
    }

    fn bit_at(window: &Window, at: u32) -> bool {
        window[at as usize / 8] & (0x80 >> (at % 8)) != 0
    }

    /// The value of the bits, read one by one, the first one weighing negatively if there is a sign.
    fn naive_get(field: FieldType, window: &Window, bit: u32) -> i64 {
        let mut value = 0i128;
        for n in 0..field.bits {
            let weight = 1i128 << (field.bits - 1 - n);
            let sign = if field.signed && n == 0 { -1 } else { 1 };
            value += sign * weight * i128::from(bit_at(window, bit + n));
        }
        i64::try_from(value).expect("64 bits")
    }

    proptest! {
        #[test]
        fn fields_read_as_their_bits_one_by_one(field in any_type(), window: Window, bit in 0u32..8) {
            prop_assert_eq!(field.get(&window, bit), naive_get(field, &window, bit));
        }

        #[test]
        fn a_field_reads_back_and_its_neighbours_stay(
            field in any_type(), window: Window, bit in 0u32..8, value: i64
        ) {
            let mut changed = window;
            field.set(&mut changed, bit, value);
            for at in (0..WINDOW_BITS).filter(|at| !(bit..bit + field.bits).contains(at)) {
                prop_assert_eq!(bit_at(&changed, at), bit_at(&window, at));
            }
            let modulus = 1i128 << field.bits;
            let stored = i128::from(naive_get(field, &changed, bit));
            prop_assert_eq!((stored - i128::from(value)).rem_euclid(modulus), 0);
            prop_assert!(field.touched_len(bit) <= WINDOW_LEN);
        }

        #[test]
        fn wrapping_keeps_the_value_modulo_the_width(field in any_type(), a: i64, b: i64) {
            let value = i128::from(a) + i128::from(b);
            let wrapped = i128::from(field.fit(value, Overflow::Wrap).expect("wrapping never fails"));
            let (min, max) = field.limits();
            prop_assert!((min..=max).contains(&wrapped));
            prop_assert_eq!((wrapped - value).rem_euclid(1i128 << field.bits), 0);
        }

        #[test]
        fn what_does_not_fit_saturates_or_fails(field in any_type(), a: i64, b: i64) {
            let value = i128::from(a) + i128::from(b);
            let (min, max) = field.limits();
            let fits = (min..=max).contains(&value);
            prop_assert_eq!(field.fit(value, Overflow::Fail).is_some(), fits);
            let nearest = if value < min { min } else if value > max { max } else { value };
            prop_assert_eq!(field.fit(value, Overflow::Saturate).map(i128::from), Some(nearest));
        }
    }

    #[test]
    fn widths_end_at_64_bits_with_a_sign_and_63_without() {
        for (signed, bits, good) in
            [(true, 64, true), (false, 63, true), (true, 65, false), (false, 64, false), (true, 0, false)]
        {
            assert_eq!(FieldType::new(signed, bits).is_some(), good, "{signed} {bits}");
        }
    }

    #[test]
    fn a_negative_value_for_a_type_without_sign_is_too_large() {
        let byte = FieldType::new(false, 8).expect("a type");
        assert_eq!(byte.fit(byte.given(-1), Overflow::Saturate), Some(255));
        assert_eq!(byte.fit(byte.given(-2), Overflow::Wrap), Some(254));
        assert_eq!(byte.fit(byte.given(-1), Overflow::Fail), None);
    }

    #[test]
    fn the_lowest_values_of_all_are_too_large_for_narrow_types() {
        let byte = FieldType::new(true, 8).expect("a type");
        assert_eq!(byte.fit(byte.given(i64::MIN + 127), Overflow::Saturate), Some(127));
        assert_eq!(byte.fit(byte.given(i64::MIN + 128), Overflow::Saturate), Some(-128));
        assert_eq!(byte.fit(byte.given(i64::MIN + 1), Overflow::Wrap), Some(1));
        let widest = FieldType::new(true, 64).expect("a type");
        assert_eq!(widest.fit(widest.given(i64::MIN), Overflow::Fail), Some(i64::MIN));
    }
}
