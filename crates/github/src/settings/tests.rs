use super::*;

const PEM: &str = "-----BEGIN RSA PRIVATE KEY-----\nAAAA\nBBBB\n-----END RSA PRIVATE KEY-----\n";

fn read(variables: &[(&str, &str)]) -> Result<AppEnvironment, SettingsError> {
    AppEnvironment::read(variables.iter().copied())
}

fn no_file(path: &Path) -> io::Result<String> {
    panic!("nobody asked for {}", path.display())
}

#[test]
fn every_alias_gives_its_setting() {
    for name in APP_ID.names {
        assert_eq!(read(&[(name, " 42 ")]).unwrap().app_id(), Ok(AppId(42)));
    }
    for name in PRIVATE_KEY.names {
        let key = read(&[(name, PEM)]).unwrap().private_key(no_file).unwrap();
        assert_eq!(key.expose_secret(), PEM);
    }
    for name in PRIVATE_KEY_FILE.names {
        let environment = read(&[(name, "/keys/app.pem")]).unwrap();
        let key = environment.private_key(|path| {
            assert_eq!(path, Path::new("/keys/app.pem"));
            Ok(PEM.to_owned())
        });
        assert_eq!(key.unwrap().expose_secret(), PEM);
    }
    for name in WEBHOOK_SECRET.names {
        let secrets = read(&[(name, "s3cret\n")]).unwrap().webhook_secrets().unwrap();
        assert_eq!(secrets.sign(b"x"), crate::webhook::sign(&"s3cret".into(), b"x"));
    }
    let url = read(&[("GITHUB_API_URL", "https://ghe.example/api/v3/")]).unwrap();
    assert_eq!(url.api_url().as_str(), "https://ghe.example/api/v3");
    assert_eq!(read(&[]).unwrap().api_url(), &ApiUrl::default());
}

#[test]
fn the_previous_secret_is_taken_too() {
    let environment = read(&[("WEBHOOK_SECRET", "new"), ("GH_WEBHOOK_SECRET_PREVIOUS", "old")]).unwrap();
    let secrets = environment.webhook_secrets().unwrap();
    let old = crate::webhook::sign(&"old".into(), b"x");
    assert_eq!(secrets.verify(b"x", Some(&old)), Ok(()));
}

#[test]
fn aliases_that_agree_are_fine_and_those_that_differ_are_not() {
    assert_eq!(
        read(&[("APP_ID", "42"), ("GH_APP_ID", "42\n")]).unwrap().app_id(),
        Ok(AppId(42))
    );
    let escaped = PEM.replace('\n', "\\n");
    assert!(read(&[("PRIVATE_KEY", PEM), ("GH_PRIVATE_KEY", &escaped)]).is_ok());
    let other = PEM.replace("BBBB", "CCCC");
    let table: [&[(&str, &str)]; 3] = [
        &[("APP_ID", "42"), ("GITHUB_APP_ID", "43")],
        &[("WEBHOOK_SECRET", "hunter2"), ("GH_WEBHOOK_SECRET", "hunter3")],
        &[("PRIVATE_KEY", PEM), ("GITHUB_PRIVATE_KEY", &other)],
    ];
    let errors: Vec<_> = table
        .iter()
        .map(|variables| read(variables).unwrap_err().to_string())
        .collect();
    insta::assert_snapshot!(errors.join("\n"), @"
    GITHUB_APP_ID and APP_ID both give the GitHub App's id, and differ: unset one of them
    GH_WEBHOOK_SECRET and WEBHOOK_SECRET both give the webhook secret, and differ: unset one of them
    GITHUB_PRIVATE_KEY and PRIVATE_KEY both give the GitHub App's private key, and differ: unset one of them
    ");
}

#[test]
fn a_key_and_a_file_of_it_must_agree() {
    let environment = read(&[
        ("PRIVATE_KEY", &PEM.replace('\n', "\\n")),
        ("PRIVATE_KEY_FILE", "/k"),
    ])
    .unwrap();
    assert!(environment.private_key(|_| Ok(PEM.to_owned())).is_ok());
    let error = environment
        .private_key(|_| Ok(PEM.replace("AAAA", "ZZZZ")))
        .unwrap_err();
    assert_eq!(
        error.to_string(),
        "PRIVATE_KEY and PRIVATE_KEY_FILE both give the GitHub App's private key, and differ: unset one of them"
    );
}

#[test]
fn what_is_missing_or_wrong_is_said_without_a_value() {
    let empty = read(&[("GH_APP_ID", ""), ("WEBHOOK_SECRET", " "), ("HOME", "/root")]).unwrap();
    let file = read(&[("PRIVATE_KEY_PATH", "/keys/app.pem")]).unwrap();
    let errors = [
        empty.app_id().unwrap_err(),
        empty.webhook_secrets().unwrap_err(),
        empty.private_key(no_file).unwrap_err(),
        file.private_key(|_| Err(io::ErrorKind::NotFound.into()))
            .unwrap_err(),
        file.private_key(|_| Ok("x".repeat(KEY_BYTES + 1))).unwrap_err(),
        read(&[("APP_ID", "Iv1.hunter2")]).unwrap_err(),
        read(&[("APP_ID", "0")]).unwrap_err(),
        read(&[("GITHUB_API_URL", "https://u:hunter2@host")]).unwrap_err(),
    ];
    let text = errors.map(|error| error.to_string()).join("\n");
    assert!(!text.contains("hunter2"));
    insta::assert_snapshot!(text, @r#"
    the GitHub App's id is not set: set GH_APP_ID or GITHUB_APP_ID or APP_ID
    the webhook secret is not set: set GH_WEBHOOK_SECRET or GITHUB_WEBHOOK_SECRET or WEBHOOK_SECRET
    the GitHub App's private key is not set: set GH_PRIVATE_KEY or GITHUB_PRIVATE_KEY or PRIVATE_KEY to its text, or PRIVATE_KEY_PATH or PRIVATE_KEY_FILE to its file
    the file of the GitHub App's private key in PRIVATE_KEY_PATH can't be used: /keys/app.pem: entity not found
    the file of the GitHub App's private key in PRIVATE_KEY_PATH can't be used: /keys/app.pem: longer than 65536 bytes, so not a private key
    the GitHub App's id in APP_ID can't be used: expected the number that the App's settings page shows as "App ID"
    the GitHub App's id in APP_ID can't be used: expected the number that the App's settings page shows as "App ID"
    the address of GitHub's REST API in GITHUB_API_URL can't be used: the address has a query, a user or signs that no address has
    "#);
}

#[test]
fn nothing_prints_a_secret() {
    let environment = read(&[("PRIVATE_KEY", PEM), ("WEBHOOK_SECRET", "hunter2")]).unwrap();
    let shown = format!("{environment:?}");
    assert!(!shown.contains("AAAA") && !shown.contains("hunter2"), "{shown}");
}

#[test]
fn pem_lines_of_every_form_are_the_same() {
    let lines = pem_lines(PEM);
    assert_eq!(lines.len(), 4);
    for form in [
        PEM.replace('\n', "\r\n"),
        PEM.replace('\n', "\\n"),
        PEM.replace('\n', "\\r\\n"),
        format!("\"{PEM}\""),
    ] {
        assert_eq!(pem_lines(&form), lines, "{form}");
    }
}
