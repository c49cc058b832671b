//! GitHub's filter pattern cheat sheet, whole, and the rules its prose adds.

use checkmill_workflow::filter::PatternList;

fn list(patterns: &[&str]) -> PatternList {
    let patterns: Vec<String> = patterns.iter().map(|pattern| (*pattern).to_owned()).collect();
    PatternList::parse(&patterns).unwrap_or_else(|error| panic!("{error}"))
}

fn ignore(patterns: &[&str]) -> PatternList {
    let patterns: Vec<String> = patterns.iter().map(|pattern| (*pattern).to_owned()).collect();
    PatternList::parse_ignore(&patterns).unwrap_or_else(|error| panic!("{error}"))
}

/// Patterns, names they match, names they don't.
type Row = (
    &'static [&'static str],
    &'static [&'static str],
    &'static [&'static str],
);

fn hold(rows: &[Row]) {
    for (patterns, matching, other) in rows {
        let list = list(patterns);
        for name in *matching {
            assert!(list.matches(name), "{patterns:?} should match {name}");
        }
        for name in *other {
            assert!(!list.matches(name), "{patterns:?} should not match {name}");
        }
    }
}

/// The matches are the documentation's; the third column is what its descriptions exclude.
#[test]
fn branches_and_tags() {
    hold(&[
        (
            &["feature/*"],
            &["feature/my-branch", "feature/your-branch"],
            &["feature/a/b", "feature", "x/feature/a"],
        ),
        (
            &["feature/**"],
            &[
                "feature/beta-a/my-branch",
                "feature/your-branch",
                "feature/mona/the/octocat",
            ],
            &["feature", "features/a"],
        ),
        (
            &["main", "releases/mona-the-octocat"],
            &["main", "releases/mona-the-octocat"],
            &["main2", "Main", "releases/mona", "a/main"],
        ),
        (&["*"], &["main", "releases"], &["all/the/branches"]),
        (&["**"], &["all/the/branches", "every/tag", "main"], &[]),
        (
            &["*feature"],
            &["mona-feature", "feature", "ver-10-feature"],
            &["feature-x", "mona/feature"],
        ),
        (&["v2*"], &["v2", "v2.0", "v2.9"], &["v1", "v2/x", "xv2"]),
        (
            &["v[12].[0-9]+.[0-9]+"],
            &["v1.10.1", "v2.0.0"],
            &["v3.0.0", "v1.1", "v1.a.1", "v1x0x0", "v1.1.1-rc"],
        ),
    ]);
}

#[test]
fn file_paths() {
    hold(&[
        (&["*"], &["README.md", "server.rb"], &["docs/README.md"]),
        (
            &["*.jsx?"],
            &["page.js", "page.jsx"],
            &["page.jsxx", "page.jsy", "a/page.js"],
        ),
        (&["**"], &["all/the/files.md", "README.md"], &[]),
        (&["*.js"], &["app.js", "index.js"], &["js/index.js", "app.jsx"]),
        (
            &["**.js"],
            &["index.js", "js/index.js", "src/js/app.js"],
            &["index.jsx"],
        ),
        (
            &["docs/*"],
            &["docs/README.md", "docs/file.txt"],
            &["docs/a/file.txt", "a/docs/file.txt"],
        ),
        (
            &["docs/**"],
            &["docs/README.md", "docs/mona/octocat.txt"],
            &["docs", "other/docs/a"],
        ),
        (
            &["docs/**/*.md"],
            &[
                "docs/README.md",
                "docs/mona/hello-world.md",
                "docs/a/markdown/file.md",
            ],
            &["docs/a/file.txt", "README.md"],
        ),
        (
            &["**/docs/**"],
            &[
                "docs/hello.md",
                "dir/docs/my-file.txt",
                "space/docs/plan/space.doc",
            ],
            &["mydocs/hello.md", "docs"],
        ),
        (
            &["**/README.md"],
            &["README.md", "js/README.md"],
            &["js/README.md.bak", "MY-README.md"],
        ),
        (
            &["**/*src/**"],
            &["a/src/app.js", "my-src/code/js/app.js"],
            &["src2/app.js"],
        ),
        (
            &["**/*-post.md"],
            &["my-post.md", "path/their-post.md"],
            &["post.md"],
        ),
        (
            &["**/migrate-*.sql"],
            &[
                "migrate-10909.sql",
                "db/migrate-v1.0.sql",
                "db/sept/migrate-v1.sql",
            ],
            &["db/migrate.sql", "migrate-a/b.sql"],
        ),
        (
            &["*.md", "!README.md"],
            &["hello.md"],
            &["README.md", "docs/hello.md"],
        ),
        (
            &["*.md", "!README.md", "README*"],
            &["hello.md", "README.md", "README.doc"],
            &["docs/README.md"],
        ),
    ]);
}

#[test]
fn what_the_prose_says() {
    hold(&[
        (&["Octo*"], &["Octocat", "Octo"], &["octocat"]),
        (&["[CB]at"], &["Cat", "Bat"], &["Rat", "CBat", "[CB]at"]),
        (&["[1-2]00"], &["100", "200"], &["300"]),
        (&["[0-9a-z]"], &["5", "x"], &["X", "-"]),
        // The example under `on.push.branches`.
        (
            &["releases/**", "!releases/**-alpha"],
            &["releases/10", "releases/beta/mona"],
            &["releases/10-alpha", "releases/beta/3-alpha"],
        ),
        (
            &["releases/**", "!releases/**-alpha", "releases/beta/3-alpha"],
            &["releases/beta/3-alpha"],
            &["releases/1-alpha"],
        ),
        // The example under `paths`.
        (
            &["sub-project/**", "!sub-project/docs/**"],
            &["sub-project/index.js", "sub-project/src/index.js"],
            &["sub-project/docs/readme.md"],
        ),
        // `!` means nothing elsewhere, nor before anything is matched.
        (&["a!b"], &["a!b"], &["a"]),
        (&["!a", "a"], &["a"], &["b"]),
        // Escapes.
        (&["\\!a"], &["!a"], &["a"]),
        (&["a\\+b", "c\\*"], &["a+b", "c*"], &["aab", "cd"]),
        (&["a\\\\b"], &["a\\b"], &["ab"]),
    ]);
}

/// Readings of ours: see the module's documentation.
#[test]
fn where_the_documentation_is_silent() {
    hold(&[
        // As nektos/act.
        (&["?a"], &["?a"], &["a", "xa"]),
        (&["+a"], &["+a"], &["a"]),
        (&["!?a", "**"], &["?a", "a"], &[]),
        (&["a]"], &["a]"], &["a"]),
        (&["[A-z]"], &["a", "Z", "_"], &["1"]),
        // Other than nektos/act.
        (&["a**/b"], &["a/b", "ax/b", "ax/y/b"], &["ab"]),
        (&["a*+"], &["a", "axx"], &["a/"]),
        (&["a**?"], &["a", "a/x"], &["b"]),
        (&["ab++"], &["ab", "abb"], &["a"]),
        (&["ab??"], &["a", "ab"], &["abb"]),
        (&["[a.-]", "[-x]+"], &["a", ".", "-", "x-x"], &["b"]),
        (&["[é]+"], &["é", "éé"], &["e"]),
        // A quantifier is of one character, however many bytes it has.
        (&["é+"], &["é", "éé"], &[""]),
        (&["**/?x"], &["a/x", "ax", "x", "a/b/x"], &["a/y"]),
        (&["a/?b"], &["ab", "a/b"], &["a//b"]),
        (&["a.b(c)|d$^{2}"], &["a.b(c)|d$^{2}"], &["axb(c)|d$^{2}"]),
        (&["**\n*"], &["a\nb", "a/b\nc"], &["ab"]),
        (&["***"], &["a/b", ""], &[]),
    ]);
    assert!(!list(&[]).matches("a"));
}

#[test]
fn a_class_lists_any_character_but_a_few() {
    for c in (' '..='~').filter(|c| !matches!(c, '[' | ']' | '\\')) {
        let class = list(&[&format!("[a{c}]")]);
        for name in ['a', c] {
            assert!(class.matches(&name.to_string()), "[a{c}] {name}");
        }
        assert!(!class.matches("\\") && !class.matches("é"), "[a{c}]");
    }
}

#[test]
fn ignored_names() {
    let branches = ignore(&["releases/**", "!releases/keep"]);
    assert!(branches.matches("releases/1"));
    assert!(!branches.matches("releases/keep"));
    assert!(!branches.matches("main"));
    // Nothing is ignored by what is only taken out.
    assert!(!ignore(&["!a"]).matches("b"));
}

#[test]
fn changed_files() {
    let paths = list(&["src/**", "!src/docs/**"]);
    for (changed, expected) in [
        (&["README.md", "src/a.rs"][..], true),
        (&["README.md", "src/docs/a.md"], false),
        (&["src/docs/a.md", "src/b.rs"], true),
        (&[], false),
    ] {
        assert_eq!(paths.any_match(changed.iter().copied()), expected, "{changed:?}");
    }
    let ignored = ignore(&["docs/**", "*.md"]);
    for (changed, expected) in [
        (&["docs/a", "README.md"][..], true),
        (&["docs/a", "src/a.rs"], false),
        (&["src/a.rs"], false),
        (&[], false),
    ] {
        assert_eq!(
            ignored.all_match(changed.iter().copied()),
            expected,
            "{changed:?}"
        );
    }
}

/// Facts of nektos/act's tests about lists of changed files: what `paths` starts, and what `paths-ignore` holds back.
#[test]
fn changed_files_as_nektos_act_has_them() {
    let three = &["path/a", "path/b", "path/c"][..];
    // Patterns, changed files, whether `paths` lets them run, whether `paths-ignore` holds them back.
    let rows: [(&[&str], &[&str], bool, bool); 10] = [
        (&["*"], &["path/with/slash"], false, false),
        (three, &["meta", "path/b", "otherfile"], true, false),
        (three, &["path/b"], true, true),
        (three, &["path/c", "path/b", "path/a"], true, true),
        (three, &["path/c", "path/b", "path/d", "path/a"], true, false),
        (&["\\!file"], &["!file"], true, true),
        (&["escape\\\\backslash"], &["escape\\backslash"], true, true),
        (&[".yml"], &["fyml"], false, false),
        // act holds these two back: it does not look whether a pattern of `paths-ignore` begins with `!`. What GitHub's
        // documentation says of `!`, that it takes away what was matched before, is the same for both.
        (&["*.md", "!README.md"], &["README.md"], false, false),
        (&["*.md", "!README.md"], &["docs/hello.md"], false, false),
    ];
    for (patterns, changed, runs, held) in rows {
        let files = || changed.iter().copied();
        assert_eq!(
            list(patterns).any_match(files()),
            runs,
            "{patterns:?} {changed:?}"
        );
        assert_eq!(
            ignore(patterns).all_match(files()),
            held,
            "{patterns:?} {changed:?}"
        );
    }
}

#[test]
fn invalid_patterns_are_shown_with_their_place() {
    let error = |patterns: &[&str]| {
        let patterns: Vec<String> = patterns.iter().map(|pattern| (*pattern).to_owned()).collect();
        match PatternList::parse(&patterns) {
            Ok(list) => format!("{list:?}"),
            Err(error) => format!("{}: {error}", error.index),
        }
    };
    insta::assert_snapshot!(error(&["main", "v[0-9"]), @"1: `[` has no `]`, at position 2 of the pattern `v[0-9`");
    insta::assert_snapshot!(error(&["é[]"]), @"0: `[]` lists no character, at position 2 of the pattern `é[]`");
    insta::assert_snapshot!(error(&["[z-a]"]), @"0: `z-a` is no range within `a-z`, `A-Z` or `0-9`, at position 2 of the pattern `[z-a]`");
    insta::assert_snapshot!(error(&["[a-9]"]), @"0: `a-9` is no range within `a-z`, `A-Z` or `0-9`, at position 2 of the pattern `[a-9]`");
    insta::assert_snapshot!(error(&["x[!a]"]), @"0: `[!` doesn't negate; list the characters that are wanted, at position 3 of the pattern `x[!a]`");
    insta::assert_snapshot!(error(&["[^a]"]), @"0: `[^` doesn't negate; list the characters that are wanted, at position 2 of the pattern `[^a]`");
    insta::assert_snapshot!(error(&["[a[b]"]), @"0: `[` can't stand between `[` and `]`, at position 3 of the pattern `[a[b]`");
    insta::assert_snapshot!(error(&["[a\\]"]), @r#"0: `\` can't stand between `[` and `]`, at position 3 of the pattern `[a\]`"#);
    insta::assert_snapshot!(error(&["a+?"]), @"0: `+?` could mean two things; write one of them, at position 3 of the pattern `a+?`");
    insta::assert_snapshot!(error(&["a?+"]), @"0: `?+` could mean two things; write one of them, at position 3 of the pattern `a?+`");
    insta::assert_snapshot!(error(&["a\\"]), @r#"0: `\` needs a character after it, at position 2 of the pattern `a\`"#);
    insta::assert_snapshot!(error(&[""]), @"0: a pattern must not be empty, at position 1 of the pattern ``");
    insta::assert_snapshot!(error(&["a", "!"]), @"1: a pattern must not be empty, at position 2 of the pattern `!`");
    insta::assert_snapshot!(error(&["!a", "!b"]), @"0: at least one pattern must not start with `!`; to leave names out, use the `-ignore` filter, at position 1 of the pattern `!a`");
    insta::assert_snapshot!(error(&[&"ab".repeat(600)]), @"0: a pattern may have 1024 characters, at position 1 of the pattern `abababababababababababababababababababababababababababababababababababababababababababababababababab…`");
    insta::assert_snapshot!(error(&vec!["a".repeat(1000).as_str(); 66]), @"65: the patterns of this list are longer than 65536 bytes together, at position 1 of the pattern `aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa…`");
}
