//! The laws: what every store must do. Each law is a separate test on each kind of store.

mod addresses;
mod administration;
mod admission;
mod answers;
mod by_id;
mod catalogue;
mod deliveries;
mod destinations;
mod dry_runs;
mod emails;
mod embedded;
mod erasing;
mod feed;
mod following;
mod fulfilments;
mod lists;
mod numbers;
mod ordered_lists;
mod reading;
mod receipt_lists;
mod receipts;
mod sharing;
mod support;
mod together;
mod whole;

use std::path::Path;
use std::sync::Arc;

use wharfinger::store::{Options, Store};

use crate::support::database::open_store;
use crate::support::fixture::{DataDirectory, empty_postgres_directory};

/// An empty store, and a guard that removes its directory when dropped.
type Empty = (Store, Box<dyn Send>);

fn embedded(options: &Options) -> Empty {
    let directory = tempfile::tempdir().expect("a directory");
    let store = Store::open(directory.path(), options).expect("the store opens");
    (store, Box::new(directory))
}

fn on_embedded() -> Empty {
    embedded(&Options::default())
}

/// The laws must hold at any moment while the e-mail index is built.
fn on_embedded_while_indexing() -> Empty {
    embedded(&while_indexing())
}

/// A store in its own database, on the cluster shared by all tests.
fn postgres(options: &Options) -> Empty {
    let directory: DataDirectory = empty_postgres_directory();
    let path: &Path = directory.path();
    let store = open_store(path, options);
    (store, Box::new(directory))
}

fn on_postgres() -> Empty {
    postgres(&Options::default())
}

fn on_postgres_while_indexing() -> Empty {
    postgres(&while_indexing())
}

fn while_indexing() -> Options {
    Options {
        email_runs: Some(support::SMALL_RUNS),
        // Recent changes are merged into the tables all the time.
        recent_keys: 2,
        ..Options::default()
    }
}

/// Runs a law on an empty store. Afterwards the store's own check must find no fault.
async fn hold(name: &str, make: fn() -> Empty, law: impl AsyncFnOnce(Arc<Store>)) {
    let (store, directory) = make();
    let store: Arc<Store> = Arc::new(store);
    law(Arc::clone(&store)).await;
    match store.check().await {
        Ok(report) => assert!(report.faults.is_empty(), "{:#?}", report.faults),
        // The law about closing has closed the store.
        Err(error) => assert!(name.contains("closed"), "{error}"),
    }
    store.close().await;
    drop(directory);
}

/// Makes each law a test on each kind of store.
macro_rules! laws {
    ($($module:ident::$law:ident),* $(,)?) => {
        laws!(@on on_embedded: $($module::$law),*);
        laws!(@on on_embedded_while_indexing: $($module::$law),*);
        laws!(@on on_postgres: $($module::$law),*);
        laws!(@on on_postgres_while_indexing: $($module::$law),*);
    };
    (@on $make:ident: $($module:ident::$law:ident),*) => {
        mod $make {
            $(
                #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
                async fn $law() {
                    super::hold(stringify!($law), super::$make, super::$module::$law).await;
                }
            )*
        }
    };
}

laws![
    admission::new_orders_are_accepted_and_read_back,
    admission::the_same_content_again_is_unchanged,
    admission::other_content_is_a_new_revision,
    admission::repeats_inside_a_batch_act_one_after_the_other,
    admission::organisations_and_dialects_are_apart,
    admission::outcomes_follow_the_order_of_the_batch,
    admission::a_batch_may_need_many_blocks,
    admission::final_orders_change_no_more,
    admission::a_released_key_begins_anew,
    admission::a_key_that_is_moved_twice_moves_once,
    numbers::the_next_number_passes_over_those_taken,
    numbers::a_number_is_taken_once_in_an_organisation_and_dialect,
    numbers::a_draft_is_completed_by_what_is_added,
    numbers::what_is_not_there_cannot_be_completed,
    receipts::a_receipt_tells_of_each_order,
    receipts::a_receipt_tells_how_long_it_took,
    receipts::numbers_are_told,
    receipts::orders_turned_down_by_the_store_are_kept_too,
    receipts::orders_of_nobody_are_kept,
    receipts::an_unknown_batch_has_no_receipt,
    receipts::an_empty_batch_has_a_receipt,
    receipts::a_batch_is_admitted_once,
    receipts::a_key_sees_the_orders_of_its_organisations,
    receipts::an_empty_batch_is_seen_by_whom_it_concerns,
    receipts::results_come_in_pages,
    receipts::a_page_of_long_texts_is_cut,
    receipt_lists::a_receipt_of_many_organisations_is_short,
    receipt_lists::receipts_come_newest_first_in_pages,
    receipt_lists::receipts_are_filtered,
    receipt_lists::receipts_are_found_by_time,
    receipt_lists::a_list_holds_what_its_reader_may_see,
    whole::a_batch_without_a_fault_is_taken_whole,
    whole::one_faulty_order_withholds_all_others,
    whole::an_order_turned_down_by_the_store_withholds_all_others,
    whole::a_batch_is_held_against_itself,
    whole::numbers_withheld_are_not_used_up,
    dry_runs::a_dry_run_stores_nothing,
    dry_runs::a_dry_run_tells_what_becomes_of_a_batch,
    dry_runs::a_dry_run_tells_what_a_catalogue_decides,
    dry_runs::a_dry_run_knows_the_orders_of_its_batch,
    erasing::a_person_is_erased_and_nobody_else,
    answers::an_answer_is_kept_to_the_byte,
    answers::an_answer_may_be_large,
    answers::what_was_answered_is_not_done_again,
    answers::of_many_with_one_name_one_is_done,
    answers::an_answer_past_its_time_is_as_none,
    answers::answers_past_their_time_are_dropped,
    answers::a_failed_batch_leaves_no_answer,
    answers::the_answer_to_a_withheld_batch_is_kept,
    answers::the_answer_to_a_move_is_kept,
    feed::events_stand_in_the_order_of_commits,
    feed::a_batch_without_a_good_order_is_told_of,
    feed::a_feed_is_read_in_pages,
    feed::a_cursor_is_short_however_many_organisations_there_are,
    feed::an_organisation_that_is_added_is_read_from_the_cursor_on,
    reading::orders_are_filtered,
    reading::orders_come_in_pages,
    reading::orders_are_counted_up_to_a_bound,
    reading::orders_are_counted_by_dialect_and_state,
    reading::orders_are_found_by_time,
    reading::a_condition_on_content_is_kept,
    by_id::an_order_is_found_by_its_id,
    by_id::an_order_tells_when_it_last_changed,
    by_id::orders_are_moved_by_their_ids,
    by_id::moves_may_need_many_blocks,
    by_id::history_is_told_latest_first_and_in_pages,
    fulfilments::the_latest_report_is_kept_and_each_is_told_of,
    fulfilments::what_is_not_to_be_fulfilled_takes_no_report,
    lists::lists_are_filtered,
    lists::lists_are_served_by_keys_batches_and_addresses,
    lists::lists_are_bounded_by_times,
    lists::numbered_orders_are_listed_by_their_numbers,
    ordered_lists::the_newest_orders_of_all_come_first,
    ordered_lists::the_newest_orders_of_a_time_come_first,
    ordered_lists::what_was_purged_is_in_no_list,
    ordered_lists::orders_are_listed_by_the_beginning_of_their_keys,
    ordered_lists::totals_are_those_of_the_counters,
    ordered_lists::forged_cursors_of_lists_do_no_harm,
    emails::orders_are_found_by_address_whatever_its_case,
    emails::an_address_that_was_changed_finds_the_order_no_more,
    emails::what_was_added_later_leaves_the_address,
    emails::addresses_of_others_find_nothing,
    emails::orders_of_an_address_are_filtered,
    emails::orders_of_an_address_come_in_pages,
    administration::every_change_makes_a_new_directory,
    administration::impossible_changes_are_refused,
    administration::the_use_of_keys_is_noted_without_a_new_directory,
    administration::every_change_is_in_the_audit_log,
    administration::a_change_is_made_once_under_an_idempotency_key,
    catalogue::a_product_is_known_by_what_names_it,
    catalogue::lines_of_a_load_take_effect_one_after_the_other,
    catalogue::organisations_have_catalogues_of_their_own,
    catalogue::a_load_that_is_all_or_nothing_leaves_nothing,
    catalogue::a_customer_is_known_by_id_or_address,
    catalogue::catalogues_are_read_in_pages,
    catalogue::a_load_is_answered_once_under_an_idempotency_key,
    deliveries::a_destination_gets_each_event_once_with_those_before_it,
    deliveries::events_are_read_again_by_their_positions,
    deliveries::events_of_an_order_key_take_one_lane,
    destinations::one_server_holds_a_lease_until_it_is_over,
    destinations::what_was_reported_is_found_by_the_next_server,
    destinations::a_server_stops_when_its_destination_was_changed,
    destinations::a_replay_begins_where_it_is_told,
    deliveries::a_destination_begins_at_a_time,
    destinations::the_latest_attempts_are_kept,
    deliveries::a_cursor_has_passed_what_was_read,
    together::many_clients_share_commits_and_lose_nothing,
    together::one_key_sent_by_many_is_one_order,
    together::numbers_given_to_many_are_all_different,
    together::a_job_that_fails_harms_no_other,
    together::a_closed_store_takes_nothing,
];
