//! Whether a script might run what a stranger chose.

const EXPRESSION: &str = "EXPRESSION_";
/// Programs and builtins that take text for code, or a name that they evaluate: in an index, say, `a[$(id)]`.
const EVALUATING: [&str; 25] = [
    ".", "ash", "awk", "bash", "dash", "declare", "eval", "exec", "find", "getopts", "ksh", "let", "local",
    "mapfile", "node", "perl", "pwsh", "python", "python3", "ruby", "sh", "source", "trap", "typeset", "zsh",
];
const EVALUATING_TOO: [&str; 6] = ["php", "read", "sed", "unset", "wait", "xargs"];

/// How a script that reads the values of expressions might run one as code: it may be text of an outsider, and may have gone on
/// into other variables. By the surface, and rather once too often; a person would read over it.
pub(super) fn evaluates(script: &str) -> Option<&'static str> {
    if !script.contains(EXPRESSION) {
        return None;
    }
    // bash runs what is in the index of an array that an arithmetic expression names.
    if script.contains("((") || script.contains("$[") {
        return Some("an arithmetic expression");
    }
    let bytes = script.as_bytes();
    let behind_name = |at: usize, character: u8| {
        bytes[at] == character && at > 0 && (bytes[at - 1].is_ascii_alphanumeric() || bytes[at - 1] == b'_')
    };
    if (0..bytes.len()).any(|at| behind_name(at, b'[')) {
        return Some("the index of an array");
    }
    let is_slice = |at: usize| {
        behind_name(at, b':') && !matches!(bytes.get(at + 1), None | Some(b'-' | b'=' | b'+' | b'?'))
    };
    let in_braces = script.match_indices("${").any(|(at, _)| {
        let end = script[at..].find('}').map_or(script.len(), |end| at + end);
        (at..end).any(is_slice)
    });
    if in_braces {
        return Some("a part of a variable");
    }
    if script.contains("<<") {
        return Some("a here-document");
    }
    let words: Vec<&str> = script
        .split(|c: char| c.is_whitespace() || ";&|()`\"'{}".contains(c))
        .filter(|word| !word.is_empty())
        .collect();
    let program = |word: &&str| {
        word.rsplit('/')
            .next()
            .is_some_and(|name| EVALUATING.contains(&name) || EVALUATING_TOO.contains(&name))
    };
    if words.iter().any(program) {
        return Some("a command that takes text for code");
    }
    let numbers = ["-eq", "-ne", "-lt", "-le", "-gt", "-ge"];
    if words.contains(&"[[") && words.iter().any(|word| numbers.contains(word)) {
        return Some("a comparison of numbers in `[[`");
    }
    let names = words
        .windows(2)
        .any(|pair| ["[", "[[", "test", "printf", "!"].contains(&pair[0]) && ["-v", "-R"].contains(&pair[1]));
    names.then_some("`-v`, which evaluates a name")
}

#[cfg(test)]
mod tests {
    use super::evaluates;

    #[test]
    fn values_stay_values() {
        for script in [
            "[ \"$EXPRESSION_1\" = main ] && grep -c x \"$EXPRESSION_2\"",
            "[[ \"$EXPRESSION_1\" == v* ]] || exit 1",
            "curl -sSf \"https://example.com/${EXPRESSION_1}\" -o \"$RUNNER_TEMP/x\"",
            "echo \"v=${EXPRESSION_1:-none}\" >> \"$GITHUB_OUTPUT\"",
            "for f in [a-z]*.c; do cc -D\"V=$EXPRESSION_1\" \"$f\"; done",
            // None of them is read.
            "eval \"$(ssh-agent -s)\"; i=$((1 + 2)); bash -c true",
        ] {
            assert_eq!(evaluates(script), None, "{script}");
        }
    }

    #[test]
    fn what_bash_evaluates() {
        for (script, expected) in [
            (
                "eval \"echo $EXPRESSION_1\"",
                "a command that takes text for code",
            ),
            (
                "bash -o pipefail -c \"$EXPRESSION_1\"",
                "a command that takes text for code",
            ),
            (
                "echo \"$EXPRESSION_1\" | /bin/sh",
                "a command that takes text for code",
            ),
            (
                "python3 -c \"print('$EXPRESSION_1')\"",
                "a command that takes text for code",
            ),
            (
                "trap \"echo $EXPRESSION_1\" EXIT",
                "a command that takes text for code",
            ),
            (
                "x=$EXPRESSION_1; declare -i y=$x",
                "a command that takes text for code",
            ),
            ("read \"$EXPRESSION_1\" < f", "a command that takes text for code"),
            ("cat <<END\n$EXPRESSION_1\nEND", "a here-document"),
            ("echo $(( EXPRESSION_1 + 1 ))", "an arithmetic expression"),
            ("x=$EXPRESSION_1; echo $((x))", "an arithmetic expression"),
            ("echo $[EXPRESSION_1]", "an arithmetic expression"),
            ("[[ \"$EXPRESSION_1\" -eq 3 ]]", "a comparison of numbers in `[[`"),
            ("echo \"${a[$EXPRESSION_1]}\"", "the index of an array"),
            ("a[EXPRESSION_1]=2", "the index of an array"),
            ("echo \"${a:$EXPRESSION_1}\"", "a part of a variable"),
            ("[ -v \"$EXPRESSION_1\" ]", "`-v`, which evaluates a name"),
            ("printf -v \"$EXPRESSION_1\" x", "`-v`, which evaluates a name"),
        ] {
            assert_eq!(evaluates(script), Some(expected), "{script}");
        }
    }

    proptest::proptest! {
        #[test]
        fn any_script_is_judged(script in "(EXPRESSION_1)?[a-z$\\[\\]{}():\"' ü-]{0,40}") {
            let _ = evaluates(&script);
        }
    }
}
