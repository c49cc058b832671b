//! A directory, and the commit that is made of it.

use super::*;

fn write(dir: &Path, path: &str, text: &str) {
    let path = dir.join(path);
    std::fs::create_dir_all(path.parent().unwrap()).unwrap();
    std::fs::write(path, text).unwrap();
}

#[test]
fn a_plain_directory_is_one_commit_of_its_files_and_always_the_same_one() {
    let dir = tempfile::tempdir().unwrap();
    let files = dir.path().join("files");
    write(&files, ".checkmill/workflows/ci.yml", "on: push\n");
    write(&files, "a ü.txt", "text");
    let first = prepare(&files, None, &dir.path().join("one.git")).unwrap();
    let second = prepare(&files, None, &dir.path().join("two.git")).unwrap();
    assert_eq!(first.sha, second.sha);
    assert_eq!(
        (first.git_ref.as_str(), first.parent.as_ref()),
        ("refs/heads/main", None)
    );
    let paths: Vec<_> = first
        .tree(&first.sha)
        .unwrap()
        .into_iter()
        .map(|file| file.path)
        .collect();
    assert_eq!(paths, [".checkmill/workflows/ci.yml", "a ü.txt"]);
    assert_eq!(
        first.workflows(&Policy::default()).unwrap(),
        [(".checkmill/workflows/ci.yml".to_owned(), b"on: push\n".to_vec())]
    );
    let refused = prepare(&files, Some("v1"), &dir.path().join("three.git"))
        .unwrap_err()
        .to_string();
    assert!(refused.contains("is not a git repository"), "{refused}");
}

#[test]
fn a_repository_gives_its_commit_or_its_working_tree_and_is_not_written() {
    let dir = tempfile::tempdir().unwrap();
    let repo = dir.path().join("repo");
    write(&repo, "file", "one");
    write(&repo, ".gitignore", "ignored\n");
    write(&repo, "ignored", "secret");
    Git::at(&repo)
        .run(&["init", "--quiet", "--initial-branch=trunk", "."])
        .unwrap();
    Git::at(&repo).run(&["add", "."]).unwrap();
    Git::at(&repo).run(&["commit", "--quiet", "-m", "First"]).unwrap();
    Git::at(&repo).run(&["tag", "v1"]).unwrap();

    let clean = prepare(&repo, None, &dir.path().join("clean.git")).unwrap();
    assert_eq!(clean.git_ref, "refs/heads/trunk");

    write(&repo, "file", "two");
    let before = Git::at(&repo).run(&["count-objects"]).unwrap();
    let dirty = prepare(&repo, None, &dir.path().join("dirty.git")).unwrap();
    assert_eq!(dirty.parent.as_ref(), Some(&clean.sha));
    let (parents, message) = dirty.commit(&dirty.sha).unwrap();
    assert_eq!(
        (parents.as_slice(), message.as_str()),
        (std::slice::from_ref(&clean.sha), "Working tree")
    );
    assert_eq!(Git::at(&repo).run(&["count-objects"]).unwrap(), before);

    let tagged = prepare(&repo, Some("v1"), &dir.path().join("tagged.git")).unwrap();
    assert_eq!((tagged.sha, tagged.git_ref.as_str()), (clean.sha, "refs/tags/v1"));
    let missing = prepare(&repo, Some("nowhere"), &dir.path().join("missing.git")).unwrap_err();
    assert!(
        format!("{missing:#}").contains("has no commit \"nowhere\""),
        "{missing:#}"
    );
}

/// A repository with one commit of these files, ignored ones too, on the branch `main`.
fn repository(place: &Path, files: &[(&str, &str)]) {
    for (path, text) in files {
        write(place, path, text);
    }
    let git = Git::at(place);
    git.run(&["init", "--quiet", "--initial-branch=main", "."])
        .unwrap();
    git.run(&["add", "--force", "."]).unwrap();
    git.run(&["commit", "--quiet", "-m", "First"]).unwrap();
}

fn paths(source: &Source) -> Vec<String> {
    let files = source.tree(&source.sha).unwrap().into_iter();
    files.map(|file| file.path).collect()
}

#[test]
fn a_shallow_clone_has_a_commit_without_its_parent() {
    let dir = tempfile::tempdir().unwrap();
    let whole = dir.path().join("whole");
    repository(&whole, &[("file", "one")]);
    write(&whole, "file", "two");
    Git::at(&whole)
        .run(&["commit", "--quiet", "-am", "Second"])
        .unwrap();
    let url = format!("file://{}", whole.display());
    Git::at(dir.path())
        .run(&["clone", "--quiet", "--depth=1", &url, "shallow"])
        .unwrap();
    let shallow = dir.path().join("shallow");

    let clean = prepare(&shallow, None, &dir.path().join("clean.git")).unwrap();
    assert_eq!(clean.parent, None);
    assert_eq!(
        clean.commit(&clean.sha).unwrap(),
        (Vec::new(), "Second".to_owned())
    );
    assert_eq!(clean.changed(None).unwrap(), ["file"]);

    write(&shallow, "file", "three");
    let dirty = prepare(&shallow, None, &dir.path().join("dirty.git")).unwrap();
    assert_eq!(dirty.parent.as_ref(), Some(&clean.sha));
    assert_eq!(dirty.changed(dirty.parent.as_ref()).unwrap(), ["file"]);
}

#[test]
fn what_is_tracked_counts_though_it_is_ignored() {
    let dir = tempfile::tempdir().unwrap();
    let repo = dir.path().join("repo");
    repository(&repo, &[(".gitignore", "dist/\n"), ("dist/app.js", "one")]);
    write(&repo, "dist/map", "ignored");
    write(&repo, "mine", "ignored on this machine alone");
    write(&repo, ".git/info/exclude", "mine\n");

    let clean = prepare(&repo, None, &dir.path().join("clean.git")).unwrap();
    assert_eq!(
        clean.description,
        format!("HEAD of {}", repo.canonicalize().unwrap().display())
    );
    assert_eq!(paths(&clean), [".gitignore", "dist/app.js"]);

    // The same size at the same time: what git's index remembers of the file is not all that is looked at.
    write(&repo, "dist/app.js", "two");
    write(&repo, "dist/new.js", "staged");
    Git::at(&repo).run(&["add", "--force", "dist/new.js"]).unwrap();
    let dirty = prepare(&repo, None, &dir.path().join("dirty.git")).unwrap();
    assert_eq!(paths(&dirty), [".gitignore", "dist/app.js", "dist/new.js"]);
    assert_eq!(
        dirty.changed(Some(&clean.sha)).unwrap(),
        ["dist/app.js", "dist/new.js"]
    );
}

#[test]
fn branches_and_tags_are_those_that_github_has() {
    let dir = tempfile::tempdir().unwrap();
    let upstream = dir.path().join("upstream");
    repository(&upstream, &[("file", "one")]);
    Git::at(&upstream)
        .run(&["tag", "--annotate", "-m", "One", "v1"])
        .unwrap();
    Git::at(&upstream).run(&["branch", "feature/x"]).unwrap();
    Git::at(dir.path())
        .run(&["clone", "--quiet", "upstream", "clone"])
        .unwrap();
    let clone = dir.path().join("clone");
    Git::at(&clone).run(&["branch", "mine"]).unwrap();

    let refs = |source: &Source| {
        let list = ["for-each-ref", "--format=%(objecttype) %(refname)"];
        source.git().run(&list).unwrap()
    };
    let source = prepare(&clone, None, &dir.path().join("source.git")).unwrap();
    insta::assert_snapshot!(refs(&source), @"
    commit refs/heads/feature/x
    commit refs/heads/main
    commit refs/heads/mine
    tag refs/tags/v1
    ");
    assert_eq!(
        source.default_branch,
        Some(DefaultBranch {
            name: "main".to_owned(),
            sha: source.sha.clone()
        })
    );
    let tagged = prepare(&clone, Some("v1"), &dir.path().join("tagged.git")).unwrap();
    assert_eq!(refs(&tagged), refs(&source), "the event does not change the tag");

    write(&clone, "file", "two");
    let dirty = prepare(&clone, None, &dir.path().join("dirty.git")).unwrap();
    let main = dirty.git().run(&["rev-parse", "refs/heads/main"]).unwrap();
    assert_eq!(main, dirty.sha.as_str());
}

#[test]
fn repositories_within_the_directory_are_left_out_and_named() {
    let dir = tempfile::tempdir().unwrap();
    let files = dir.path().join("files");
    write(&files, "a", "text");
    for name in ["empty", "lib/one", "lib/three", "lib/two"] {
        let within = files.join(name);
        write(&within, "file", "text");
        Git::at(&within).run(&["init", "--quiet", "."]).unwrap();
    }
    repository(&files.join("lib/one"), &[]);
    let place = files.canonicalize().unwrap();
    let source = prepare(&files, None, &dir.path().join("plain.git")).unwrap();
    assert_eq!(paths(&source), ["a"]);
    assert_eq!(
        source.description,
        format!(
            "the files of {} (without empty, lib/one, lib/three and 1 more, git repositories of their own)",
            place.display()
        )
    );

    write(&files, ".gitignore", "lib\n");
    let git = Git::at(&files);
    git.run(&["init", "--quiet", "."]).unwrap();
    git.run(&["add", "a", ".gitignore"]).unwrap();
    git.run(&["commit", "--quiet", "-m", "First"]).unwrap();
    let source = prepare(&files, None, &dir.path().join("source.git")).unwrap();
    assert!(
        source
            .description
            .ends_with(" (without empty, a git repository of its own)"),
        "{}",
        source.description
    );
}

#[test]
fn a_url_names_any_path() {
    let source = |git_dir: &str| Source {
        git_dir: git_dir.into(),
        sha: "0123456789012345678901234567890123456789".parse().unwrap(),
        parent: None,
        git_ref: "refs/heads/main".to_owned(),
        default_branch: None,
        description: String::new(),
    };
    assert_eq!(source("/tmp/a-b_c.git").clone_url(), "file:///tmp/a-b_c.git");
    assert_eq!(
        source("/tmp/%41 ü?#").clone_url(),
        "file:///tmp/%2541%20%C3%BC%3F%23"
    );
}

#[test]
fn a_base_is_a_branch_also_of_origin_or_a_commit() {
    let dir = tempfile::tempdir().unwrap();
    let (origin, repo) = (dir.path().join("origin"), dir.path().join("repo"));
    write(&origin, "file", "one");
    let git = |args: &[&str]| Git::at(&origin).run(args).unwrap();
    git(&["init", "--quiet", "--initial-branch=main", "."]);
    git(&["add", "."]);
    git(&["commit", "--quiet", "-m", "First"]);
    git(&["branch", "release/1"]);
    let from = origin.to_string_lossy();
    Git::at(dir.path())
        .run(&["clone", "--quiet", &from, "repo"])
        .unwrap();
    let sha = resolve(&repo, "HEAD").unwrap();
    let table = [
        ("main", Some("main")),
        ("origin/main", Some("main")),
        ("release/1", Some("release/1")),
        ("origin/release/1", Some("release/1")),
        ("refs/heads/main", Some("main")),
        ("HEAD", Some("main")),
        (sha.as_str(), None),
        ("HEAD^{commit}", None),
    ];
    for (name, branch) in table {
        let found = base(&repo, name).unwrap();
        assert_eq!((found.branch.as_deref(), &found.sha), (branch, &sha), "{name}");
    }
    for name in ["nowhere", "--all", ""] {
        assert!(base(&repo, name).is_err(), "{name}");
    }

    // The default branch's policy holds: it stays where it is.
    let source = prepare(&repo, None, &dir.path().join("ours.git")).unwrap();
    let onto = |current, name| source.of_pull_request(current, base(&repo, name).ok().as_ref());
    let pair = |head: &str, onto: &str| (head.to_owned(), onto.to_owned());
    assert_eq!(onto("topic", "main"), pair("topic", "main"));
    assert_eq!(onto("main", "release/1"), pair("changes", "release/1"));
    assert_eq!(onto("topic", "topic"), pair("changes", "topic"));
}
