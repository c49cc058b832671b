//! "Did you mean …?"

/// The candidate that is nearest to what was written, if one is near enough to be meant.
pub(super) fn nearest<'c>(written: &str, candidates: impl Iterator<Item = &'c str>) -> Option<&'c str> {
    let near = candidates.map(|candidate| {
        (
            distance(&written.to_lowercase(), &candidate.to_lowercase()),
            candidate,
        )
    });
    near.filter(|(distance, candidate)| *distance <= (candidate.len() / 4).max(1))
        .min()
        .map(|(_, name)| name)
}

pub(super) fn did_you_mean(candidate: Option<&str>) -> String {
    candidate.map_or_else(String::new, |candidate| format!("; did you mean {candidate:?}?"))
}

/// Levenshtein's distance in bytes: insertions, deletions and replacements from one text to the other.
fn distance(a: &str, b: &str) -> usize {
    let mut row: Vec<usize> = (0..=b.len()).collect();
    for (i, x) in a.bytes().enumerate() {
        let mut diagonal = row[0];
        row[0] = i + 1;
        for (j, y) in b.bytes().enumerate() {
            let replaced = diagonal + usize::from(x != y);
            diagonal = row[j + 1];
            row[j + 1] = replaced.min(row[j] + 1).min(diagonal + 1);
        }
    }
    row[b.len()]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_near_names_are_suggested() {
        let names = ["HeartbeatSeconds", "TimeoutSeconds", "Next", "End"];
        for (written, expected) in [
            ("HeartbeatSecond", Some("HeartbeatSeconds")),
            ("timeoutseconds", Some("TimeoutSeconds")),
            ("Nxt", Some("Next")),
            ("Parameters", None),
            ("", None),
        ] {
            assert_eq!(nearest(written, names.into_iter()), expected, "{written}");
        }
    }
}
