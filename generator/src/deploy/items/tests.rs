//! Every case of the three-way comparison, and what holds in all of them.

use std::collections::BTreeMap;

use fanggen_runtime::model::items::{Columns, from_cells};
use fanggen_runtime::model::record::Item;
use proptest::prelude::*;

use super::rows::ROW_BYTES;
use super::*;

/// A row that differs by its title alone.
fn row_of(key: &str, title: char) -> ItemRow {
    ItemRow::from([("name".to_owned(), key.to_owned()), ("title".to_owned(), title.to_string())])
}

#[test]
fn the_hash_of_a_row_is_that_of_stored_data() {
    let row = ItemRow::from([("name".into(), "Apple".into()), ("text".into(), "good".into())]);
    let hash = serde_json::to_value(RowHash::of(&row)).expect("JSON");
    assert_eq!(hash, "94a2a9addaf76d2e1ef8931702c351ae");
}

type TableState = BTreeMap<String, char>;

fn wanted(file: &TableState) -> WantedRows {
    let item = |(key, title): (&String, &char)| Item { title: Some(title.to_string()), ..Item::named(key) };
    WantedRows::of("name", file.iter().map(item)).expect("rows")
}

fn hashes(table: &TableState) -> RowHashes {
    table.iter().map(|(key, title)| (key.clone(), RowHash::of(&row_of(key, *title)))).collect()
}

fn state(one: Option<char>) -> TableState {
    one.into_iter().map(|title| ("k".to_owned(), title)).collect()
}

fn remembered(memory: &TableState) -> AppliedTable {
    TableChanges::of(&AppliedTable::default(), &wanted(memory), &RowHashes::new(), false).when_written()
}

/// What happens to the one row.
fn outcome(memory: Option<char>, file: Option<char>, table: Option<char>, prune: bool) -> &'static str {
    let changes = TableChanges::of(&remembered(&state(memory)), &wanted(&state(file)), &hashes(&state(table)), prune);
    let mut words = Vec::new();
    words.extend(changes.put.get("k").map(|put| match put.why {
        WriteReason::New => "new",
        WriteReason::Changed => "changed",
        WriteReason::Again => "again",
    }));
    words.extend(changes.delete.contains("k").then_some("delete"));
    words.extend(changes.left.contains("k").then_some("left"));
    words.extend(changes.kept.get("k").map(|kept| match kept {
        SkipReason::Changed => "kept changed",
        SkipReason::Deleted => "kept deleted",
        SkipReason::LeftChanged => "kept left",
    }));
    words.extend((changes.same == 1).then_some("same"));
    words.extend((changes.unknown == 1).then_some("unknown"));
    assert!(words.len() <= 1, "{words:?}");
    words.first().copied().unwrap_or("nothing")
}

#[test]
fn every_case_of_file_applied_state_and_table() {
    let (a, b, c) = (Some('a'), Some('b'), Some('c'));
    // memory, file, table, and what happens to the row.
    let cases = [
        (None, None, None, "nothing"),
        (None, None, a, "unknown"),
        (None, a, None, "new"),
        (None, a, a, "same"),
        (None, a, b, "kept changed"),
        (a, None, None, "nothing"),
        (a, None, a, "left"),
        (a, None, b, "kept left"),
        (a, a, None, "kept deleted"),
        (a, a, a, "same"),
        (a, a, b, "kept changed"),
        (a, b, None, "again"),
        (a, b, a, "changed"),
        (a, b, b, "same"),
        (a, b, c, "kept changed"),
    ];
    for (memory, file, table, expected) in cases {
        assert_eq!(outcome(memory, file, table, false), expected, "{memory:?} {file:?} {table:?}");
        // Pruning makes a difference for what left the file, and for nothing else.
        let pruned = if expected == "left" { "delete" } else { expected };
        assert_eq!(outcome(memory, file, table, true), pruned, "{memory:?} {file:?} {table:?}, pruned");
    }
}

#[test]
fn a_row_removed_from_the_file_is_recorded_until_it_is_pruned() {
    let (file, none) = (state(Some('a')), TableState::new());
    let table = hashes(&file);
    let first = TableChanges::of(&remembered(&file), &wanted(&none), &table, false);
    let tables = BTreeMap::from([("t".to_owned(), wanted(&none))]);
    let mut memory = AppliedState::empty("life-1");
    memory.set_table("life-1", "t", first.when_written());
    assert!(memory.is_done("life-1", &tables, false));
    assert!(!memory.is_done("life-1", &tables, true));
    let second = TableChanges::of(&first.when_written(), &wanted(&none), &table, true);
    assert_eq!(second.delete.len(), 1);
    memory.set_table("life-1", "t", second.when_written());
    assert!(memory.is_done("life-1", &tables, true));
}

#[test]
fn nothing_to_do_is_known_from_the_applied_state_alone() {
    let (one, other) = (wanted(&state(Some('a'))), wanted(&state(Some('b'))));
    let tables = |wanted: &WantedRows| BTreeMap::from([("t".to_owned(), wanted.clone())]);
    let changes = TableChanges::of(&AppliedState::empty("life-1").table("t", "id-1"), &one, &RowHashes::new(), false);
    let mut memory = AppliedState::empty("life-1");
    assert!(!memory.is_done("life-1", &tables(&one), false));
    memory.set_table("life-1", "t", changes.while_writing());
    assert!(!memory.is_done("life-1", &tables(&one), false), "an interrupted write is not settled");
    memory.set_table("life-1", "t", changes.when_written());
    let memory = AppliedState::read(&memory.bytes()).expect("what was written");
    assert!(memory.is_done("life-1", &tables(&one), false));
    assert!(!memory.is_done("life-1", &tables(&other), false), "another file");
    assert!(!memory.is_done("life-2", &tables(&one), false), "another life of the stack");
    assert_eq!(memory.table("t", "id-1"), changes.when_written());
    // The table was made anew: what was put into the old one says nothing about it.
    assert_eq!(TableChanges::of(&memory.table("t", "id-2"), &one, &RowHashes::new(), false).put.len(), 1);
}

#[test]
fn a_state_of_another_version_is_refused() {
    let read = |text: &str| AppliedState::read(text.as_bytes()).map_err(|error| error.to_string());
    let words = read(r#"{"version":2,"rows":[]}"#).expect_err("a form to come");
    assert_eq!(
        words,
        "the saved state of the items has version 2, but this fanggen reads version 1\n  use a newer \
         fanggen"
    );
    assert!(read("[]").expect_err("no memory").contains("delete that object"));
    assert!(read(r#"{"version":1,"stack":"s","tables":{},"more":1}"#).is_err());
}

#[test]
fn the_source_reads_what_is_put() {
    let item = Item {
        key: "Apple".into(),
        title: Some("Apple Inc.".into()),
        language: Some("en".into()),
        labels: BTreeMap::from([("team".to_owned(), "fruit".to_owned()), ("blank".to_owned(), " ".to_owned())]),
        ..Item::default()
    };
    let wanted = WantedRows::of("company", [item.clone()]).expect("a row");
    let read = from_cells(wanted.rows()["Apple"].clone(), "company", &Columns::default()).expect("an item");
    let labels = BTreeMap::from([("team".to_owned(), "fruit".to_owned())]);
    assert_eq!(read, Item { labels, ..item });
}

#[test]
fn an_item_that_cannot_be_a_row_says_why() {
    let error = |items: Vec<Item>| WantedRows::of("name", items).expect_err("an error").to_string();
    let labelled = |label: &str| Item { labels: [(label.to_owned(), "x".to_owned())].into(), ..Item::named("a") };
    assert_eq!(
        error(vec![Item::named("a"), Item::named("a")]),
        "the item `a` is listed twice\n  remove one of the two"
    );
    assert_eq!(
        error(vec![labelled("name")]),
        "the item `a` has a label `name`, which is the name of an attribute\n  rename the label"
    );
    let long = Item { text: Some("x".repeat(ROW_BYTES)), ..Item::named("a") };
    assert_eq!(error(vec![long]), "the item `a` takes 409609 bytes, and a row may have 409600\n  shorten its text");
    let long = Item { labels: [("note".to_owned(), "x".repeat(ROW_BYTES))].into(), ..Item::named("a") };
    assert!(error(vec![long]).ends_with("\n  shorten its label `note`"));
}

#[test]
fn changes_list_what_is_written_and_what_is_not() {
    let states =
        |rows: &[(&str, char)]| rows.iter().map(|(key, title)| ((*key).to_owned(), *title)).collect::<TableState>();
    let memory = states(&[("changed", 'a'), ("deleted", 'a'), ("left", 'a'), ("same", 'a'), ("taken", 'a')]);
    let file = states(&[("changed", 'b'), ("deleted", 'a'), ("new", 'a'), ("same", 'a'), ("taken", 'b')]);
    let table = states(&[("changed", 'a'), ("left", 'a'), ("same", 'a'), ("taken", 'x'), ("unknown", 'x')]);
    let changes = TableChanges::of(&remembered(&memory), &wanted(&file), &hashes(&table), false);
    assert_eq!(
        changes.to_string(),
        "1 new, 1 changed, 1 removed from the file, 2 left unchanged, 1 unchanged\n  + new\n  ~ changed\n  ? left: removed \
         from the file; `--prune` deletes it\n  ! deleted: deleted from the table, not put back\n  ! taken: changed in the \
         table, left unchanged"
    );
    let json = serde_json::to_value(&changes).expect("JSON");
    assert_eq!(json["kept"]["taken"], "changed");
    assert_eq!(json["put"]["new"]["why"], "new");
    assert_eq!(json["unknown"], 1);
    let many: TableState = (0..25).map(|number| (format!("{number:02}"), 'a')).collect();
    let many = TableChanges::of(&AppliedTable::default(), &wanted(&many), &RowHashes::new(), false).to_string();
    assert!(many.starts_with("25 new\n  + 00") && many.ends_with("  + 19\n    and 5 more"), "{many}");
}

/// Does the first `writes` of an changes.
fn write(table: &mut TableState, changes: &TableChanges, writes: usize) {
    let puts = changes.put.iter().map(|(key, put)| (key.clone(), put.row["title"].chars().next()));
    for (key, title) in puts.chain(changes.delete.iter().map(|key| (key.clone(), None))).take(writes) {
        match title {
            Some(title) => table.insert(key, title),
            None => table.remove(&key),
        };
    }
}

/// What is reported about rows.
fn reported(changes: &TableChanges) -> (Vec<&String>, Vec<&String>, &BTreeMap<String, SkipReason>) {
    (changes.put.keys().collect(), changes.left.iter().collect(), &changes.kept)
}

prop_compose! {
    fn any_state()(rows in prop::collection::btree_map("[a-f]", prop::sample::select(vec!['a', 'b', 'c']), 0..6)) -> TableState {
        rows
    }
}

proptest! {
    #[test]
    fn a_second_write_has_nothing_to_do(memory in any_state(), file in any_state(), table in any_state(), prune: bool) {
        let mut after = table.clone();
        let first = TableChanges::of(&remembered(&memory), &wanted(&file), &hashes(&table), prune);
        write(&mut after, &first, usize::MAX);
        let second = TableChanges::of(&first.when_written(), &wanted(&file), &hashes(&after), prune);
        prop_assert_eq!(second.writes(), 0);
        prop_assert_eq!(second.when_written(), first.when_written());
        // What others put into the table is still there.
        for (key, there) in table.iter().filter(|(key, there)| memory.get(*key) != Some(*there)) {
            prop_assert_eq!(after.get(key), Some(there));
        }
    }

    #[test]
    fn an_interrupted_write_ends_like_a_complete_one(
        memory in any_state(), file in any_state(), table in any_state(), prune: bool, cuts in prop::collection::vec(0..6_usize, 1..4),
    ) {
        let whole = TableChanges::of(&remembered(&memory), &wanted(&file), &hashes(&table), prune);
        let mut expected = table.clone();
        write(&mut expected, &whole, usize::MAX);

        let (mut table, mut applied) = (table, remembered(&memory));
        for cut in cuts {
            let changes = TableChanges::of(&applied, &wanted(&file), &hashes(&table), prune);
            prop_assert!(reported(&changes).0.iter().all(|key| whole.put.contains_key(*key)));
            prop_assert_eq!((reported(&changes).1, reported(&changes).2), (reported(&whole).1, reported(&whole).2));
            applied = changes.while_writing();
            write(&mut table, &changes, cut);
        }
        let last = TableChanges::of(&applied, &wanted(&file), &hashes(&table), prune);
        write(&mut table, &last, usize::MAX);
        prop_assert_eq!(table, expected);
        prop_assert_eq!(last.when_written(), whole.when_written());
    }

    #[test]
    fn changes_by_others_are_never_undone(
        memory in any_state(), file in any_state(), table in any_state(), others in any_state(), prune: bool, cut in 0..6_usize,
    ) {
        let mut table = table;
        let first = TableChanges::of(&remembered(&memory), &wanted(&file), &hashes(&table), prune);
        write(&mut table, &first, cut);
        // Somebody else writes rows: the next write leaves them.
        for key in others.keys() {
            table.insert(key.clone(), 'z');
        }
        let last = TableChanges::of(&first.while_writing(), &wanted(&file), &hashes(&table), prune);
        write(&mut table, &last, usize::MAX);
        for key in others.keys() {
            prop_assert_eq!(table.get(key), Some(&'z'));
        }
    }
}
