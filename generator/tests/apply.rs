//! End to end: from an empty account to a pipeline whose every resource is there, and back to nothing.
#![cfg(feature = "aws")]

#[path = "harness/aws/mod.rs"]
mod aws;
#[path = "harness/elf.rs"]
mod elf;
#[path = "harness/project.rs"]
mod project;
#[path = "harness/tools.rs"]
mod tools;

use aws::deployed::Deployed;

#[test]
fn smoke() {
    let deployed = Deployed::root("fang-x");
    let ran = deployed.fanggen(&["apply", "--yes", "--no-run"]);
    println!("{}\n{}", ran.stdout, ran.stderr);
    assert_eq!(ran.code, 0);
    let ran = deployed.fanggen(&["apply", "--yes", "--no-run"]);
    println!("{}\n{}", ran.stdout, ran.stderr);
    let ran = deployed.fanggen(&["destroy", "--yes"]);
    println!("{}\n{}", ran.stdout, ran.stderr);
    assert_eq!(ran.code, 0);
}
