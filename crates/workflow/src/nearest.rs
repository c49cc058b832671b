//! "Did you mean …": the known name that is nearest to an unknown one.

/// A name much longer than any of ours is none of ours.
const LONGEST: usize = 60;
/// The letters that two names must at least begin with to be taken for each other.
const PREFIX: usize = 3;

/// The candidate with the fewest edits, if those are about a third of its letters at the most; else one that continues the
/// name or that the name continues. Case and `_` for `-` cost nothing.
pub(crate) fn nearest<'a>(name: &str, candidates: impl IntoIterator<Item = &'a str>) -> Option<&'a str> {
    if name.len() > LONGEST {
        return None;
    }
    let plain = |text: &str| text.to_ascii_lowercase().replace('_', "-");
    let name = plain(name);
    let mut continued = None;
    let mut best: Option<(usize, &str)> = None;
    for candidate in candidates {
        let known = plain(candidate);
        let distance = edits(&name, &known);
        if best.is_none_or(|(least, _)| distance < least) {
            best = Some((distance, candidate));
        }
        if name.len().min(known.len()) >= PREFIX && (name.starts_with(&known) || known.starts_with(&name)) {
            continued = continued.or(Some(candidate));
        }
    }
    let close = best.filter(|(distance, candidate)| distance * 3 <= candidate.len() + 1);
    close.map(|(_, candidate)| candidate).or(continued)
}

/// Letters to add, remove, replace or swap with their neighbour until one text is the other.
fn edits(left: &str, right: &str) -> usize {
    let (left, right): (Vec<char>, Vec<char>) = (left.chars().collect(), right.chars().collect());
    let first: Vec<usize> = (0..=right.len()).collect();
    let mut rows = vec![first];
    for (i, a) in left.iter().enumerate() {
        let above = &rows[i];
        let mut row = vec![i + 1];
        for (j, b) in right.iter().enumerate() {
            let replaced = above[j] + usize::from(a != b);
            let mut least = replaced.min(above[j + 1] + 1).min(row[j] + 1);
            if i > 0 && j > 0 && *a == right[j - 1] && left[i - 1] == *b {
                least = least.min(rows[i - 1][j - 1] + 1);
            }
            row.push(least);
        }
        rows.push(row);
    }
    rows[left.len()][right.len()]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_probably_meant() {
        let known = ["runs-on", "needs", "if", "steps", "synchronize"];
        for (name, expected) in [
            ("runs_on", Some("runs-on")),
            ("run-on", Some("runs-on")),
            ("RunsOn", Some("runs-on")),
            ("runs", Some("runs-on")),
            ("need", Some("needs")),
            ("nedes", Some("needs")),
            ("fi", Some("if")),
            ("step", Some("steps")),
            ("sync", Some("synchronize")),
            ("steps-of-mine", Some("steps")),
            ("image", None),
            ("x", None),
            ("", None),
        ] {
            assert_eq!(nearest(name, known), expected, "{name}");
        }
        assert_eq!(nearest(&"s".repeat(10_000), known), None);
    }

    #[test]
    fn distances() {
        for (left, right, expected) in [
            ("", "", 0),
            ("", "abc", 3),
            ("abc", "", 3),
            ("kitten", "sitting", 3),
            ("biuld", "build", 1),
        ] {
            assert_eq!(edits(left, right), expected, "{left} {right}");
        }
    }
}
