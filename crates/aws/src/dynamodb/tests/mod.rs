//! What the store promises, as one suite over a client: on the embedded engine always, and on AWS's own DynamoDB Local
//! where `CHECKMILL_DYNAMODB_ENDPOINT` names one (`cargo test -p checkmill-aws -- --ignored dynamodb_local`).

mod concurrency;
mod deliveries;
mod expand;
pub(crate) mod fixtures;
mod golden;
mod groups;
mod history;
mod jobs;
mod largest;
mod numbers;
mod round_trip;
mod runs;
mod schedules;
pub(crate) mod world;

/// Each case as a test on the embedded engine, and all of them as one function for another endpoint.
macro_rules! suite {
    ($($module:ident: $($case:ident),+;)+) => {
        mod embedded {
            $($(
                #[tokio::test]
                async fn $case() {
                    super::$module::$case(&super::world::World::embedded().await).await;
                }
            )+)+
        }

        async fn on_endpoint(endpoint: &str) {
            $($(
                super::tests::$module::$case(&world::World::at(endpoint, stringify!($case)).await).await;
            )+)+
        }
    };
}

suite! {
    deliveries:
        a_delivery_is_recorded_once, a_delivery_only_moves_forward, an_unknown_delivery_does_not_move,
        due_deliveries_come_oldest_first, each_state_is_due_after_a_time_of_its_own,
        a_deferred_delivery_is_in_nobodys_way, a_long_reason_is_cut;
    runs:
        a_run_is_created_once, a_run_is_replaced_only_at_the_version_that_was_read, a_run_too_large_is_refused,
        a_commit_lists_its_runs_oldest_first, a_long_list_of_runs_is_read_to_its_end,
        a_run_that_names_an_unseen_job_is_not_given_out;
    expand:
        jobs_and_run_are_written_together, an_expansion_at_a_stale_version_writes_nothing,
        jobs_that_have_a_row_keep_it, the_largest_matrix_is_written_jobs_first,
        jobs_of_many_bytes_are_written_in_several_transactions;
    jobs:
        a_job_is_replaced_only_at_the_version_that_was_read, due_jobs_come_most_overdue_first,
        a_job_that_owes_nothing_is_not_due, a_job_that_is_at_work_makes_place_for_others, every_row_says_when_it_is_forgotten;
    history:
        a_history_is_replaced_only_at_the_version_that_was_read, all_histories_are_found_among_other_rows;
    schedules:
        a_schedule_is_replaced_only_at_the_version_that_was_read, due_schedules_come_oldest_first_and_are_never_forgotten;
    groups:
        a_group_is_replaced_only_at_the_version_that_was_read;
    numbers:
        numbers_are_replaced_only_at_the_version_that_was_read, numbers_of_a_forks_file_are_forgotten;
    concurrency:
        each_version_has_one_writer, a_run_has_one_creator, an_expansion_has_one_winner,
        a_delivery_has_one_row;
}

#[tokio::test]
#[ignore = "needs DynamoDB Local at CHECKMILL_DYNAMODB_ENDPOINT"]
#[expect(clippy::disallowed_methods, reason = "a test's own switch, set by xtask")]
async fn the_suite_holds_on_dynamodb_local() {
    let endpoint = std::env::var("CHECKMILL_DYNAMODB_ENDPOINT")
        .expect("CHECKMILL_DYNAMODB_ENDPOINT names DynamoDB Local");
    on_endpoint(&endpoint).await;
}
