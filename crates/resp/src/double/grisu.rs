//! Digits of a double by Grisu2 (Florian Loitsch, "Printing Floating-Point Numbers Quickly and Accurately with Integers").
//!
//! Grisu2 is used *because* of its imperfection: for about one double in a thousand its digits are not the shortest or not
//! the closest, though they always read back as the same double. Redis prints with it, and replies are to be the same.

/// Most digits that Grisu2 gives: 17 always tell a double from its neighbours.
pub(super) const DIGITS_MAX: usize = 17;

/// Scaled by a power of ten, every boundary has a binary exponent from here to -32, so that its
/// whole part fits in 32 bits and its fraction can be multiplied by ten.
const SCALED_EXPONENT_MIN: i32 = -60;

const HIDDEN_BIT: u64 = 1 << 52;
const EXPONENT_BIAS: i32 = 1075;

/// Decimal digits `d` and an exponent `e`: the number is `d × 10^e`.
pub(super) struct Decimal {
    digits: [u8; DIGITS_MAX],
    len: usize,
    pub(super) exponent: i32,
}

impl Decimal {
    /// ASCII digits, the first of them not `0`.
    pub(super) fn digits(&self) -> &[u8] {
        &self.digits[..self.len]
    }
}

/// The digits of a finite `value > 0`.
pub(super) fn decimal(value: f64) -> Decimal {
    let bits = value.to_bits();
    let fraction = bits & (HIDDEN_BIT - 1);
    let (significand, exponent) = match (bits >> 52) as i32 {
        0 => (fraction, 1 - EXPONENT_BIAS),
        biased => (fraction | HIDDEN_BIT, biased - EXPONENT_BIAS),
    };

    // Value and the midpoints to its neighbours, all with the exponent at which the upper one fills 64 bits.
    let shift = (2 * significand + 1).leading_zeros();
    let upper = (2 * significand + 1) << shift;
    let middle = (2 * significand) << shift;
    // Below a power of two the neighbour is half as far.
    let lower = match significand {
        HIDDEN_BIT => (4 * significand - 1) << (shift - 1),
        _ => (2 * significand - 1) << shift,
    };

    let power = Power::scaling(exponent - 1 - shift as i32);
    let (upper, middle, lower) = (power.times(upper), power.times(middle), power.times(lower));
    // The products are off by less than one: stay that far inside the interval.
    generate(upper - 1, middle, lower + 1, power.fraction_bits, -power.decimal_exponent)
}

/// Takes digits from `upper`, most significant first, until what is left lies within the interval; then turns the last
/// digit down as long as that comes closer to `middle`. Bits below `fraction_bits` are the fraction.
fn generate(upper: u64, middle: u64, lower: u64, fraction_bits: u32, exponent: i32) -> Decimal {
    let mut decimal = Decimal { digits: [0; DIGITS_MAX], len: 0, exponent };
    let mut tolerance = upper - lower;
    let mut distance = upper - middle;
    let one = 1u64 << fraction_bits;

    let mut whole = upper >> fraction_bits;
    let mut fraction = upper & (one - 1);
    let mut unit = 1_000_000_000;
    for place in (0..10).rev() {
        decimal.push((whole / unit) as u8);
        whole %= unit;
        let rest = (whole << fraction_bits) + fraction;
        if rest <= tolerance {
            decimal.exponent += place;
            decimal.approach(distance, tolerance, rest, unit << fraction_bits);
            return decimal;
        }
        unit /= 10;
    }
    // Ends because the tolerance grows tenfold while the fraction stays below one.
    loop {
        fraction *= 10;
        tolerance *= 10;
        distance *= 10;
        decimal.exponent -= 1;
        decimal.push((fraction >> fraction_bits) as u8);
        fraction &= one - 1;
        if fraction < tolerance {
            decimal.approach(distance, tolerance, fraction, one);
            return decimal;
        }
    }
}

impl Decimal {
    /// Appends a digit; leading zeros are not kept.
    fn push(&mut self, digit: u8) {
        if (digit != 0 || self.len > 0) && self.len < DIGITS_MAX {
            self.digits[self.len] = b'0' + digit;
            self.len += 1;
        }
    }

    /// `rest` is how far the digits lie below the upper bound, `distance` how far the value does, `unit` the last digit's
    /// weight.
    fn approach(&mut self, distance: u64, tolerance: u64, mut rest: u64, unit: u64) {
        let Some(last) = self.digits[..self.len].last_mut() else {
            return;
        };
        while rest < distance
            && tolerance - rest >= unit
            && (rest + unit < distance || distance - rest > rest + unit - distance)
        {
            *last -= 1;
            rest += unit;
        }
    }
}

/// A power of ten as a 64-bit significand.
struct Power {
    significand: u64,
    decimal_exponent: i32,
    /// How many low bits of a scaled significand are its fraction.
    fraction_bits: u32,
}

impl Power {
    /// The smallest tabulated power that brings a significand with this binary exponent up to [`SCALED_EXPONENT_MIN`].
    fn scaling(binary_exponent: i32) -> Power {
        let scaled = |index: usize| {
            let decimal_exponent = POWERS_FIRST + POWERS_STEP * index as i32;
            // floor(log2(10^n)), exact for the table's range.
            let log2 = (decimal_exponent * 217_706) >> 16;
            (decimal_exponent, binary_exponent + log2 + 1)
        };
        // One power raises the scaled exponent by 26 or 27, and the estimate lies at most one power too low.
        let missing = SCALED_EXPONENT_MIN - 1 - binary_exponent;
        let estimate = ((missing * 1233) >> 12) - POWERS_FIRST;
        let mut index = (estimate / POWERS_STEP).clamp(0, POWERS.len() as i32 - 1) as usize;
        while scaled(index).1 < SCALED_EXPONENT_MIN && index + 1 < POWERS.len() {
            index += 1;
        }
        let (decimal_exponent, scaled_exponent) = scaled(index);
        Power { significand: POWERS[index], decimal_exponent, fraction_bits: scaled_exponent.unsigned_abs() }
    }

    /// The upper half of the product, rounded.
    fn times(&self, significand: u64) -> u64 {
        let product = u128::from(self.significand) * u128::from(significand);
        ((product + (1 << 63)) >> 64) as u64
    }
}

/// Decimal exponent of the table's first power, and the step from each to the next.
const POWERS_FIRST: i32 = -348;
const POWERS_STEP: i32 = 8;

/// Significands of the powers of ten from 10^-348 to 10^340 in steps of eight, rounded to 64 bits.
#[rustfmt::skip]
const POWERS: [u64; 87] = [
    0xfa8f_d5a0_081c_0288, 0xbaae_e17f_a23e_bf76, 0x8b16_fb20_3055_ac76, 0xcf42_894a_5dce_35ea,
    0x9a6b_b0aa_5565_3b2d, 0xe61a_cf03_3d1a_45df, 0xab70_fe17_c79a_c6ca, 0xff77_b1fc_bebc_dc4f,
    0xbe56_91ef_416b_d60c, 0x8dd0_1fad_907f_fc3c, 0xd351_5c28_3155_9a83, 0x9d71_ac8f_ada6_c9b5,
    0xea9c_2277_23ee_8bcb, 0xaecc_4991_4078_536d, 0x823c_1279_5db6_ce57, 0xc210_9436_4dfb_5637,
    0x9096_ea6f_3848_984f, 0xd774_85cb_2582_3ac7, 0xa086_cfcd_97bf_97f4, 0xef34_0a98_172a_ace5,
    0xb238_67fb_2a35_b28e, 0x84c8_d4df_d2c6_3f3b, 0xc5dd_4427_1ad3_cdba, 0x936b_9fce_bb25_c996,
    0xdbac_6c24_7d62_a584, 0xa3ab_6658_0d5f_daf6, 0xf3e2_f893_dec3_f126, 0xb5b5_ada8_aaff_80b8,
    0x8762_5f05_6c7c_4a8b, 0xc9bc_ff60_34c1_3053, 0x964e_858c_91ba_2655, 0xdff9_7724_7029_7ebd,
    0xa6df_bd9f_b8e5_b88f, 0xf8a9_5fcf_8874_7d94, 0xb944_7093_8fa8_9bcf, 0x8a08_f0f8_bf0f_156b,
    0xcdb0_2555_6531_31b6, 0x993f_e2c6_d07b_7fac, 0xe45c_10c4_2a2b_3b06, 0xaa24_2499_6973_92d3,
    0xfd87_b5f2_8300_ca0e, 0xbce5_0864_9211_1aeb, 0x8cbc_cc09_6f50_88cc, 0xd1b7_1758_e219_652c,
    0x9c40_0000_0000_0000, 0xe8d4_a510_0000_0000, 0xad78_ebc5_ac62_0000, 0x813f_3978_f894_0984,
    0xc097_ce7b_c907_15b3, 0x8f7e_32ce_7bea_5c70, 0xd5d2_38a4_abe9_8068, 0x9f4f_2726_179a_2245,
    0xed63_a231_d4c4_fb27, 0xb0de_6538_8cc8_ada8, 0x83c7_088e_1aab_65db, 0xc45d_1df9_4271_1d9a,
    0x924d_692c_a61b_e758, 0xda01_ee64_1a70_8dea, 0xa26d_a399_9aef_774a, 0xf209_787b_b47d_6b85,
    0xb454_e4a1_79dd_1877, 0x865b_8692_5b9b_c5c2, 0xc835_53c5_c896_5d3d, 0x952a_b45c_fa97_a0b3,
    0xde46_9fbd_99a0_5fe3, 0xa59b_c234_db39_8c25, 0xf6c6_9a72_a398_9f5c, 0xb7dc_bf53_54e9_bece,
    0x88fc_f317_f222_41e2, 0xcc20_ce9b_d35c_78a5, 0x9816_5af3_7b21_53df, 0xe2a0_b5dc_971f_303a,
    0xa8d9_d153_5ce3_b396, 0xfb9b_7cd9_a4a7_443c, 0xbb76_4c4c_a7a4_4410, 0x8bab_8eef_b640_9c1a,
    0xd01f_ef10_a657_842c, 0x9b10_a4e5_e991_3129, 0xe710_9bfb_a19c_0c9d, 0xac28_20d9_623b_f429,
    0x8044_4b5e_7aa7_cf85, 0xbf21_e440_03ac_dd2d, 0x8e67_9c2f_5e44_ff8f, 0xd433_179d_9c8c_b841,
    0x9e19_db92_b4e3_1ba9, 0xeb96_bf6e_badf_77d9, 0xaf87_023b_9bf0_ee6b,
];
