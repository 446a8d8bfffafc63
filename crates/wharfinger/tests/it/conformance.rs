//! What every store must do. A store is held against all of it by naming a way to make an empty one.

mod addresses;
mod administration;
mod admission;
mod answers;
mod by_id;
mod catalogue;
mod dry_runs;
mod emails;
mod embedded;
mod erasing;
mod feed;
mod fulfilments;
mod lists;
mod numbers;
mod reading;
mod receipt_lists;
mod receipts;
mod sharing;
mod support;
mod together;
mod whole;

use std::sync::Arc;

use futures_util::future::BoxFuture;
use wharfinger::store::Store;
use wharfinger::store::{Options, SqlStore};

use crate::support::database::open_store;
use crate::support::fixture::{DataDirectory, empty_postgres_directory};

/// One thing that a store must do, shown on an empty one.
type Law = (&'static str, fn(Arc<dyn Store>) -> BoxFuture<'static, ()>);

/// Names an async function, so that a failure tells which law was broken.
macro_rules! law {
    ($module:ident::$name:ident) => {
        (stringify!($name), |store| Box::pin($module::$name(store)))
    };
}

const LAWS: &[Law] = &[
    law!(admission::new_orders_are_accepted_and_read_back),
    law!(admission::the_same_content_again_is_unchanged),
    law!(admission::other_content_is_a_new_revision),
    law!(admission::repeats_inside_a_batch_act_one_after_the_other),
    law!(admission::organisations_and_dialects_are_apart),
    law!(admission::outcomes_follow_the_order_of_the_batch),
    law!(admission::a_batch_may_need_many_blocks),
    law!(admission::final_orders_change_no_more),
    law!(admission::a_released_key_begins_anew),
    law!(admission::a_key_that_is_moved_twice_moves_once),
    law!(numbers::the_next_number_passes_over_those_taken),
    law!(numbers::a_number_is_taken_once_in_an_organisation_and_dialect),
    law!(numbers::a_draft_is_completed_by_what_is_added),
    law!(numbers::what_is_not_there_cannot_be_completed),
    law!(receipts::a_receipt_tells_of_each_order),
    law!(receipts::a_receipt_tells_how_long_it_took),
    law!(receipts::numbers_are_told),
    law!(receipts::orders_turned_down_by_the_store_are_kept_too),
    law!(receipts::orders_of_nobody_are_kept),
    law!(receipts::an_unknown_batch_has_no_receipt),
    law!(receipts::an_empty_batch_has_a_receipt),
    law!(receipts::a_batch_is_admitted_once),
    law!(receipts::a_key_sees_the_orders_of_its_organisations),
    law!(receipts::an_empty_batch_is_seen_by_whom_it_concerns),
    law!(receipts::results_come_in_pages),
    law!(receipts::a_page_of_long_texts_is_cut),
    law!(receipt_lists::receipts_come_newest_first_in_pages),
    law!(receipt_lists::receipts_are_filtered),
    law!(receipt_lists::receipts_are_found_by_time),
    law!(receipt_lists::a_list_holds_what_its_reader_may_see),
    law!(whole::a_batch_without_a_fault_is_taken_whole),
    law!(whole::one_faulty_order_withholds_all_others),
    law!(whole::an_order_turned_down_by_the_store_withholds_all_others),
    law!(whole::a_batch_is_held_against_itself),
    law!(whole::numbers_withheld_are_not_used_up),
    law!(dry_runs::a_dry_run_stores_nothing),
    law!(dry_runs::a_dry_run_tells_what_becomes_of_a_batch),
    law!(erasing::a_person_is_erased_and_nobody_else),
    law!(answers::an_answer_is_kept_to_the_byte),
    law!(answers::an_answer_may_be_large),
    law!(answers::what_was_answered_is_not_done_again),
    law!(answers::of_many_with_one_name_one_is_done),
    law!(answers::an_answer_past_its_time_is_as_none),
    law!(answers::answers_past_their_time_are_dropped),
    law!(answers::a_failed_batch_leaves_no_answer),
    law!(answers::the_answer_to_a_withheld_batch_is_kept),
    law!(answers::the_answer_to_a_move_is_kept),
    law!(feed::events_stand_in_the_order_of_commits),
    law!(feed::a_batch_without_a_good_order_is_told_of),
    law!(feed::a_feed_is_read_in_pages),
    law!(reading::orders_are_filtered),
    law!(reading::orders_come_in_pages),
    law!(reading::orders_are_counted_up_to_a_bound),
    law!(reading::orders_are_found_by_time),
    law!(reading::a_condition_on_content_is_kept),
    law!(by_id::an_order_is_found_by_its_id),
    law!(by_id::an_order_tells_when_it_last_changed),
    law!(by_id::orders_are_moved_by_their_ids),
    law!(by_id::moves_may_need_many_blocks),
    law!(by_id::history_is_told_latest_first_and_in_pages),
    law!(fulfilments::the_latest_report_is_kept_and_each_is_told_of),
    law!(fulfilments::what_is_not_to_be_fulfilled_takes_no_report),
    law!(lists::lists_are_filtered),
    law!(lists::lists_are_served_by_keys_batches_and_addresses),
    law!(lists::lists_are_bounded_by_times),
    law!(lists::numbered_orders_are_listed_by_their_numbers),
    law!(emails::orders_are_found_by_address_whatever_its_case),
    law!(emails::an_address_that_was_changed_finds_the_order_no_more),
    law!(emails::what_was_added_later_leaves_the_address),
    law!(emails::addresses_of_others_find_nothing),
    law!(emails::orders_of_an_address_are_filtered),
    law!(emails::orders_of_an_address_come_in_pages),
    law!(administration::every_change_makes_a_new_directory),
    law!(administration::impossible_changes_are_refused),
    law!(administration::the_use_of_keys_is_noted_without_a_new_directory),
    law!(administration::every_change_is_in_the_audit_log),
    law!(administration::a_change_is_made_once_under_an_idempotency_key),
    law!(catalogue::a_product_is_known_by_what_names_it),
    law!(catalogue::lines_of_a_load_take_effect_one_after_the_other),
    law!(catalogue::organisations_have_catalogues_of_their_own),
    law!(catalogue::a_load_that_is_all_or_nothing_leaves_nothing),
    law!(catalogue::a_customer_is_known_by_id_or_address),
    law!(catalogue::catalogues_are_read_in_pages),
    law!(catalogue::a_load_is_answered_once_under_an_idempotency_key),
    law!(together::many_clients_share_commits_and_lose_nothing),
    law!(together::one_key_sent_by_many_is_one_order),
    law!(together::numbers_given_to_many_are_all_different),
    law!(together::a_job_that_fails_harms_no_other),
    law!(together::a_closed_store_takes_nothing),
];

/// A fresh store, and what goes when it is closed.
type Made = (Arc<dyn Store>, Option<DataDirectory>);

/// Holds a store against every law; after each, its own check must find nothing wrong.
async fn hold_against_all(make: impl Fn() -> Made) {
    let mut broken = Vec::new();
    for (name, law) in LAWS {
        let (store, directory) = make();
        let outcome = tokio::spawn(law(Arc::clone(&store))).await;
        if let Err(error) = outcome {
            broken.push(format!("{name}: {error}"));
            continue;
        }
        match store.check().await {
            Ok(report) if report.faults.is_empty() => {}
            Ok(report) => broken.push(format!("{name}: check found {:#?}", report.faults)),
            // The law of closing has closed it.
            Err(_) if name.contains("closed") => {}
            Err(error) => broken.push(format!("{name}: {error}")),
        }
        store.close().await;
        drop(directory);
    }
    assert!(broken.is_empty(), "{}", broken.join("\n"));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_embedded_store_keeps_every_law() {
    the_embedded_store(&Options::default()).await;
}

/// The laws hold at any moment of building.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_embedded_store_keeps_every_law_while_it_builds_its_index_of_addresses() {
    the_embedded_store(&Options {
        email_runs: Some(support::SMALL_RUNS),
        ..Options::default()
    })
    .await;
}

/// Whatever the tests run on. A database a law, of the cluster that all tests share.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_postgres_store_keeps_every_law() {
    the_postgres_store(&Options::default()).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_postgres_store_keeps_every_law_while_it_builds_its_index_of_addresses() {
    the_postgres_store(&Options {
        email_runs: Some(support::SMALL_RUNS),
        ..Options::default()
    })
    .await;
}

async fn the_postgres_store(options: &Options) {
    hold_against_all(|| {
        let directory = empty_postgres_directory();
        let store = open_store(directory.path(), options);
        (Arc::new(store), Some(directory))
    })
    .await;
}

async fn the_embedded_store(options: &Options) {
    let directory = tempfile::tempdir().expect("a directory");
    let count = std::sync::atomic::AtomicUsize::new(0);
    hold_against_all(|| {
        let number = count.fetch_add(1, std::sync::atomic::Ordering::Relaxed);
        let path = directory.path().join(number.to_string());
        let store = SqlStore::open(&path, options).expect("the store opens");
        (Arc::new(store), None)
    })
    .await;
}
