//! The contracts of our traits, on the implementations in memory.

use fanggen_runtime::component::services::Services;
use fanggen_runtime::testing::contracts::{services, state};
use fanggen_runtime::testing::memory_services::MemoryServices;
use fanggen_runtime::testing::memory_state::MemoryState;

#[tokio::test]
async fn a_lease_has_one_owner() {
    let memory = MemoryState::default();
    memory.inner().hold_leases = true;
    state::a_lease_has_one_owner(&memory, async |run| memory.inner().run(run).held = false).await;
}

#[tokio::test]
async fn a_run_is_complete_with_its_last_chunk() {
    state::a_run_is_complete_with_its_last_chunk(&MemoryState::default()).await;
}

#[tokio::test]
async fn no_run_is_complete_before_its_chunks_are_counted() {
    state::no_run_is_complete_before_its_chunks_are_counted(&MemoryState::default()).await;
}

#[tokio::test]
async fn sinks_of_a_chunk_add_up() {
    state::sinks_of_a_chunk_add_up(&MemoryState::default()).await;
}

#[tokio::test]
async fn compare_and_set_has_one_winner() {
    state::compare_and_set_has_one_winner(&MemoryState::default()).await;
}

#[tokio::test]
async fn values_are_found_again() {
    state::values_are_found_again(&MemoryState::default()).await;
}

#[tokio::test]
async fn notes_are_read_in_the_order_of_chunks() {
    state::notes_are_read_in_the_order_of_chunks(&MemoryState::default()).await;
}

#[tokio::test]
async fn a_bucket_stores_objects_by_key() {
    let memory = MemoryServices::default();
    let bucket = memory.bucket("archive").expect("a bucket");
    let read = async |key: &str| memory.0.objects.lock().expect("no panic").get(key).cloned();
    services::a_bucket_stores_objects_by_key(bucket.as_ref(), read).await;
}

#[tokio::test]
async fn a_publisher_delivers_every_message() {
    let memory = MemoryServices::default();
    let received = async || {
        let own = |attributes: Vec<(&'static str, String)>| {
            attributes.into_iter().map(|(name, value)| (name.to_owned(), value)).collect()
        };
        memory.published().into_iter().map(|(_, post)| (post.body, own(post.attributes))).collect()
    };
    services::a_publisher_delivers_every_message(memory.queue_publisher("events").expect("a queue").as_ref(), received)
        .await;
}

#[tokio::test]
async fn outcomes_of_a_replay_are_those_of_its_chunks() {
    state::outcomes_of_a_replay_are_those_of_its_chunks(&MemoryState::default()).await;
}
