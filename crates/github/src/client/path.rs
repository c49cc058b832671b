//! Parts of a request's address.

use std::fmt::Write as _;

/// One segment, percent-encoded: what is not unreserved (RFC 3986, section 2.3), slashes too.
pub(super) fn segment(text: &str) -> String {
    encode(text, false)
}

/// A path of segments: as [`segment`], but slashes stay.
pub(super) fn segments(text: &str) -> String {
    encode(text, true)
}

fn encode(text: &str, keep_slashes: bool) -> String {
    let mut out = String::with_capacity(text.len());
    for byte in text.bytes() {
        match byte {
            b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' | b'-' | b'_' | b'.' | b'~' => out.push(char::from(byte)),
            b'/' if keep_slashes => out.push('/'),
            _ => {
                // Writing to a String can't fail.
                let _ = write!(out, "%{byte:02X}");
            }
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_encoded() {
        assert_eq!(segment("a b/c?d#é[bot]"), "a%20b%2Fc%3Fd%23%C3%A9%5Bbot%5D");
        assert_eq!(segments("heads/feature/ü&x"), "heads/feature/%C3%BC%26x");
        assert_eq!(segment(".github-_~"), ".github-_~");
    }
}
