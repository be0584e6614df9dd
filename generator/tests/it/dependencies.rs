//! Without the feature `aws` the dependency tree has no crate of the AWS SDK.

use std::env;
use std::process::Command;

#[test]
fn without_aws_the_tree_has_no_crate_of_aws() {
    let cargo = env::var_os("CARGO").unwrap_or_else(|| "cargo".into());
    let mut command = Command::new(&cargo);
    command.current_dir(env!("CARGO_MANIFEST_DIR"));
    command.args(["tree", "-p", "fanggen", "--no-default-features", "--edges", "normal,build", "--prefix", "none"]);
    // Looked up in the lock file and nowhere else: a test does not ask the network.
    let output = match command.args(["--offline", "--locked"]).output() {
        Ok(output) => output,
        Err(error) => {
            // Past the capture of the test runner, so that it is seen.
            let _ = std::io::Write::write_all(
                &mut std::io::stderr(),
                format!("skipped: `{}` cannot be started: {error}\n", cargo.display()).as_bytes(),
            );
            return;
        }
    };
    let (tree, words) = (String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
    assert!(output.status.success(), "{command:?} failed ({}): {words}", output.status);
    let names: Vec<&str> = tree.lines().filter_map(|line| line.split(' ').next()).collect();
    assert!(names.contains(&"fanggen-runtime"), "this is no tree of ours:\n{tree}");
    let theirs: Vec<&&str> =
        names.iter().filter(|name| name.starts_with("aws-") || name.starts_with("lambda_")).collect();
    assert!(theirs.is_empty(), "without the feature `aws` the tree has {theirs:?}");
}
