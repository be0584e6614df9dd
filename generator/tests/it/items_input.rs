//! Wrong, odd and empty input to every verb of `fanggen items` on a table, end to end on the emulator.

use crate::harness::aws::person::Person;
use crate::items::{deployed, map, says, table, titles};

/// A key that a shell, CSV, JSON or an expression may stumble over.
const ODD: &str = "Ya \"hoo\", 'Inc'. \u{1f600} #k = :v";

#[test]
fn every_verb_names_what_is_wrong_and_writes_nothing() {
    let deployed = deployed("wrong-input", "name,title\nApple,A\n");
    let run = |arguments: &[&str]| deployed.fanggen(&[&["items"], arguments].concat());
    deployed.project.write("bad.csv", "name,title\nApple,B\nGoogle\n");
    let long = "x".repeat(2_049);
    for verb in ["add", "remove", "update"] {
        let words =
            "error: nothing was written: 1 item cannot be used\n  bad.csv:3: line 3 has 1 cell; the header has 2";
        says(&run(&[verb, "--from", "bad.csv"]), 1, words);
        let ran = run(&[verb, "-i", &long, "title=B"]);
        let words = ": cannot use the item's key: the key has 2049 bytes; the limit is 1024\n";
        assert!(ran.code == 1 && ran.stderr.ends_with(words), "{verb}: {ran:?}");
    }
    for (old, new, which) in [("Apple", long.as_str(), "--new"), (&long, "Pear", "--old")] {
        let words = format!(
            "error: nothing was written: 1 item cannot be used\n  {which}: cannot use the item's key: the key has 2049 bytes; \
             the limit is 1024"
        );
        says(&run(&["update", "--old", old, "--new", new]), 1, &words);
    }
    let words = "error: nothing was written: 1 item cannot be used\n  -i Apple: the item `Apple` was given before, with other \
                 attributes";
    for verb in ["add", "update"] {
        says(&run(&[verb, "-i", "Apple", "title=B", "-i", "Apple", "title=C"]), 1, words);
    }
    for (csv, problem) in [
        ("name,title\nApple,B\nGoogle\n".to_owned(), "line 3"),
        ("name,title\nApple,B\nApple,C\n".to_owned(), "`Apple`"),
        (format!("name,title\nApple,B\n{long},\n"), "2049 bytes"),
    ] {
        deployed.project.write("companies.csv", &csv);
        for verb in ["diff", "sync"] {
            let ran = run(&[verb]);
            let is_named = ran.stderr.contains("companies.csv") && ran.stderr.contains(problem);
            assert!(ran.code == 1 && is_named && ran.stderr.contains("error"), "{verb}: {ran:?}");
        }
    }
    assert_eq!(titles(&deployed), map(&[("Apple", "A")]));
}

#[test]
fn every_verb_takes_no_items_an_item_twice_and_odd_keys() {
    let deployed = deployed("odd-input", "name,title\n");
    let place = format!("table `{}`", table(&deployed));
    let run = |arguments: &[&str]| deployed.fanggen(&[&["items"], arguments].concat());
    let done = |arguments: &[&str], words: &str| says(&run(arguments), 0, &format!("{place}: {words}"));
    says(&run(&["list"]), 0, "0 items of source `companies`");
    assert_eq!(run(&["list", "--json"]).json(), serde_json::json!([]));
    assert_eq!(run(&["diff"]).code, 0);
    says(&run(&["sync"]), 0, "nothing to do: the items are up to date");
    deployed.project.write("none.csv", "name,title\n");
    for verb in ["add", "remove", "update"] {
        done(&[verb, "--from", "none.csv"], "no items");
    }

    done(&["add", "-i", ODD, "-i", ODD], "1 added, 1 given more than once");
    done(&["update", "-i", ODD, "title=x", "-i", ODD, "title=x"], "1 changed, 1 given more than once");
    let listed = run(&["list", "--csv"]).stdout;
    assert_eq!(listed, format!("name,title\n\"{}\",x\n", ODD.replace('"', "\"\"")));
    done(&["update", "--old", ODD, "--new", &format!("{ODD} 2")], "1 renamed");
    done(&["remove", "-i", &format!("{ODD} 2"), "-i", &format!("{ODD} 2")], "1 removed, 1 given more than once");
    deployed.project.write("companies.csv", &listed);
    let diff = run(&["diff"]);
    assert!(diff.code == 2 && diff.stdout.contains(&format!("  + {ODD}\n")), "{diff:?}");
    assert_eq!(run(&["sync"]).code, 0);
    assert_eq!(titles(&deployed), map(&[(ODD, "x")]));
    deployed.project.write("companies.csv", "name,title\n");
    assert_eq!(run(&["sync", "--prune", "--yes"]).code, 0);
    assert_eq!(titles(&deployed), map(&[]));
}

#[test]
fn every_verb_names_the_permission_that_is_missing() {
    let deployed = deployed("no-rights", "name,title\nApple,A\n");
    let stranger = Person::new(&deployed, "stranger", &["--operator", "--env", "prod"]);
    deployed.project.write("companies.csv", "name,title\nApple,B\n");
    for arguments in [
        &["list"][..],
        &["add", "-i", "x"],
        &["remove", "-i", "Apple"],
        &["update", "-i", "Apple", "title=x"],
        &["update", "--old", "Apple", "--new", "Pear"],
        &["diff"],
        &["sync"],
    ] {
        let ran = stranger.run(&[&["items"], arguments].concat());
        assert!(ran.code == 1 && ran.stderr.contains("error: missing permission: "), "{arguments:?}: {ran:?}");
    }
    assert_eq!(titles(&deployed), map(&[("Apple", "A")]));
    let absent = crate::items::undeployed("never-there", "name\nA\n");
    for verb in ["diff", "sync"] {
        let ran = absent.fanggen(&["items", verb]);
        let words = "error: environment `dev` is not deployed: there is no stack `never-there-dev` in ";
        assert!(ran.code == 1 && ran.stderr.contains(words), "{verb}: {ran:?}");
    }
}
