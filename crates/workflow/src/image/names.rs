//! What GitHub's Ubuntu image has and another machine may lack. By the lists of software of `actions/runner-images`
//! (`images/ubuntu/Ubuntu2404-Readme.md`), without what any machine with git and a shell has.
//!
//! Closed lists on purpose: what is not here is never taken for a part of the image, and no word of a workflow file can
//! become a name that a model is told of.

/// Programs, sorted.
pub const IMAGE_PROGRAMS: [&str; 148] = [
    "7z",
    "R",
    "ansible",
    "ansible-playbook",
    "ant",
    "apt",
    "apt-get",
    "aria2c",
    "autoconf",
    "automake",
    "aws",
    "az",
    "azcopy",
    "bazel",
    "bazelisk",
    "bicep",
    "bison",
    "brotli",
    "buildah",
    "bundle",
    "bundler",
    "bunzip2",
    "bzip2",
    "cabal",
    "cargo",
    "chromedriver",
    "chromium",
    "clang",
    "clang++",
    "clang-format",
    "clang-tidy",
    "clippy-driver",
    "cmake",
    "composer",
    "conda",
    "cpack",
    "cpan",
    "ctest",
    "curl",
    "dig",
    "docker",
    "docker-compose",
    "dotnet",
    "dpkg",
    "dpkg-deb",
    "fakeroot",
    "fastlane",
    "file",
    "firefox",
    "flex",
    "g++",
    "gcc",
    "gcloud",
    "geckodriver",
    "gem",
    "gfortran",
    "gh",
    "ghc",
    "ghcup",
    "git-lfs",
    "go",
    "gofmt",
    "google-chrome",
    "gpg",
    "gradle",
    "gsutil",
    "helm",
    "hg",
    "ifconfig",
    "java",
    "javac",
    "jq",
    "julia",
    "kind",
    "kotlin",
    "kotlinc",
    "kubectl",
    "kustomize",
    "lerna",
    "libtoolize",
    "lz4",
    "m4",
    "make",
    "mediainfo",
    "minikube",
    "mvn",
    "mysql",
    "mysqladmin",
    "mysqldump",
    "nc",
    "newman",
    "nginx",
    "ninja",
    "node",
    "npm",
    "npx",
    "nslookup",
    "openssl",
    "packer",
    "parallel",
    "parcel",
    "patchelf",
    "perl",
    "php",
    "phpunit",
    "pigz",
    "pip",
    "pip3",
    "pipx",
    "pkg-config",
    "podman",
    "psql",
    "pulumi",
    "pwsh",
    "python",
    "python3",
    "rake",
    "rpm",
    "rsync",
    "ruby",
    "rustc",
    "rustdoc",
    "rustfmt",
    "rustup",
    "sam",
    "shellcheck",
    "skopeo",
    "sqlite3",
    "ssh",
    "sshpass",
    "stack",
    "sudo",
    "swift",
    "swig",
    "systemctl",
    "telnet",
    "terraform",
    "tree",
    "unzip",
    "upx",
    "wget",
    "xvfb-run",
    "yamllint",
    "yarn",
    "yq",
    "zip",
    "zstd",
    "zsync",
];

/// Variables, sorted; see also [`is_image_variable`].
const VARIABLES: [&str; 21] = [
    "ANDROID_HOME",
    "ANDROID_NDK",
    "ANDROID_NDK_HOME",
    "ANDROID_NDK_LATEST_HOME",
    "ANDROID_NDK_ROOT",
    "ANDROID_SDK_ROOT",
    "ANT_HOME",
    "AZURE_EXTENSION_DIR",
    "CHROMEWEBDRIVER",
    "CHROME_BIN",
    "CONDA",
    "EDGEWEBDRIVER",
    "GECKOWEBDRIVER",
    "GRADLE_HOME",
    "ImageOS",
    "ImageVersion",
    "JAVA_HOME",
    "NVM_DIR",
    "SELENIUM_JAR_PATH",
    "SWIFT_PATH",
    "VCPKG_INSTALLATION_ROOT",
];

/// The name as the list has it.
#[must_use]
pub fn image_program(name: &str) -> Option<&'static str> {
    IMAGE_PROGRAMS.into_iter().find(|program| *program == name)
}

/// Whether GitHub's image sets this variable: one of the list, or where one version of a tool is (`JAVA_HOME_17_X64`,
/// `GOROOT_1_22_X64`).
#[must_use]
pub fn is_image_variable(name: &str) -> bool {
    let of_version = |prefix: &str| {
        let rest = name.strip_prefix(prefix)?;
        let (version, arch) = rest.rsplit_once('_')?;
        let digits = !version.is_empty()
            && version.len() <= 8
            && version.bytes().all(|b| b.is_ascii_digit() || b == b'_');
        Some(digits && matches!(arch, "X64" | "ARM64"))
    };
    VARIABLES.contains(&name)
        || of_version("JAVA_HOME_").unwrap_or(false)
        || of_version("GOROOT_").unwrap_or(false)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_lists_are_sorted_and_hold_no_shell() {
        assert!(IMAGE_PROGRAMS.is_sorted() && VARIABLES.is_sorted());
        for shell in ["bash", "sh", "git"] {
            assert_eq!(image_program(shell), None, "{shell}");
        }
    }

    #[test]
    fn variables_of_versions() {
        for (name, expected) in [
            ("ANDROID_HOME", true),
            ("JAVA_HOME_17_X64", true),
            ("GOROOT_1_22_X64", true),
            ("GOROOT_1_22_ARM64", true),
            ("JAVA_HOME_X64", false),
            ("JAVA_HOME_a_X64", false),
            ("JAVA_HOME_17_X64_Y", false),
            ("HOME", false),
            ("", false),
        ] {
            assert_eq!(is_image_variable(name), expected, "{name}");
        }
    }
}
