//! The keys of every row, typed. Single-table design: what is read together has one partition.
//!
//! | row                  | `pk`                    | `sk`               |
//! |----------------------|-------------------------|--------------------|
//! | delivery             | `DELIVERY#id`           | `DELIVERY`         |
//! | run                  | `RUN#id`                | `RUN`              |
//! | job                  | `RUN#id of its run`     | `JOB#id`           |
//! | a run of a commit    | `COMMIT#repository#sha` | `RUN#created#id`   |
//! | a job's history      | `HISTORY#repository`    | `JOB#id`           |
//! | schedules            | `SCHEDULE#repository`   | `SCHEDULE`         |
//! | a concurrency group  | `GROUP#repository#id`   | `GROUP`            |
//! | runs of a file       | `NUMBER#repository`     | `WORKFLOW#id`      |

use super::item::Item;
use super::schema::{OPEN_PK, OPEN_SK, PK, SK};
use aws_sdk_dynamodb::types::AttributeValue;
use checkmill_core::{
    CommitSha, DeliveryId, GroupId, HistoryId, JobId, RepositoryId, RunId, UnixMillis, WorkflowId,
};

/// Partitions of each kind of open work in the index.
///
/// A partition takes 1,000 write units a second (DynamoDB docs), and a sort key that grows with time can't be split by
/// DynamoDB itself. Step Functions admits about 300 starts a second for good (limits reference); a job's row is written
/// about six times, and a moved index key is a delete and a put: 3,600 units a second at the most, 450 for each of eight.
/// A sweep pays for it with eight queries of each kind.
pub const OPEN_SHARDS: u32 = 8;

#[derive(Debug, Clone, Copy)]
pub(crate) enum Key<'a> {
    Delivery(&'a DeliveryId),
    Run(&'a RunId),
    Job(&'a JobId),
    CommitRun {
        repository: RepositoryId,
        sha: &'a CommitSha,
        created_at: UnixMillis,
        run: &'a RunId,
    },
    History {
        repository: RepositoryId,
        id: &'a HistoryId,
    },
    Schedule(RepositoryId),
    /// In a partition of its own: those of a repository are never read together.
    Group {
        repository: RepositoryId,
        id: &'a GroupId,
    },
    Numbers {
        repository: RepositoryId,
        id: &'a WorkflowId,
    },
}

/// The partition keys' beginning of what was learned.
pub(crate) const HISTORY_PARTITION: &str = "HISTORY#";

/// The sort key's beginning of a commit's runs.
pub(crate) const COMMIT_RUN: &str = "RUN#";

impl Key<'_> {
    pub(crate) fn pk(&self) -> String {
        match self {
            Self::Delivery(id) => format!("DELIVERY#{id}"),
            Self::Run(id) => run_partition(id),
            Self::Job(id) => run_partition(&id.run()),
            Self::CommitRun { repository, sha, .. } => commit_partition(*repository, sha),
            Self::History { repository, .. } => format!("{HISTORY_PARTITION}{repository}"),
            Self::Schedule(repository) => format!("SCHEDULE#{repository}"),
            Self::Group { repository, id } => format!("GROUP#{repository}#{id}"),
            Self::Numbers { repository, .. } => format!("NUMBER#{repository}"),
        }
    }

    pub(crate) fn sk(&self) -> String {
        match self {
            Self::Delivery(_) => "DELIVERY".to_owned(),
            Self::Run(_) => "RUN".to_owned(),
            Self::Job(id) => format!("JOB#{id}"),
            Self::CommitRun { created_at, run, .. } => {
                format!("{COMMIT_RUN}{}#{run}", sortable(*created_at))
            }
            Self::History { id, .. } => format!("JOB#{id}"),
            Self::Schedule(_) => "SCHEDULE".to_owned(),
            Self::Group { .. } => "GROUP".to_owned(),
            Self::Numbers { id, .. } => format!("WORKFLOW#{id}"),
        }
    }

    /// The key as DynamoDB takes it.
    pub(crate) fn item(&self) -> Item {
        Item::from([
            (PK.to_owned(), AttributeValue::S(self.pk())),
            (SK.to_owned(), AttributeValue::S(self.sk())),
        ])
    }
}

pub(crate) fn run_partition(id: &RunId) -> String {
    format!("RUN#{id}")
}

pub(crate) fn commit_partition(repository: RepositoryId, sha: &CommitSha) -> String {
    format!("COMMIT#{repository}#{sha}")
}

/// What a row in the index of open work is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Open {
    Delivery,
    Job,
    Schedule,
}

impl Open {
    /// The index's partition of a shard.
    pub(crate) fn partition(self, shard: u32) -> String {
        match self {
            Self::Delivery => format!("DELIVERY#{shard}"),
            Self::Job => format!("JOB#{shard}"),
            Self::Schedule => format!("SCHEDULE#{shard}"),
        }
    }

    /// How many shards there are. A repository's schedules are written once in five minutes at the most: one will do, and
    /// saves the sweep its queries.
    pub(crate) const fn shards(self) -> u32 {
        match self {
            Self::Delivery | Self::Job => OPEN_SHARDS,
            Self::Schedule => 1,
        }
    }

    /// The index attributes of an open row; a row without them is not in the index.
    pub(crate) fn attributes(self, id: &str, at: UnixMillis) -> [(String, AttributeValue); 2] {
        let partition = self.partition(shard(id) % self.shards());
        let sort = format!("{}#{id}", sortable(at));
        [
            (OPEN_PK.to_owned(), AttributeValue::S(partition)),
            (OPEN_SK.to_owned(), AttributeValue::S(sort)),
        ]
    }
}

/// An instant as text that sorts as the number does. Twenty digits hold any of them.
pub(crate) fn sortable(at: UnixMillis) -> String {
    format!("{:020}", at.0)
}

/// FNV-1a over the id: the same on every machine and in every version, which the standard library's hasher is not.
fn shard(id: &str) -> u32 {
    let hash = id.bytes().fold(0x811c_9dc5_u32, |hash, byte| {
        (hash ^ u32::from(byte)).wrapping_mul(0x0100_0193)
    });
    hash % OPEN_SHARDS
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn keys_of_every_row() {
        let run: RunId = "0123456789abcdef".parse().unwrap();
        let job: JobId = "0123456789abcdef-01234567".parse().unwrap();
        let delivery: DeliveryId = "72d3162e-cc78".parse().unwrap();
        let sha: CommitSha = "a".repeat(40).parse().unwrap();
        let commit = Key::CommitRun {
            repository: RepositoryId(7),
            sha: &sha,
            created_at: UnixMillis(1_700_000_000_123),
            run: &run,
        };
        let history = HistoryId::derive("ci.yml", &"test".parse().unwrap(), "");
        let history = Key::History {
            repository: RepositoryId(7),
            id: &history,
        };
        let text = [
            Key::Delivery(&delivery),
            Key::Run(&run),
            Key::Job(&job),
            commit,
            history,
            Key::Schedule(RepositoryId(7)),
            Key::Group {
                repository: RepositoryId(7),
                id: &GroupId::derive("Deploy"),
            },
            Key::Numbers {
                repository: RepositoryId(7),
                id: &WorkflowId::derive("ci.yml"),
            },
        ]
        .map(|key| format!("{} | {}", key.pk(), key.sk()))
        .join("\n");
        insta::assert_snapshot!(text, @"
        DELIVERY#72d3162e-cc78 | DELIVERY
        RUN#0123456789abcdef | RUN
        RUN#0123456789abcdef | JOB#0123456789abcdef-01234567
        COMMIT#7#aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa | RUN#00000001700000000123#0123456789abcdef
        HISTORY#7 | JOB#557911ef82f8ff410fff0dea1ab14a08
        SCHEDULE#7 | SCHEDULE
        GROUP#7#fa3eda175a209766da1840b5324b7989 | GROUP
        NUMBER#7 | WORKFLOW#28fd2a2b445fc21a950620828dc00217
        ");
    }

    #[test]
    fn ids_spread_evenly_over_the_shards() {
        let mut rows = [0_u32; OPEN_SHARDS as usize];
        for n in 0..8000_u32 {
            rows[shard(&format!("0123456789abcdef-{n:08x}")) as usize] += 1;
        }
        assert!(rows.iter().all(|n| (800..1200).contains(n)), "{rows:?}");
    }

    proptest! {
        #[test]
        fn instants_sort_as_text(a: u64, b: u64) {
            prop_assert_eq!(sortable(UnixMillis(a)).cmp(&sortable(UnixMillis(b))), a.cmp(&b));
        }

        /// The bound of a sweep's query is exclusive at the instant: rows of the instant itself carry a longer key.
        #[test]
        fn rows_at_the_bound_are_left_out(at: u64, bound: u64) {
            let [_, (_, sort)] = Open::Job.attributes("id", UnixMillis(at));
            prop_assert_eq!(sort.as_s().unwrap() < &sortable(UnixMillis(bound)), at < bound);
        }
    }
}
