//! What compute costs.

use std::fmt;

/// Millionths of a US dollar.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct MicroDollars(pub u64);

/// `$0.0125`: ten-thousandths, rounded up, so that nothing that cost something reads as nothing.
impl fmt::Display for MicroDollars {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let parts = self.0.div_ceil(100);
        write!(f, "${}.{:04}", parts / 10_000, parts % 10_000)
    }
}

#[cfg(test)]
mod tests {
    use super::MicroDollars;

    #[test]
    fn money_reads_as_money() {
        for (micros, text) in [
            (0, "$0.0000"),
            (1, "$0.0001"),
            (12_346, "$0.0124"),
            (12_500, "$0.0125"),
            (3_000_000, "$3.0000"),
            (u64::MAX, "$18446744073709.5517"),
        ] {
            assert_eq!(MicroDollars(micros).to_string(), text);
        }
    }
}
