//! Tests that the environment makes longer, or other ones.

/// The number in an environment variable, or the usual one.
pub fn setting(name: &str, usual: usize) -> usize {
    std::env::var(name)
        .ok()
        .and_then(|value| value.parse().ok())
        .unwrap_or(usual)
}
