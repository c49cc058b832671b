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

/// The text with every token-like word replaced.
#[must_use]
pub(crate) fn mask(text: &str) -> String {
    let mut masked = String::with_capacity(text.len());
    let mut rest = text;
    while let Some((start, end)) = first_token(rest) {
        masked.push_str(&rest[..start]);
        masked.push_str(MASK);
        rest = &rest[end..];
    }
    masked.push_str(rest);
    mask_private_keys(&masked)
}

fn first_token(text: &str) -> Option<(usize, usize)> {
    TOKENS
        .iter()
        .filter_map(|(prefix, min)| {
            text.match_indices(prefix).find_map(|(start, _)| {
                let body = &text[start + prefix.len()..];
                let dots = *prefix == "cm1.";
                let len = body
                    .bytes()
                    .take_while(|b| b.is_ascii_alphanumeric() || b"_-".contains(b) || (dots && *b == b'.'))
                    .count();
                (len >= *min).then_some((start, start + prefix.len() + len))
            })
        })
        .min()
}

fn mask_private_keys(text: &str) -> String {
    const BEGIN: &str = "-----BEGIN ";
    const KEY: &str = "PRIVATE KEY-----";
    let mut masked = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(start) = rest.find(BEGIN) {
        let body = &rest[start..];
        let is_key = body.lines().next().is_some_and(|line| line.contains(KEY));
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
}
