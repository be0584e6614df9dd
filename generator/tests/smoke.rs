//! x
use fanggen::config::Config;
#[test]
fn smoke() {
    let text = std::fs::read_to_string("../pipeline.toml").unwrap();
    let c = Config::read("pipeline.toml", &text);
    println!("{}", c.source.report(&c.mistakes, false));
    println!("{:?}", c.pipelines.keys());
    let bad = r#"
[pipeline]
nam = "x"
contact = 3
[awss]
[schedule]
expression = "rate(10 seconds)"
timezone = "Europe/Berln"
[functions]
memory_mb = 64
timeout_s = "x"
architecture = "arm"
[sources.Companies]
type = "dynamdb"
[sources.b]
type = "dynamodb"
items = ["a", {name = "a", titel = "x"}, 3, {title="x"}]
segments = 100
[[stages]]
name = "s"
type = "comprehend"
detect = ["sentiment", "entitis", 3]
share = 2.0
[[stages]]
name = "s"
type = "wikipedia"
sentances = 3
sentences = 99
[[iam.scopes]]
actions = ["s3:*"]
[environments.dev]
stages.x.type = "lexicon"
schedule.expression = 4
"#;
    let c = Config::read("pipeline.toml", bad);
    println!("{}", c.source.report(&c.mistakes, false));
}
