//! "Did you mean …": the known name that is nearest to an unknown one.

/// The candidate with the fewest edits, if that is at most a third of its letters. Case and `_` for `-` cost nothing.
pub(crate) fn nearest<'a>(name: &str, candidates: impl IntoIterator<Item = &'a str>) -> Option<&'a str> {
    // A name much longer than any of ours is none of ours.
    const LONGEST: usize = 60;
    if name.len() > LONGEST {
        return None;
    }
    let plain = |text: &str| text.to_ascii_lowercase().replace('_', "-");
    let name = plain(name);
    let (distance, best) = candidates
        .into_iter()
        .map(|candidate| (edits(&name, &plain(candidate)), candidate))
        .min_by_key(|(distance, _)| *distance)?;
    (distance * 3 <= best.len()).then_some(best)
}

/// Levenshtein's distance.
fn edits(left: &str, right: &str) -> usize {
    let right: Vec<char> = right.chars().collect();
    let mut row: Vec<usize> = (0..=right.len()).collect();
    for (i, a) in left.chars().enumerate() {
        let mut diagonal = row[0];
        row[0] = i + 1;
        for (j, b) in right.iter().enumerate() {
            let substituted = diagonal + usize::from(a != *b);
            diagonal = row[j + 1];
            row[j + 1] = substituted.min(diagonal + 1).min(row[j] + 1);
        }
    }
    row[right.len()]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_probably_meant() {
        let known = ["runs-on", "needs", "if", "steps"];
        for (name, expected) in [
            ("runs_on", Some("runs-on")),
            ("run-on", Some("runs-on")),
            ("RunsOn", Some("runs-on")),
            ("need", Some("needs")),
            ("fi", None),
            ("step", Some("steps")),
            ("image", None),
            ("", None),
        ] {
            assert_eq!(nearest(name, known), expected, "{name}");
        }
        assert_eq!(nearest(&"s".repeat(10_000), known), None);
    }
}
