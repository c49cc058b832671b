//! Plots of a few characters.

const LEVELS: [char; 8] = ['▁', '▂', '▃', '▄', '▅', '▆', '▇', '█'];
/// Parts of a block, an eighth each.
const EIGHTHS: [char; 8] = [' ', '▏', '▎', '▍', '▌', '▋', '▊', '▉'];

/// A column for each value, from nothing to the largest of them.
#[must_use]
pub(super) fn sparkline(values: impl IntoIterator<Item = u64>) -> String {
    let values: Vec<u64> = values.into_iter().collect();
    let most = values.iter().max().copied().unwrap_or(0).max(1);
    let level = |value: u64| usize::try_from(u128::from(value) * 7 / u128::from(most)).unwrap_or(7);
    values
        .into_iter()
        .map(|value| LEVELS[level(value).min(7)])
        .collect()
}

/// A bar of at most ten blocks.
#[must_use]
pub(super) fn bar(percent: usize) -> String {
    let eighths = percent.min(100) * 80 / 100;
    let mut bar = "█".repeat(eighths / 8);
    if !eighths.is_multiple_of(8) {
        bar.push(EIGHTHS[eighths % 8]);
    }
    bar
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn plots() {
        assert_eq!(sparkline([0, 1, 2, 3, 4, 5, 6, 7]), "▁▂▃▄▅▆▇█");
        assert_eq!(sparkline([u64::MAX, 0]), "█▁");
        assert_eq!((sparkline([]).as_str(), sparkline([0]).as_str()), ("", "▁"));
        assert_eq!(
            [0, 5, 33, 100, 200].map(bar),
            ["", "▌", "███▎", "██████████", "██████████"]
        );
    }
}
