//! Numbers as text: PostgreSQL's shortest digits that read back as the same number.
#![allow(
    unsafe_code,
    reason = "PostgreSQL writes the shortest digits of a number"
)]

use std::ffi::{c_char, c_int};

/// Room that PostgreSQL asks for one number.
pub const MAX_LENGTH: usize = 16;

unsafe extern "C" {
    /// Writes the number without a terminating zero; returns the length.
    fn float_to_shortest_decimal_bufn(value: f32, result: *mut c_char) -> c_int;
}

/// Appends a number to a text.
pub fn put(text: &mut Vec<u8>, number: f32) {
    let mut digits = [0u8; MAX_LENGTH];
    // SAFETY: the buffer is as long as the function requires; it raises no error.
    let length =
        unsafe { float_to_shortest_decimal_bufn(number, digits.as_mut_ptr().cast::<c_char>()) };
    text.extend_from_slice(&digits[..length as usize]);
}

/// A number alone.
pub fn text(number: f32) -> String {
    let mut text = Vec::new();
    put(&mut text, number);
    String::from_utf8_lossy(&text).into_owned()
}
