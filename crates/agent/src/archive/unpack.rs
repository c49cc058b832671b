//! An archive back into files. It may come from another branch's job: nothing in it is written outside its places, nor
//! through a link that leads out of them.

use super::Abandon;
use checkmill_core::limits::{ARCHIVE_FILES, ARCHIVE_UNPACKED_BYTES};
use flate2::read::GzDecoder;
use std::fs::{self, File};
use std::io::{self, BufReader};
use std::path::{Component, Path, PathBuf};
use tar::{Entry, EntryType};

/// Unpacks into these places, by the first part of the names; how many files there were.
///
/// # Errors
/// A sentence without its full stop: an archive that is broken, too large or leads out, or what the file system says.
pub fn unpack(archive: &Path, places: &[(&str, PathBuf)], abandon: &Abandon) -> Result<usize, String> {
    let file = File::open(archive).map_err(|error| format!("the archive can't be read: {error}"))?;
    let mut tar = tar::Archive::new(GzDecoder::new(BufReader::new(file)));
    let broken = |error: io::Error| format!("the archive is broken: {error}");
    let (mut files, mut bytes) = (0, 0_u64);
    for entry in tar.entries().map_err(broken)? {
        let mut entry = entry.map_err(broken)?;
        if abandon.is_abandoned() {
            return Err("it was stopped".to_owned());
        }
        let name = entry.path().map_err(broken)?.into_owned();
        files += 1;
        bytes = bytes.saturating_add(entry.size());
        if files > ARCHIVE_FILES || bytes > ARCHIVE_UNPACKED_BYTES {
            let limit = ARCHIVE_UNPACKED_BYTES / (1024 * 1024 * 1024);
            return Err(format!(
                "the archive has more than {ARCHIVE_FILES} files or {limit} GiB"
            ));
        }
        one(&mut entry, &name, places).map_err(|problem| format!("{}: {problem}", name.display()))?;
    }
    Ok(files)
}

fn one(entry: &mut Entry<'_, impl io::Read>, name: &Path, places: &[(&str, PathBuf)]) -> Result<(), String> {
    let mut parts = name.components();
    let place = parts.next().and_then(|part| match part {
        Component::Normal(part) => places.iter().find(|(known, _)| part.to_str() == Some(known)),
        _ => None,
    });
    let Some((_, base)) = place else {
        return Err("it belongs to no place that is known here".to_owned());
    };
    let relative: PathBuf = parts.clone().collect();
    if !parts.all(|part| matches!(part, Component::Normal(_))) {
        return Err("its name leads out".to_owned());
    }
    let target = base.join(&relative);
    if relative.as_os_str().is_empty() {
        return fs::create_dir_all(base).map_err(|error| error.to_string());
    }
    let parent = target.parent().unwrap_or(base);
    make_inside(base, parent)?;
    match entry.header().entry_type() {
        EntryType::Directory => match fs::symlink_metadata(&target) {
            Ok(data) if data.is_dir() => Ok(()),
            _ => fs::create_dir(&target).map_err(|error| error.to_string()),
        },
        EntryType::Regular | EntryType::Continuous | EntryType::Symlink => {
            // What is there is replaced, not written through.
            if fs::symlink_metadata(&target).is_ok_and(|data| !data.is_dir()) {
                fs::remove_file(&target).map_err(|error| error.to_string())?;
            }
            entry.unpack(&target).map(drop).map_err(|error| error.to_string())
        }
        other => Err(format!("it is no file, link or directory ({other:?})")),
    }
}

/// Makes the directory; it must be inside the base, links resolved.
fn make_inside(base: &Path, directory: &Path) -> Result<(), String> {
    fs::create_dir_all(base).map_err(|error| error.to_string())?;
    let resolved_base = fs::canonicalize(base).map_err(|error| error.to_string())?;
    let Ok(relative) = directory.strip_prefix(base) else {
        return Err("its name leads out".to_owned());
    };
    let mut path = resolved_base.clone();
    for name in relative.components() {
        path.push(name);
        if fs::symlink_metadata(&path).is_err() {
            fs::create_dir(&path).map_err(|error| error.to_string())?;
        }
        path = fs::canonicalize(&path).map_err(|error| error.to_string())?;
        if !path.starts_with(&resolved_base) {
            return Err("a link leads out of the directory it belongs to".to_owned());
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::archive::pack::{Item, pack};
    use flate2::Compression;
    use flate2::write::GzEncoder;
    use std::os::unix::fs::{PermissionsExt, symlink};
    use tar::{Builder, Header};

    #[test]
    fn what_was_packed_comes_back() {
        let temp = tempfile::tempdir().unwrap();
        let source = temp.path().join("source");
        fs::create_dir_all(source.join("sub/empty")).unwrap();
        fs::write(source.join("sub/run.sh"), "#!/bin/sh").unwrap();
        fs::set_permissions(source.join("sub/run.sh"), fs::Permissions::from_mode(0o755)).unwrap();
        symlink("run.sh", source.join("sub/link")).unwrap();
        let item = |name: &str| Item {
            path: source.join(name),
            name: Path::new("home").join(name),
        };
        let items = ["sub", "sub/empty", "sub/run.sh", "sub/link"].map(item);
        let archive = temp.path().join("archive");
        let packed = pack(&items, false, 6, &archive, &Abandon::default()).unwrap();
        assert_eq!(
            (packed.bytes, packed.sha256.len()),
            (fs::metadata(&archive).unwrap().len(), 64)
        );
        let target = temp.path().join("target");
        for _ in 0..2 {
            let places = [("home", target.clone())];
            assert_eq!(unpack(&archive, &places, &Abandon::default()), Ok(4));
        }
        assert_eq!(fs::read_to_string(target.join("sub/link")).unwrap(), "#!/bin/sh");
        assert_eq!(
            fs::metadata(target.join("sub/run.sh"))
                .unwrap()
                .permissions()
                .mode()
                & 0o777,
            0o755
        );
        assert!(target.join("sub/empty").is_dir() && target.join("sub/link").is_symlink());
        let followed = pack(&items[3..], true, 0, &archive, &Abandon::default());
        assert!(followed.is_ok());
        fs::remove_dir_all(&target).unwrap();
        unpack(&archive, &[("home", target.clone())], &Abandon::default()).unwrap();
        assert!(!target.join("sub/link").is_symlink());
        let abandoned = Abandon::default();
        drop(abandoned.guard());
        assert!(pack(&items, false, 6, &archive, &abandoned).is_err());
    }

    /// An archive as nobody honest makes it.
    fn hostile(entries: &[(&str, EntryType, &str)]) -> Result<usize, String> {
        let temp = tempfile::tempdir().unwrap();
        let archive = temp.path().join("archive");
        let mut builder = Builder::new(GzEncoder::new(
            File::create(&archive).unwrap(),
            Compression::fast(),
        ));
        for (name, kind, content) in entries {
            let mut header = Header::new_gnu();
            header.as_mut_bytes()[..name.len()].copy_from_slice(name.as_bytes());
            header.set_entry_type(*kind);
            header.set_mode(0o644);
            let data = if *kind == EntryType::Regular {
                content.as_bytes()
            } else {
                b""
            };
            if *kind != EntryType::Regular {
                header.as_mut_bytes()[157..157 + content.len()].copy_from_slice(content.as_bytes());
            }
            header.set_size(data.len() as u64);
            header.set_cksum();
            builder.append(&header, data).unwrap();
        }
        builder.into_inner().unwrap().finish().unwrap();
        let target = temp.path().join("deep/target");
        let result = unpack(&archive, &[("files", target)], &Abandon::default());
        let outside: Vec<_> = fs::read_dir(temp.path())
            .unwrap()
            .map(|entry| entry.unwrap().file_name().into_string().unwrap())
            .filter(|name| name != "archive" && name != "deep")
            .collect();
        assert_eq!(outside, Vec::<String>::new());
        result
    }

    #[test]
    fn nothing_is_written_outside() {
        use EntryType::{Block, Link, Regular, Symlink};
        type Entries<'a> = &'a [(&'a str, EntryType, &'a str)];
        let table: [(Entries<'_>, &str); 8] = [
            (&[("files/../../../evil", Regular, "x")], "its name leads out"),
            (
                &[("/etc/evil", Regular, "x")],
                "it belongs to no place that is known here",
            ),
            (
                &[("../evil", Regular, "x")],
                "it belongs to no place that is known here",
            ),
            (
                &[("other/evil", Regular, "x")],
                "it belongs to no place that is known here",
            ),
            (
                &[
                    ("files/out", Symlink, "../../.."),
                    ("files/out/evil", Regular, "x"),
                ],
                "a link leads out of the directory it belongs to",
            ),
            (
                &[("files/out", Symlink, "/tmp"), ("files/out/a/evil", Regular, "x")],
                "a link leads out of the directory it belongs to",
            ),
            (
                &[("files/hard", Link, "/etc/passwd")],
                "it is no file, link or directory (Link)",
            ),
            (
                &[("files/device", Block, "")],
                "it is no file, link or directory (Block)",
            ),
        ];
        for (entries, expected) in table {
            let problem = hostile(entries).unwrap_err();
            assert!(problem.ends_with(expected), "{problem}");
        }
        // A link is replaced, not written through.
        assert_eq!(
            hostile(&[("files/a", Symlink, "../../evil"), ("files/a", Regular, "x")]),
            Ok(2)
        );
    }

    #[test]
    fn a_broken_archive_is_no_panic() {
        let temp = tempfile::tempdir().unwrap();
        let archive = temp.path().join("archive");
        for bytes in [
            &b""[..],
            b"not gzip",
            &[0x1f, 0x8b, 8, 0, 0, 0, 0, 0, 0, 3, 1, 2, 3],
        ] {
            fs::write(&archive, bytes).unwrap();
            let result = unpack(&archive, &[("files", temp.path().join("t"))], &Abandon::default());
            assert!(result.unwrap_err().starts_with("the archive is broken: "));
        }
    }
}
