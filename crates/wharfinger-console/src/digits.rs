//! Bytes as hexadecimal digits, and random ones that nobody can guess.

/// Bytes as digits.
pub(crate) fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

/// 128 random bits as digits.
///
/// # Errors
/// The machine has no random numbers.
pub(crate) fn random() -> Result<String, getrandom::Error> {
    let mut random = [0; 16];
    getrandom::fill(&mut random)?;
    Ok(hex(&random))
}
