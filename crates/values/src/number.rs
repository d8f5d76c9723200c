//! Reads a number at the start of a text: what C's `strtof` accepts in the C locale.
//!
//! Decimal and hexadecimal numbers, `inf`, `infinity` and `nan`, each with an optional sign.

/// A number found at the start of a text.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Number {
    /// The nearest value; zero if too small, infinite if too large.
    pub value: f32,
    /// How many bytes of the text it takes.
    pub length: usize,
    /// Whether the value is infinite only because the number is too large.
    pub overflow: bool,
    /// Whether the value is zero only because the number is too small.
    pub underflow: bool,
}

/// The number that `text` starts with.
pub fn parse(text: &[u8]) -> Option<Number> {
    let sign = usize::from(matches!(text.first(), Some(b'+' | b'-')));
    let body = &text[sign..];
    let is_digits = matches!(body.first()?, b'0'..=b'9' | b'.');
    let (magnitude, length) = match is_digits {
        true => hexadecimal(body).or_else(|| decimal(body))?,
        false => named(body)?,
    };
    let negative = text[0] == b'-';
    Some(Number {
        value: if negative { -magnitude } else { magnitude },
        length: sign + length,
        overflow: is_digits && magnitude.is_infinite(),
        underflow: magnitude == 0.0 && !is_written_as_zero(&body[..length]),
    })
}

/// The decimal integer that `text` starts with, held within a range far beyond any useful one,
/// and how many bytes it takes: what C's `strtol` accepts.
pub fn parse_integer(text: &[u8]) -> Option<(i64, usize)> {
    let sign = usize::from(matches!(text.first(), Some(b'+' | b'-')));
    let length = sign + run(&text[sign..], u8::is_ascii_digit);
    (length > sign).then(|| (clamped_integer(&text[..length]), length))
}

/// Whether a finite number has no other digits than zeros before its exponent.
fn is_written_as_zero(number: &[u8]) -> bool {
    let (digits, marker): (&[u8], _) = match number {
        [b'0', b'x' | b'X', digits @ ..] => (digits, b'p'),
        digits => (digits, b'e'),
    };
    let mantissa = run(digits, |byte| byte.to_ascii_lowercase() != marker);
    digits[..mantissa]
        .iter()
        .all(|byte| matches!(byte, b'0' | b'.'))
}

/// The number of bytes at the start that satisfy a condition.
fn run(text: &[u8], condition: impl Fn(&u8) -> bool) -> usize {
    text.iter().take_while(|byte| condition(byte)).count()
}

/// The length of an exponent part, marker included; 0 if there is none.
fn exponent_length(text: &[u8], marker: u8) -> usize {
    if text.first().map(u8::to_ascii_lowercase) != Some(marker) {
        return 0;
    }
    let sign = usize::from(matches!(text.get(1), Some(b'+' | b'-')));
    match run(&text[1 + sign..], u8::is_ascii_digit) {
        0 => 0,
        digits => 1 + sign + digits,
    }
}

/// Length of digits with at most one point among them, and how many digits that is.
fn digits_with_point(text: &[u8], is_digit: impl Fn(&u8) -> bool) -> (usize, usize) {
    let whole = run(text, &is_digit);
    if text.get(whole) != Some(&b'.') {
        return (whole, whole);
    }
    let fraction = run(&text[whole + 1..], &is_digit);
    (whole + 1 + fraction, whole + fraction)
}

fn decimal(text: &[u8]) -> Option<(f32, usize)> {
    let (mut length, digits) = digits_with_point(text, u8::is_ascii_digit);
    if digits == 0 {
        return None;
    }
    length += exponent_length(&text[length..], b'e');
    let number = std::str::from_utf8(&text[..length]).ok()?;
    Some((number.parse().ok()?, length))
}

fn hexadecimal(text: &[u8]) -> Option<(f32, usize)> {
    let [b'0', b'x' | b'X', body @ ..] = text else {
        return None;
    };
    let (mantissa_length, digits) = digits_with_point(body, u8::is_ascii_hexdigit);
    if digits == 0 {
        return None;
    }
    let exponent_length = exponent_length(&body[mantissa_length..], b'p');
    let (mantissa, rest) = body.split_at(mantissa_length);

    // The leading bits; what does not fit is kept as one sticky bit, for rounding.
    let (mut bits, mut exponent) = (0u64, 0i64);
    let mut in_fraction = false;
    for byte in mantissa {
        let Some(digit) = char::from(*byte).to_digit(16) else {
            in_fraction = true;
            continue;
        };
        if bits >> 56 == 0 {
            bits = bits << 4 | u64::from(digit);
            exponent -= 4 * i64::from(in_fraction);
        } else {
            bits |= u64::from(digit != 0);
            exponent += 4 * i64::from(!in_fraction);
        }
    }
    if exponent_length > 0 {
        exponent = exponent.saturating_add(clamped_integer(&rest[1..exponent_length]));
    }
    Some((scale(bits, exponent), 2 + mantissa_length + exponent_length))
}

/// A decimal integer, held within a range far beyond any useful exponent.
fn clamped_integer(text: &[u8]) -> i64 {
    let magnitude = text
        .iter()
        .filter(|byte| byte.is_ascii_digit())
        .fold(0i64, |sum, byte| {
            (sum * 10 + i64::from(byte - b'0')).min(1 << 40)
        });
    if text.first() == Some(&b'-') {
        -magnitude
    } else {
        magnitude
    }
}

/// `bits` times two to the power of `exponent`, rounded to nearest, ties to even.
fn scale(bits: u64, exponent: i64) -> f32 {
    const MANTISSA_BITS: i64 = 24;
    const LEAST_EXPONENT: i64 = -149;
    if bits == 0 {
        return 0.0;
    }
    let width = 64 - i64::from(bits.leading_zeros());
    if exponent + width > 128 {
        return f32::INFINITY;
    }
    // Drop as many bits as the mantissa cannot hold, more if the result is subnormal.
    let drop = (width - MANTISSA_BITS).max(LEAST_EXPONENT - exponent);
    if drop <= 0 {
        // At most 24 bits and a result that is at least the least subnormal: exact.
        return (bits as f64 * 2f64.powi(exponent as i32)) as f32;
    }
    if drop > 64 {
        return 0.0;
    }
    let wide = u128::from(bits);
    let (kept, dropped) = (wide >> drop, wide & ((1 << drop) - 1));
    let half = 1u128 << (drop - 1);
    let up = dropped > half || (dropped == half && kept & 1 == 1);
    let rounded = kept + u128::from(up);
    (rounded as f64 * 2f64.powi((exponent + drop) as i32)) as f32
}

fn named(text: &[u8]) -> Option<(f32, usize)> {
    let starts_with = |name: &[u8]| {
        text.get(..name.len())
            .is_some_and(|start| start.eq_ignore_ascii_case(name))
    };
    if starts_with(b"infinity") {
        Some((f32::INFINITY, 8))
    } else if starts_with(b"inf") {
        Some((f32::INFINITY, 3))
    } else if starts_with(b"nan") {
        Some((f32::NAN, 3))
    } else {
        None
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The C library's answer: value and length.
    #[allow(unsafe_code, reason = "the C library is the reference")]
    fn strtof(text: &[u8]) -> Option<(f32, usize)> {
        use std::ffi::{CString, c_char};
        unsafe extern "C" {
            #[link_name = "strtof"]
            fn c_strtof(text: *const c_char, end: *mut *const c_char) -> f32;
        }
        let text = CString::new(text).expect("no zero byte");
        let mut end = text.as_ptr();
        // SAFETY: the text ends with a zero byte, and `end` can be written.
        let (value, length) = unsafe {
            let value = c_strtof(text.as_ptr(), &mut end);
            (value, end.offset_from(text.as_ptr()) as usize)
        };
        (length > 0).then_some((value, length))
    }

    fn check(text: &str) {
        let ours = parse(text.as_bytes()).map(|number| (number.value.to_bits(), number.length));
        let reference = strtof(text.as_bytes()).map(|(value, length)| (value.to_bits(), length));
        assert_eq!(ours, reference, "{text}");
    }

    #[test]
    fn reads_what_strtof_reads() {
        for text in [
            "",
            "+",
            "-",
            ".",
            "e5",
            "x",
            "0",
            "-0",
            "+1",
            "1.",
            ".5",
            "-.5e1",
            "1e",
            "1e+",
            "1e+5",
            "1E-5",
            "1.5.5",
            "0x",
            "0xg",
            "0x.",
            "0x.p1",
            "0x1",
            "0x1p",
            "0x1p+",
            "0x1.8p1",
            "0X.8P-2",
            "0xA.Fp+4,",
            "inf",
            "-INF",
            "Infinity",
            "infinit",
            "in",
            "na",
            "1e38",
            "3.4028235e38",
            "3.4028236e38",
            "3.5e38",
            "1e39",
            "-1e999999999999999999999",
            "1e-45",
            "7.0064923e-46",
            "7.1e-46",
            "1e-46",
            "1e-99999999999999999999",
            "0x1p127",
            "0x1p128",
            "0xffffffp104",
            "0xffffff8p100",
            "0xffffff7fp96",
            "0x1p-149",
            "0x1p-150",
            "0x1.00001p-150",
            "0x1.8p-149",
            "0x1p-1000",
            "0x0p99999999999999999999",
            "0x1p99999999999999999999",
            "0x1p-99999999999999999999",
            "0x1.000001p0",
            "0x1.000002p0",
            "0x1.000003p0",
            "0x1.0000010000000000000000001p0",
            "0x123456789abcdef0123456789p-30",
            "0x000000000000000000000000000001p3",
            "0x0.00000000000000000000000000001p200",
            "16777217",
            "1 2",
            "--1",
            "+-1",
        ] {
            check(text);
        }
    }

    #[test]
    fn reads_hexadecimal_numbers_as_strtof_does() {
        let mut state = 0x9e37_79b9_7f4a_7c15_u64;
        for _ in 0..200_000 {
            state ^= state << 13;
            state ^= state >> 7;
            state ^= state << 17;
            let exponent = (state >> 20) as i64 % 200;
            check(&format!(
                "0x{:x}.{:x}p{exponent}",
                state >> 44,
                state << (state % 64)
            ));
            check(&format!("0x{:x}p{}", state & 0x3ff_ffff, exponent - 60));
            check(&format!("{}e{}", state >> 30, exponent % 60));
        }
    }

    #[test]
    fn tells_overflow_from_infinity() {
        assert_eq!(parse(b"1e40").map(|number| number.overflow), Some(true));
        assert_eq!(parse(b"-0x1p200").map(|number| number.overflow), Some(true));
        assert_eq!(parse(b"inf").map(|number| number.overflow), Some(false));
        assert!(parse(b"-nan").is_some_and(|number| number.value.is_nan() && !number.overflow));
    }

    #[test]
    fn tells_underflow_from_zero() {
        for (text, underflow) in [
            ("1e-46", true),
            ("-0.001e-100", true),
            ("0x1p-150", true),
            ("0x0.00e1p-200", true),
            ("0", false),
            ("-0.0e-100", false),
            ("0x0p-200", false),
            ("0X.0p5", false),
            ("1e-45", false),
            ("nan", false),
        ] {
            let number = parse(text.as_bytes()).expect(text);
            assert_eq!(number.underflow, underflow, "{text}");
        }
    }

    #[test]
    fn reads_integers() {
        assert_eq!(parse_integer(b"12a"), Some((12, 2)));
        assert_eq!(parse_integer(b"-007:"), Some((-7, 4)));
        assert_eq!(parse_integer(b"+1"), Some((1, 2)));
        assert_eq!(parse_integer(b"0x1"), Some((0, 1)));
        for text in ["", "-", "+ 1", "a", "--1"] {
            assert_eq!(parse_integer(text.as_bytes()), None, "{text}");
        }
        let huge = parse_integer(b"-99999999999999999999").map(|(value, _)| value);
        assert!(huge.is_some_and(|value| value < i64::from(i32::MIN)));
    }
}
