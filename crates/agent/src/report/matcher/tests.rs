use super::*;

fn matchers(text: &str) -> Matchers {
    let (found, problems) = parse(text).unwrap();
    assert_eq!(problems, [""; 0]);
    let mut matchers = Matchers::default();
    matchers.add(found).unwrap();
    matchers
}

fn read(matchers: &mut Matchers, text: &str) -> Vec<String> {
    let shown = |matched: Matched| {
        let Annotation {
            level,
            message,
            title,
            file,
            line,
            column,
            ..
        } = matched.annotation;
        let from = matched
            .from_path
            .map(|path| format!(" from {path}"))
            .unwrap_or_default();
        format!(
            "{}:{}:{}{from}: {level:?}: [{}] {message}",
            file.unwrap_or_default(),
            line.unwrap_or_default(),
            column.unwrap_or_default(),
            title.unwrap_or_default()
        )
    };
    text.lines()
        .filter_map(|line| matchers.line(line))
        .map(shown)
        .collect()
}

/// The two examples of the Actions toolkit's documentation: eslint in its compact and its stylish form.
#[test]
fn eslint() {
    let mut compact = matchers(
        r#"{"problemMatcher": [{"owner": "eslint-compact", "pattern": [{
            "regexp": "^(.+):\\sline\\s(\\d+),\\scol\\s(\\d+),\\s(Error|Warning|Info)\\s-\\s(.+)\\s\\((.+)\\)$",
            "file": 1, "line": 2, "column": 3, "severity": 4, "message": 5, "code": 6}]}]}"#,
    );
    let text = "badFile.js: line 50, col 11, Error - 'myVar' is defined but never used. (no-unused-vars)\n\
                badFile.js: line 1, col 2, Info - hm. (x)\nother";
    insta::assert_debug_snapshot!(read(&mut compact, text), @r#"
    [
        "badFile.js:50:11: Error: [no-unused-vars] 'myVar' is defined but never used.",
        "badFile.js:1:2: Error: [x] hm.",
    ]
    "#);
    let mut stylish = matchers(
        r#"{"problemMatcher": [{"owner": "eslint-stylish", "severity": "warning", "pattern": [
            {"regexp": "^([^\\s].*)$", "file": 1},
            {"regexp": "^\\s+(\\d+):(\\d+)\\s+(error|warning|info)\\s+(.*)\\s\\s+(.*)$",
             "line": 1, "column": 2, "severity": 3, "message": 4, "code": 5, "loop": true}]}]}"#,
    );
    let text = "test.js\n  1:0   error  Missing \"use strict\" statement                 strict\n\
                \x20 5:10  error  'addOne' is defined but never used            no-unused-vars\n\
                \u{2716} 2 problems (2 errors, 0 warnings)\n  9:9  error  of no file any more  x\n\
                other.js\n  7:1  info  fine  y";
    insta::assert_debug_snapshot!(read(&mut stylish, text), @r#"
    [
        "test.js:1:0: Error: [strict] Missing \"use strict\" statement",
        "test.js:5:10: Error: [no-unused-vars] 'addOne' is defined but never used",
        "✖ 2 problems (2 errors, 0 warnings):9:9: Error: [x] of no file any more",
        "other.js:7:1: Warning: [y] fine",
    ]
    "#);
}

#[test]
fn three_lines_and_a_project() {
    let text = r#"{"problemMatcher": [{"owner": "three", "severity": "notice", "pattern": [
        {"regexp": "^(error|warning)(?:\\[(.+)\\])?: (.+)$", "severity": 1, "code": 2, "message": 3},
        {"regexp": "^ +--> (.+):(\\d+)$", "file": 1, "line": 2},
        {"regexp": "^ +in (.+)( )?$", "fromPath": 1, "message": 2}]}]}"#;
    let error = parse(text).unwrap().1;
    insta::assert_debug_snapshot!(error, @r#"
    [
        "the matcher \"three\" is left out: pattern 3 (^ +in (.+)( )?$): message is in an earlier pattern, too",
    ]
    "#);
    let text = text
        .replace(r#""message": 3}"#, "\"line\": 3}")
        .replace(r#", "line": 2}"#, "}")
        .replace(
            "( )?$\", \"fromPath\": 1, \"message\": 2",
            ": (.*)$\", \"fromPath\": 1, \"message\": 2",
        );
    let mut three = matchers(&text);
    let text = "warning[w]: 12\n --> a.cs:1\n in proj/x.csproj: so it is\nwarning: 1\nerror: 2\n --> b.cs:3\nno\n in y: z\n";
    insta::assert_debug_snapshot!(read(&mut three, text), @r#"
    [
        "a.cs:12:0 from proj/x.csproj: Warning: [w] so it is",
    ]
    "#);
}

#[test]
fn matchers_come_and_go() {
    let one = |owner: &str, level: &str| {
        format!(
            r#"{{"problemMatcher": [{{"owner": "{owner}", "severity": "{level}", "pattern": [{{"regexp": "^x: (.*)$", "message": 1}}]}}]}}"#
        )
    };
    let mut all = matchers(&one("a", "error"));
    all.add(parse(&one("b", "warning")).unwrap().0).unwrap();
    assert_eq!(
        read(&mut all, "x: y"),
        ["::0:0: Warning: [] y".replacen("::", ":", 1)],
        "the newest is asked first"
    );
    assert!(all.remove("B") && !all.remove("b"));
    assert_eq!(read(&mut all, "x: y"), [":0:0: Error: [] y"]);
    all.add(parse(&one("a", "notice")).unwrap().0).unwrap();
    assert_eq!(
        read(&mut all, "x: y"),
        [":0:0: Notice: [] y"],
        "one of the same owner gives way"
    );
    let many = (0..PROBLEM_MATCHERS).flat_map(|n| parse(&one(&n.to_string(), "")).unwrap().0);
    assert!(
        all.add(many.collect())
            .unwrap_err()
            .contains("100 problem matchers")
    );
}

#[test]
fn what_can_not_be_used_is_named() {
    let matcher =
        |pattern: &str| format!(r#"{{"problemMatcher": [{{"owner": "o", "pattern": {pattern}}}]}}"#);
    let table = [
        matcher("[]"),
        matcher(r#"[{"regexp": "(", "message": 1}]"#),
        matcher(r#"[{"regexp": "(a)(?=b)", "message": 1}]"#),
        matcher(r#"[{"regexp": "(a)", "message": 2}]"#),
        matcher(r#"[{"regexp": "(a)", "file": 1}]"#),
        matcher(r#"[{"regexp": "(a)", "message": 1, "loop": true}]"#),
        matcher(r#"[{"regexp": "(a)", "file": 1, "loop": true}, {"regexp": "(a)", "message": 1}]"#),
        matcher(r#"[{"regexp": "(a)", "file": 1}, {"regexp": "(a)(b)", "message": 1, "file": 2}]"#),
        r#"{"problemMatcher": [{"owner": " ", "pattern": []}]}"#.to_owned(),
        r#"{"problemMatcher": [{"owner": "o", "severity": "fatal", "pattern": [{"regexp": "(a)", "message": 1}]}]}"#.to_owned(),
    ];
    let problems: Vec<_> = table.iter().flat_map(|text| parse(text).unwrap().1).collect();
    insta::assert_snapshot!(problems.join("\n"), @r#"
    the matcher "o" is left out: it has 0 patterns, not 1 to 20
    the matcher "o" is left out: pattern 1 ((): found open group without closing ')'
    the matcher "o" is left out: pattern 1 ((a)(?=b)): look-around is not supported
    the matcher "o" is left out: pattern 1 ((a)): message is group 2, which the pattern does not have
    the matcher "o" is left out: pattern 1 ((a)): the last pattern must have a message
    the matcher "o" is left out: pattern 1 ((a)): only the last of several patterns can loop
    the matcher "o" is left out: pattern 1 ((a)): only the last of several patterns can loop
    the matcher "o" is left out: pattern 2 ((a)(b)): file is in an earlier pattern, too
    the matcher " " is left out: it has no owner
    the matcher "o" is left out: its severity "fatal" is none of error, warning, notice
    "#);
    for text in ["", "[]", "{\"problemMatcher\": {}}"] {
        assert!(parse(text).is_err(), "{text}");
    }
}
