//! What the features link: one TLS and HTTP stack on AWS, none on one machine. Feature unification in some crate far away is
//! all it takes to bring a second one.

use std::collections::BTreeSet;
use std::process::Command;

/// Crates, as `name version`, that this package links with these features.
fn linked(features: &str) -> BTreeSet<String> {
    let output = Command::new(env!("CARGO"))
        .current_dir(env!("CARGO_MANIFEST_DIR"))
        .args([
            "tree",
            "--offline",
            "--edges",
            "normal",
            "--prefix",
            "none",
            "--format",
            "{p}",
        ])
        .args([
            "--package",
            env!("CARGO_PKG_NAME"),
            "--no-default-features",
            "--features",
            features,
        ])
        .output()
        .expect("cargo runs");
    assert!(
        output.status.success(),
        "{}",
        String::from_utf8_lossy(&output.stderr)
    );
    let lines = String::from_utf8_lossy(&output.stdout).into_owned();
    lines
        .lines()
        .filter_map(|line| {
            let mut words = line.split(' ');
            Some(format!(
                "{} {}",
                words.next()?,
                words.next()?.trim_start_matches('v')
            ))
        })
        .collect()
}

fn versions<'a>(linked: &'a BTreeSet<String>, name: &str) -> Vec<&'a str> {
    linked
        .iter()
        .filter_map(|krate| krate.strip_prefix(name)?.strip_prefix(' '))
        .collect()
}

#[test]
fn every_service_shares_one_stack_on_ring() {
    let linked = linked("dynamodb,sqs,sfn,s3,ssm,entry,forge,backends");
    for unwanted in [
        "aws-config",
        "aws-lc-rs",
        "aws-lc-sys",
        "native-tls",
        "openssl",
        "openssl-sys",
        "rsa",
        "dynoxide-rs",
    ] {
        assert_eq!(versions(&linked, unwanted), [""; 0], "{unwanted}");
    }
    for one in ["rustls", "hyper", "http", "ring", "tokio-rustls", "hyper-rustls"] {
        let versions = versions(&linked, one);
        assert_eq!(versions.len(), 1, "{one}: {versions:?}");
    }
    assert!(
        versions(&linked, "hyper")[0].starts_with("1."),
        "the SDK's older stack is back"
    );
}

#[test]
fn the_embedded_engine_brings_no_network() {
    let linked = linked("embedded");
    assert_eq!(versions(&linked, "dynoxide-rs"), ["3.2.0"]);
    for unwanted in [
        "hyper",
        "rustls",
        "ring",
        "axum",
        "h2",
        "aws-sdk-sqs",
        "aws-sdk-s3",
        "lambda_runtime",
        "octocrab",
    ] {
        assert_eq!(versions(&linked, unwanted), [""; 0], "{unwanted}");
    }
}
