//! Names of our users' choice as names of blobs.

use sha2::{Digest, Sha256};
use std::fmt::Write as _;

/// Of one directory or file; file systems take 255 bytes.
const CHUNK: usize = 200;

/// A text as a path: letters, digits, `-` and `_` as they are, other bytes as `%XX`, a `/` after each 200 characters. A text
/// that begins with another has a path that does.
#[must_use]
pub(super) fn path(text: &str) -> String {
    let mut encoded = String::new();
    for byte in text.bytes() {
        if byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_') {
            encoded.push(char::from(byte));
        } else {
            let _ = write!(encoded, "%{byte:02X}");
        }
    }
    let mut path = String::new();
    // All of it is ASCII.
    for (index, c) in encoded.chars().enumerate() {
        if index > 0 && index % CHUNK == 0 {
            path.push('/');
        }
        path.push(c);
    }
    path
}

/// 16 hexadecimal digits that stand for a text.
#[must_use]
pub(super) fn hash(text: &str) -> String {
    let digest = Sha256::digest(text.as_bytes());
    digest.iter().take(8).fold(String::new(), |mut hex, byte| {
        let _ = write!(hex, "{byte:02x}");
        hex
    })
}

#[must_use]
pub(super) fn is_hex(text: &str) -> bool {
    text.bytes()
        .all(|byte| byte.is_ascii_digit() || (b'a'..=b'f').contains(&byte))
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn names_become_harmless() {
        assert_eq!(path("linux-deps_1"), "linux-deps_1");
        assert_eq!(path("../a.b/ü"), "%2E%2E%2Fa%2Eb%2F%C3%BC");
        let long = path(&"x".repeat(450));
        assert_eq!(long.split('/').map(str::len).collect::<Vec<_>>(), [200, 200, 50]);
        assert_eq!(hash("a").len(), 16);
        assert!(is_hex(&hash("a")) && !is_hex("G"));
    }

    proptest! {
        #[test]
        fn what_begins_with_a_text_has_a_path_that_begins_with_its_path(a in ".{0,300}", b in ".{0,300}") {
            let whole = path(&format!("{a}{b}"));
            prop_assert!(whole.starts_with(&path(&a)));
            prop_assert!(whole.split('/').all(|name| name.len() <= CHUNK && !name.contains('.')));
        }

        #[test]
        fn different_texts_have_different_paths(a in ".{0,40}", b in ".{0,40}") {
            prop_assert_eq!(a == b, path(&a) == path(&b));
        }
    }
}
