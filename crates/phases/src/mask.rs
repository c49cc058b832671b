//! The second line of defence for secrets in logs and texts. The agent masks the values it knows; here, texts lose whatever
//! has the form of a token, because a job can print one that nobody told us about.

const MASK: &str = "***";

/// Beginnings of tokens, with how many token characters must follow. GitHub: `ghs_` installation, `ghp_` personal, `gho_`
/// OAuth, `ghu_` user, `ghr_` refresh, `github_pat_` fine-grained; `cm1.` is our callback's.
const TOKENS: [(&str, usize); 7] = [
    ("ghs_", 30),
    ("ghp_", 30),
    ("gho_", 30),
    ("ghu_", 30),
    ("ghr_", 30),
    ("github_pat_", 40),
    ("cm1.", 60),
];

/// The text with every token-like word replaced. Takes time in proportion to the text whatever it holds: logs are large, and
/// their jobs may be hostile.
#[must_use]
pub(crate) fn mask(text: &str) -> String {
    let mut masked = String::with_capacity(text.len());
    let mut kept = 0;
    for (at, _) in text.match_indices(PREFIX_ENDS) {
        if at < kept {
            continue;
        }
        if let Some((start, end)) = token_around(text, at) {
            // Where a token's body is the next one's beginning, the first takes both.
            masked.push_str(&text[kept..start.max(kept)]);
            masked.push_str(MASK);
            kept = end;
        }
    }
    masked.push_str(&text[kept..]);
    mask_private_keys(&masked)
}

/// What every prefix of [`TOKENS`] ends with.
const PREFIX_ENDS: [char; 2] = ['_', '.'];

/// The token whose prefix ends at this byte. What is too short for one has been looked at for less than the minimum.
fn token_around(text: &str, at: usize) -> Option<(usize, usize)> {
    let (head, body) = text.split_at(at + 1);
    let (prefix, min) = TOKENS.iter().find(|(prefix, _)| head.ends_with(prefix))?;
    let dots = *prefix == "cm1.";
    let len = body
        .bytes()
        .take_while(|b| b.is_ascii_alphanumeric() || b"_-".contains(b) || (dots && *b == b'.'))
        .count();
    (len >= *min).then(|| (head.len() - prefix.len(), head.len() + len))
}

fn mask_private_keys(text: &str) -> String {
    const BEGIN: &str = "-----BEGIN ";
    const KEY: &str = "PRIVATE KEY-----";
    // RFC 7468: the label is a few words. A line without an end is not read again for each beginning in it.
    const LABEL_BYTES: usize = 100;
    let mut masked = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(start) = rest.find(BEGIN) {
        let body = &rest[start..];
        let near = &body.as_bytes()[..body.len().min(LABEL_BYTES)];
        let label = near.split(|byte| *byte == b'\n').next().unwrap_or(near);
        let is_key = label.windows(KEY.len()).any(|bytes| bytes == KEY.as_bytes());
        let end = is_key.then(|| {
            body.find("-----END ")
                .and_then(|end| Some(end + body[end..].find(KEY)? + KEY.len()))
        });
        masked.push_str(&rest[..start]);
        match end {
            Some(end) => {
                masked.push_str(MASK);
                rest = end.map_or("", |end| &body[end..]);
            }
            None => {
                masked.push_str(BEGIN);
                rest = &body[BEGIN.len()..];
            }
        }
    }
    masked.push_str(rest);
    masked
}

#[cfg(test)]
mod tests {
    use super::mask;

    #[test]
    fn tokens_and_private_keys_are_masked_and_the_rest_is_kept() {
        let token = "a".repeat(36);
        let table = [
            (format!("token: ghs_{token}."), "token: ***.".to_owned()),
            (
                format!("https://x:ghp_{token}@host ü"),
                "https://x:***@host ü".to_owned(),
            ),
            (
                format!("two ghs_{token} github_pat_{token}{token}"),
                "two *** ***".to_owned(),
            ),
            ("ghs_short stays".to_owned(), "ghs_short stays".to_owned()),
            (
                "a\n-----BEGIN RSA PRIVATE KEY-----\nMII\n-----END RSA PRIVATE KEY-----\nb".to_owned(),
                "a\n***\nb".to_owned(),
            ),
            (
                "-----BEGIN PRIVATE KEY-----\ncut off".to_owned(),
                "***".to_owned(),
            ),
            (
                "-----BEGIN CERTIFICATE-----\nx".to_owned(),
                "-----BEGIN CERTIFICATE-----\nx".to_owned(),
            ),
        ];
        for (text, expected) in table {
            assert_eq!(mask(&text), expected);
        }
    }

    #[test]
    fn a_prefix_in_a_token_and_one_before_a_token() {
        let body = "a".repeat(36);
        for (text, expected) in [
            (format!("ghs_ghp_{body}"), "***".to_owned()),
            (format!("ghs_{body}ghp_{body} ghs_x"), "*** ghs_x".to_owned()),
            (format!("ghs_ü ghp_{body}"), "ghs_ü ***".to_owned()),
            (format!("cm1.{body}.{body}.ghs_{body}"), "***".to_owned()),
            (format!("cm1.x cm1.{body}.{body}"), "cm1.x ***".to_owned()),
            (format!("ugithub_pat_{body}{body}"), "u***".to_owned()),
        ] {
            assert_eq!(mask(&text), expected);
        }
    }

    /// A log as large as one may be, of nothing but what has to be looked at: with a scan for each find this takes hours.
    #[test]
    fn a_large_hostile_text_is_masked() {
        let token = format!("ghs_{} ", "a".repeat(36));
        for (piece, expected) in [
            (token.as_str(), "*** "),
            ("-----BEGIN ", "-----BEGIN "),
            ("ghs_", ""),
        ] {
            let pieces = checkmill_core::limits::LOG_BYTES / piece.len();
            let masked = mask(&piece.repeat(pieces));
            let whole = if expected.is_empty() {
                3
            } else {
                expected.len() * pieces
            };
            assert_eq!(masked.len(), whole, "{piece}");
        }
    }
}
