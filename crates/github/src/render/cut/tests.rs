use super::*;
use checkmill_core::limits::CHECK_TEXT_CHARS;
use proptest::prelude::*;
use pulldown_cmark::{CodeBlockKind, Event, Parser, Tag, TagEnd};

#[test]
fn a_text_that_fits_is_left_alone() {
    assert_eq!(cut("abc", 3), "abc");
    let exact = "x".repeat(CHECK_TEXT_CHARS);
    assert_eq!(cut(&exact, CHECK_TEXT_CHARS), exact);
    assert_eq!(cut("", 0), "");
}

#[test]
fn one_byte_too_many_is_cut_in_the_middle() {
    let cut = cut(&"x".repeat(CHECK_TEXT_CHARS + 1), CHECK_TEXT_CHARS);
    assert!(cut.len() <= CHECK_TEXT_CHARS);
    assert!(
        cut.contains("xxx…\n\n*… 513 characters left out …*\n\n…xxx"),
        "{}",
        &cut[21_500..21_900]
    );
}

#[test]
fn head_and_tail_are_whole_lines_and_the_fence_is_repaired() {
    let log: String = (1..=500).map(|n| format!("line {n}\n")).collect();
    let text = format!("**Failed**\n\n```text\n{log}```\n\nThe end.\n");
    insta::assert_snapshot!(cut(&text, 1024), @"
    **Failed**

    ```text
    line 1
    line 2
    line 3
    line 4
    line 5
    line 6
    line 7
    line 8
    line 9
    line 10
    line 11
    line 12
    line 13
    line 14
    line 15
    line 16
    line 17
    line 18
    line 19
    ```

    *… 3,925 characters left out …*

    ```text
    line 465
    line 466
    line 467
    line 468
    line 469
    line 470
    line 471
    line 472
    line 473
    line 474
    line 475
    line 476
    line 477
    line 478
    line 479
    line 480
    line 481
    line 482
    line 483
    line 484
    line 485
    line 486
    line 487
    line 488
    line 489
    line 490
    line 491
    line 492
    line 493
    line 494
    line 495
    line 496
    line 497
    line 498
    line 499
    line 500
    ```

    The end.
    ");
}

#[test]
fn characters_are_never_split() {
    let text = "🦀é".repeat(2000);
    for limit in [1024, 1025, 1026, 1027, 3, 4, 5, 6, 7] {
        let cut = cut(&text, limit);
        assert!(cut.len() <= limit, "{} > {limit}", cut.len());
        assert!(!cut.contains('\u{fffd}'));
    }
}

#[test]
fn an_open_fence_of_a_short_text_is_closed() {
    assert_eq!(cut("```rust\nfn main() {", 100), "```rust\nfn main() {\n```");
    assert_eq!(cut("a\r```rust\rx", 100), "a\n```rust\nx\n```");
    assert_eq!(cut("```", 3), "``");
}

#[test]
fn titles() {
    let table = [
        ("short", 10, "short"),
        ("two\nlines", 20, "two lines"),
        ("0123456789", 9, "012345…"),
        ("ééééé", 9, "ééé…"),
        ("abcdef", 2, "…"),
    ];
    for (text, limit, expected) in table {
        assert_eq!(cut_line(text, limit), expected);
    }
}

/// Whether a paragraph written after `text` is inside a fenced block, by a Markdown parser that we didn't write.
fn swallows_what_follows(text: &str) -> bool {
    let text = format!("{text}\n\nSENTINEL\n");
    let mut fenced = false;
    for event in Parser::new(&text) {
        match event {
            Event::Start(Tag::CodeBlock(CodeBlockKind::Fenced(_))) => fenced = true,
            Event::End(TagEnd::CodeBlock) => fenced = false,
            Event::Text(text) if text.contains("SENTINEL") => return fenced,
            _ => {}
        }
    }
    panic!("the sentinel is lost in {text:?}")
}

#[test]
fn the_oracle_can_fail() {
    assert!(swallows_what_follows("```\ncode"));
    assert!(!swallows_what_follows("```\ncode\n```"));
}

/// Lines that make fences likely, and runs long enough to be cut in the middle.
fn markdown() -> impl Strategy<Value = String> {
    let line = prop_oneof![
        3 => "[a-zé🦀 ]{0,80}",
        2 => "[`~]{1,8}[a-z ]{0,10}",
        1 => " {0,5}[`~]{3,5}",
        1 => "`{3,7}[a-z`]{0,6}",
        1 => "[a-z]{500,900}",
        1 => "[`~]{90,300}",
        1 => Just("|a|b|".to_owned()),
    ];
    let end = prop_oneof![5 => Just("\n"), 1 => Just("\r\n"), 1 => Just("\r"), 1 => Just("\n\n")];
    proptest::collection::vec((line, end), 0..60).prop_map(|lines| {
        lines
            .into_iter()
            .map(|(line, end)| format!("{line}{end}"))
            .collect()
    })
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(600))]

    #[test]
    fn never_over_the_limit_and_no_fence_left_open(text in markdown(), limit in 0_usize..6000) {
        let cut = cut(&text, limit);
        prop_assert!(cut.len() <= limit, "{} > {}", cut.len(), limit);
        prop_assert!(cut.chars().count() <= limit);
        prop_assert!(!swallows_what_follows(&cut), "{}", cut);
    }

    #[test]
    fn head_and_tail_are_kept(text in "[a-z\n]{7000,9000}", limit in 1024_usize..5000) {
        let cut = cut(&text, limit);
        let kept = cut.len();
        prop_assert!(kept > limit / 4, "only {} of {}", kept, limit);
        prop_assert!(text.starts_with(&cut[..20]));
        prop_assert!(text.trim_end_matches('\n').ends_with(&cut[cut.len() - 20..]));
        prop_assert!(cut.contains("characters left out"));
    }

    #[test]
    fn any_text_at_all(text in any::<String>(), limit in 0_usize..3000) {
        prop_assert!(cut(&text, limit).len() <= limit);
        prop_assert!(cut_line(&text, limit).len() <= limit.max('…'.len_utf8()));
    }
}
