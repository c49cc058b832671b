//! Scripts of all kinds, and what they assume.

use super::*;
use proptest::prelude::*;

/// Certain programs and variables; behind `?` what is called besides.
fn assumed(run: &str) -> String {
    let of = Assumption::of(run);
    let mut text: Vec<String> = of.programs.iter().map(|name| (*name).to_owned()).collect();
    text.extend(of.variables.iter().map(|name| format!("${name}")));
    text.extend(of.calls.difference(&of.programs).map(|name| format!("?{name}")));
    text.join(" ")
}

#[test]
fn what_a_script_comes_to_call() {
    for (run, expected) in [
        ("jq . package.json", "jq"),
        ("  jq .\n\tgh pr list", "gh jq"),
        ("echo hello", ""),
        ("echo jq", ""),
        ("echo 'a\njq b'", ""),
        ("echo \"a\njq b\"", ""),
        ("# jq .\necho", ""),
        ("echo a # jq\n", ""),
        ("echo a#jq; yq x", "yq"),
        ("'jq' .; \"g\"h x", "gh jq"),
        ("\\jq .", "jq"),
        ("echo a | jq .b | tee out", "?jq"),
        ("echo a | jq .b", "jq"),
        ("V=1 W=\"a b\" jq .", "jq"),
        ("V=$(jq -r .version package.json)\necho \"$V\"", "jq"),
        ("echo \"v=$(jq -r .v x.json)\" >> \"$GITHUB_OUTPUT\"", "?jq"),
        ("echo `jq . x`", "?jq"),
        ("export V=$(jq . x)", "?jq"),
        ("echo \"`echo \\`jq . x\\``\"", "?jq"),
        ("echo $(( 1 + 2 )) && jq .", "jq"),
        ("cd web && npm ci && npm test", "npm"),
        ("npm ci && npm test\necho", "?npm"),
        ("mkdir -p a && cd a && cmake ..\nninja", "cmake ninja"),
        ("go build ./...\njq .", "go ?jq"),
        ("( cd a; jq . )", "jq"),
        ("{ jq .; } > out", "jq"),
        ("sudo jq .", "jq sudo"),
        ("sudo -E apt-get update", "apt-get sudo"),
        ("sudo -u me jq .", "sudo"),
        ("time docker build .", "docker"),
        ("env A=1 docker build .", "docker"),
        ("exec docker run x\ngh x", "docker ?gh"),
        ("jq . <<EOF\n{\"a\": \"gh x\"}\nEOF\nyq .", "jq yq"),
        ("cat <<'EOF' | jq .\n$(gh x)\nEOF", "jq"),
        ("jq . <<< '{}' 2>err", "jq"),
        ("jq \\\n  -r . \\\n  x", "jq"),
        ("a=(b c)\njq \"${a[@]}\"", "jq"),
        ("jq .a\r\ngh x\r\n", "gh jq"),
        ("jq '.[] | select(.a == \"b\")' x.json", "jq"),
        ("jq . ${{ matrix.file }} > '${{ github.sha }}'", "jq"),
        ("set -euo pipefail\njq .", "jq"),
        ("if true; then echo; fi\njq .", "jq"),
        ("case $X in a) echo;; (b|c) echo;; *) ;; esac\njq .", "jq"),
        ("for i in 1 2; do echo $i; done; jq .", "jq"),
        ("python3 setup.py build", "python3"),
    ] {
        assert_eq!(assumed(run), expected, "{run:?}");
    }
}

#[test]
fn where_it_can_not_be_told_it_is_not_assumed() {
    for (run, expected) in [
        // It looks for the program itself.
        ("command -v jq || exit 0\njq .", "?jq"),
        (
            "if ! command -v jq >/dev/null; then echo none; exit 0; fi\njq .",
            "?jq",
        ),
        ("which jq && jq .", "?jq"),
        ("type -P jq && jq .", "?jq"),
        ("hash gh\ngh x", "?gh"),
        ("[ -x /usr/bin/jq ] && jq .", "?jq"),
        ("for tool in jq yq; do echo $tool; done\njq .", "?jq"),
        // It can do without it.
        ("jq . x || true", "?jq"),
        ("jq . x || cat x", "?jq"),
        ("true || jq .", "?jq"),
        ("! jq .", "?jq"),
        ("if jq -e .a x; then echo; fi", "?jq"),
        ("docker info > /dev/null 2>&1; echo", "?docker"),
        ("V=$(gh api x || echo none)", "?gh"),
        ("jq . & echo", "?jq"),
        ("set +e\njq .\necho $?", "?jq"),
        ("diff <(jq . a) <(jq . b)", "?jq"),
        // Another machine comes to another place.
        (
            "if [ \"$RUNNER_OS\" = Linux ]; then docker ps; else gh x; fi",
            "?docker ?gh",
        ),
        ("case \"$X\" in a) docker ps ;; esac", "?docker"),
        ("for f in *.json; do jq . \"$f\"; done", "?jq"),
        ("while read -r x; do jq . \"$x\"; done < list", "?jq"),
        ("[ -f x ] && jq . x", "?jq"),
        ("[[ $A =~ ^(a|b)$ ]] && jq . x", "?jq"),
        ("git diff --quiet && gh pr create", "?gh"),
        ("exit 0\njq .", "?jq"),
        // It has one of its own.
        ("jq() { cat; }\njq .", ""),
        ("function gh {\n  echo\n}\ngh x", ""),
        ("alias jq=cat\njq .", "?jq"),
        ("f() { jq .; }\nf", "?jq"),
        ("PATH=$PWD/bin:$PATH\njq .", "?jq"),
        ("export PATH=\"$HOME/bin:$PATH\"\njq .", "?jq"),
        ("PATH=x jq .", "jq"),
        (". ./env.sh\njq .", "?jq"),
        ("source ~/.nvm/nvm.sh; npm test", "?npm"),
        ("eval \"$(./env)\"\njq .", "?jq"),
        ("./node_modules/.bin/jq .", ""),
        ("/usr/bin/jq .", ""),
        ("$JQ .; jq .", "?jq"),
        ("${{ inputs.command }}\njq .", "?jq"),
        ("${{ inputs.tool }} --version", ""),
        ("'${{ inputs.tool }}' --version", ""),
        // It brings it.
        ("apt-get install -y jq\njq .", "apt-get ?jq"),
        ("sudo apt-get install -y nodejs\nnode x.js", "apt-get sudo ?node"),
        ("curl -Lo ~/bin/jq https://example.com/jq\njq .", "curl ?jq"),
        (
            "curl https://sh.rustup.rs | sh -s -- -y\ncargo test",
            "?cargo ?curl",
        ),
        ("pip install awscli\naws s3 ls", "pip ?aws"),
        ("./setup.sh\njq .", "?jq"),
        ("make tools\njq .", "make ?jq"),
        ("module load go\ngo build", "?go"),
        ("npm install -g yarn\nyarn build", "npm ?yarn"),
        ("timeout 300 apt-get install -y x\njq .", "?jq"),
        ("sudo -u root apt-get install -y x\njq .", "sudo ?jq"),
        ("su -c 'apk add x'\njq .", "?jq"),
        ("tar xf tools.tar -C /usr/local/bin\njq .", "?jq"),
        ("cp build/* /usr/local/bin/\njq .", "?jq"),
        ("cp a b\njq .", "jq"),
        ("ln -s $PWD/x ~/.local/bin/\njq .", "?jq"),
        ("npm run prepare\njq .", "npm ?jq"),
        ("nix-shell -p x\njq .", "?jq"),
        // What fails in it does not end it.
        ("tree . | head -50\necho", "?tree"),
        ("set +xe\njq .", "?jq"),
        ("set +o errexit\njq .", "?jq"),
        ("shopt -uo errexit\njq .", "?jq"),
        ("ls $(jq -r .d x)", "?jq"),
        ("A=1 B=$(jq . x) echo", "?jq"),
        // It can't be read.
        ("jq 'a", ""),
        ("jq \"a", ""),
        ("jq $(a", ""),
        ("jq .; fi", ""),
        ("jq . <<EOF\nx", ""),
        ("if jq .; then", ""),
        ("((jq .))", ""),
        ("coproc jq .", ""),
        ("", ""),
    ] {
        assert_eq!(assumed(run), expected, "{run:?}");
    }
    assert_eq!(assumed(&format!("jq . # {}", "x".repeat(MODEL_FILE_BYTES))), "");
}

#[test]
fn variables_of_the_image() {
    for (run, expected) in [
        ("export JAVA_HOME=$JAVA_HOME_17_X64", ""),
        ("\"${ANDROID_HOME}/tools/sdkmanager\" x", "$ANDROID_HOME"),
        ("echo \"$CONDA/bin\" >> $GITHUB_PATH", ""),
        ("$CONDA/bin/conda list | head", ""),
        ("$CONDA/bin/conda list || true", ""),
        ("$CONDA list", ""),
        ("ls ${GOROOT_1_22_X64%/}", ""),
        ("ls '$CONDA'", ""),
        ("echo $CONDA", ""),
        ("ls ${CONDA:-/opt/conda}", ""),
        ("CONDA=/opt/conda; ls $CONDA", ""),
        ("[ -n \"$CONDA\" ] && ls $CONDA\nls $CONDA", ""),
        ("[[ -z $CONDA ]] || ls $CONDA", ""),
        ("if true; then ls $CONDA; fi", ""),
        ("ls $HOME $CONDAS", ""),
        ("ls ${CONDA:?is not set}", ""),
    ] {
        assert_eq!(assumed(run), expected, "{run:?}");
    }
}

/// What scripts are put together from.
const PIECES: [&str; 40] = [
    "jq",
    "gh",
    " ",
    "\n",
    ";",
    "&&",
    "||",
    "|",
    "&",
    "(",
    ")",
    "{ ",
    " }",
    "$(",
    "`",
    "'",
    "\"",
    "\\",
    "$",
    "${",
    "}",
    "#",
    "<<EOF\n",
    "\nEOF\n",
    "<",
    ">",
    "if ",
    " then ",
    " fi",
    "for x in ",
    " do ",
    " done",
    "case x in ",
    " esac",
    ";;",
    "f() ",
    "function ",
    "((",
    "))",
    "[[ ",
];

proptest! {
    #[test]
    fn any_script_is_judged(pieces in prop::collection::vec(prop::sample::select(&PIECES[..]), 0..60)) {
        let of = Assumption::of(&pieces.concat());
        prop_assert!(of.programs.is_subset(&of.calls));
    }

    #[test]
    fn any_text_is_judged(text in "\\PC{0,200}") {
        let _ = Assumption::of(&text);
    }

    /// Whatever stands in quotes or behind a `#` is no command.
    #[test]
    fn quotes_hide_what_is_in_them(inner in "[a-z $`\"();&|<>\\\\\n#]{0,40}") {
        let hidden = format!("echo '{inner} ; jq'\ngh x");
        prop_assert_eq!(assumed(&hidden), "gh");
        let double: String = inner.chars().filter(|c| !"$`\"\\".contains(*c)).collect();
        prop_assert_eq!(assumed(&format!("echo \"{double} ; jq .\"\ngh x")), "gh");
        let comment = inner.replace('\n', " ");
        prop_assert_eq!(assumed(&format!("gh x # {comment} ; jq .\necho")), "gh");
        let body = format!("gh x <<'END'\n{inner}\njq .\nEND\nyq .");
        prop_assert!(!assumed(&body).contains("jq"));
    }
}

/// Long and deep ones end soon: the depth is limited, and the walk is one.
#[test]
fn no_script_takes_long() {
    for piece in [
        "(",
        "$(",
        "`",
        "{ ",
        "f() ",
        "if ",
        "((",
        "\"$(",
        "a=(",
        "case x in a) ",
        "<<A ",
        "${a",
        "&& ",
        "! ",
    ] {
        let _ = Assumption::of(&piece.repeat(MODEL_FILE_BYTES / piece.len()));
    }
}
