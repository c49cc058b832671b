//! A disk that is full: nothing of the run could be written down, so no job would ever come to its end.

use std::io::{self, ErrorKind, Write as _};
use std::path::{Path, PathBuf};
use std::time::Duration;
use tokio::time::Instant;

/// Between two looks.
const LOOK_EVERY: Duration = Duration::from_secs(1);
/// How long a disk may be full without a break: a step may fill it and make room again.
const PATIENCE: Duration = Duration::from_secs(10);
/// What must fit: a few pages of the store.
const PROBE_BYTES: usize = 64 * 1024;

/// The directories that a run writes to.
pub(super) struct Disks<P = fn(&Path) -> io::Result<()>> {
    places: Vec<PathBuf>,
    /// Writes something there and takes it away.
    probe: P,
}

impl Disks {
    pub(super) fn of<'p>(places: impl IntoIterator<Item = &'p Path>) -> Self {
        Self {
            places: places.into_iter().map(Path::to_owned).collect(),
            probe,
        }
    }
}

impl<P: FnMut(&Path) -> io::Result<()>> Disks<P> {
    /// Ends with the directory whose disk is full, and has been for a while; never while there is room.
    pub(super) async fn full(&mut self) -> PathBuf {
        let mut looks = tokio::time::interval(LOOK_EVERY);
        looks.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
        let mut since: Option<Instant> = None;
        loop {
            let now = looks.tick().await;
            let Self { places, probe } = self;
            let Some(full) = places
                .iter()
                .find(|place| probe(place).is_err_and(|error| is_full(&error)))
            else {
                since = None;
                continue;
            };
            if now.duration_since(*since.get_or_insert(now)) >= PATIENCE {
                return full.clone();
            }
        }
    }
}

/// What is said then.
pub(super) fn text(place: PathBuf) -> String {
    format!(
        "The disk that holds {} is full, so nothing of the run can be written down. Make room on it, or name a directory on \
         another one with --data (without --data: with TMPDIR), and run again.",
        place.display()
    )
}

fn probe(place: &Path) -> io::Result<()> {
    let mut file = tempfile::Builder::new().prefix(".probe").tempfile_in(place)?;
    file.write_all(&[0; PROBE_BYTES])
}

fn is_full(error: &io::Error) -> bool {
    matches!(error.kind(), ErrorKind::StorageFull | ErrorKind::QuotaExceeded)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// `full` for so many looks, then not, then for good.
    fn disks(full: u32) -> Disks<impl FnMut(&Path) -> io::Result<()>> {
        let mut looks = 0;
        let probe = move |_: &Path| {
            looks += 1;
            match looks {
                look if look <= full || look > full + 3 => Err(ErrorKind::StorageFull.into()),
                _ => Ok(()),
            }
        };
        Disks {
            places: vec!["/data".into()],
            probe,
        }
    }

    #[tokio::test(start_paused = true)]
    async fn a_disk_that_stays_full_is_named() {
        let begun = Instant::now();
        assert_eq!(disks(100).full().await, Path::new("/data"));
        assert_eq!(begun.elapsed(), PATIENCE);
    }

    #[tokio::test(start_paused = true)]
    async fn one_that_has_room_again_begins_anew() {
        let begun = Instant::now();
        disks(5).full().await;
        assert_eq!(begun.elapsed(), LOOK_EVERY * 8 + PATIENCE);
    }

    #[test]
    fn what_fits_leaves_nothing_behind() {
        let place = tempfile::tempdir().unwrap();
        probe(place.path()).unwrap();
        assert_eq!(std::fs::read_dir(place.path()).unwrap().count(), 0);
        assert!(!is_full(&probe(&place.path().join("none")).unwrap_err()));
    }
}
