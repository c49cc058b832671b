//! Lightning's machines: the names that people know and the slugs that the API takes (`instanceName`).

use std::collections::BTreeMap;

/// By name in upper case. GPUs come as `_X_2`, `_X_4` and `_X_8`, too, where a list says so; the slug then ends with that number
/// and not with 1.
const KNOWN: [(&str, &str, &[&str]); 21] = [
    ("CPU", "cpu-4", &[]),
    ("CPU_SMALL", "cpu-2", &[]),
    ("CPU_X_2", "cpu-2", &[]),
    ("CPU_X_4", "cpu-4", &[]),
    ("CPU_X_8", "cpu-8", &[]),
    ("CPU_X_16", "cpu-16", &[]),
    ("DATA_PREP", "data-prep-mid", &[]),
    ("DATA_PREP_MAX", "data-prep-max-large", &[]),
    ("DATA_PREP_ULTRA", "data-prep-ultra-extra-large", &[]),
    ("T4", "lit-t4-1", &["2", "4", "8"]),
    ("T4_SMALL", "lit-t4-1-small", &[]),
    ("L4", "lit-l4-1", &["2", "4", "8"]),
    ("L40S", "lit-l40s-1", &["2", "4", "8"]),
    ("RTXP_6000", "lit-rtx-6000-pro-1", &["2", "4", "8"]),
    ("A100", "lit-a100-1", &["2", "4", "8"]),
    ("A100_40GB", "lit-a100-40gb-1", &["2", "4", "8"]),
    ("A100_80GB", "lit-a100-80gb-1", &["2", "4", "8"]),
    ("H100", "lit-h100-1", &["2", "4", "8"]),
    ("H200", "lit-h200-1", &["2", "4", "8"]),
    ("B200", "lit-b200-1", &["8"]),
    // Of an older SDK.
    ("H200X", "lit-h200x-1", &["8"]),
];

/// The table of a deployment: slugs change from time to time, and accounts have machines of their own.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Machines(BTreeMap<String, String>);

impl Machines {
    /// Those that are known, and `more`, by name, which counts before them.
    #[must_use]
    pub fn with(more: &BTreeMap<String, String>) -> Self {
        let mut slugs = BTreeMap::new();
        for (name, slug, counts) in KNOWN {
            slugs.insert(name.to_owned(), slug.to_owned());
            for count in counts {
                let base = slug.strip_suffix('1').unwrap_or(slug);
                slugs.insert(format!("{name}_X_{count}"), format!("{base}{count}"));
            }
        }
        slugs.extend(
            more.iter()
                .map(|(name, slug)| (name.to_uppercase(), slug.clone())),
        );
        Self(slugs)
    }

    /// The slug for a name, in whatever case, or for a slug of the table.
    #[must_use]
    pub fn slug(&self, name: &str) -> Option<&str> {
        let named = self.0.get(&name.to_uppercase());
        let slug = || self.0.values().find(|slug| slug.eq_ignore_ascii_case(name));
        named.or_else(slug).map(String::as_str)
    }

    /// Every name, in order.
    pub fn names(&self) -> impl Iterator<Item = &str> {
        self.0.keys().map(String::as_str)
    }
}

impl Default for Machines {
    fn default() -> Self {
        Self::with(&BTreeMap::new())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_slugs() {
        let more = [
            ("H200".to_owned(), "lit-h200x-1".to_owned()),
            ("own".to_owned(), "my-box".to_owned()),
        ];
        let machines = Machines::with(&more.into());
        for (name, slug) in [
            ("CPU", Some("cpu-4")),
            ("cpu", Some("cpu-4")),
            ("L4", Some("lit-l4-1")),
            ("l4_x_4", Some("lit-l4-4")),
            ("A100_80GB_X_8", Some("lit-a100-80gb-8")),
            ("RTXP_6000_X_2", Some("lit-rtx-6000-pro-2")),
            ("T4_SMALL", Some("lit-t4-1-small")),
            ("lit-l4-1", Some("lit-l4-1")),
            ("B200_X_8", Some("lit-b200-8")),
            ("B200_X_2", None),
            ("H200", Some("lit-h200x-1")),
            ("OWN", Some("my-box")),
            ("L44", None),
            ("", None),
        ] {
            assert_eq!(machines.slug(name), slug, "{name}");
        }
    }
}
