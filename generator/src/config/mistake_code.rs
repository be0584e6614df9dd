//! The codes of all mistakes in `pipeline.toml`: for each, its severity, its meaning and how to fix it.
//!
//! A code is never given to another mistake later. `docs/errors.md` is made from this list.

use std::fmt;

use serde::{Serialize, Serializer};

/// Whether a mistake keeps the file from being used.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Severity {
    /// The file cannot be used.
    Error,
    /// The file can be used, but its author should know about this.
    Warning,
}

/// Declares the codes: variant, code, severity, then meaning, fix, and an example of the fixed file, which may be empty.
macro_rules! mistake_codes {
    ($($name:ident $code:literal $severity:ident: $meaning:literal, $fix:literal, $example:literal;)*) => {
        /// The code of a mistake in `pipeline.toml`.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub enum MistakeCode {
            $(#[doc = $meaning] $name,)*
        }

        impl MistakeCode {
            /// All codes, in their order.
            pub const ALL: &[Self] = &[$(Self::$name,)*];

            /// The code as it is printed: `E020`.
            #[must_use]
            pub const fn as_str(self) -> &'static str {
                match self {
                    $(Self::$name => $code,)*
                }
            }

            /// Whether it keeps the file from being used.
            #[must_use]
            pub const fn severity(self) -> Severity {
                match self {
                    $(Self::$name => Severity::$severity,)*
                }
            }

            /// What it means, in a sentence.
            #[must_use]
            pub const fn meaning(self) -> &'static str {
                match self {
                    $(Self::$name => $meaning,)*
                }
            }

            /// How to fix it.
            #[must_use]
            pub const fn fix(self) -> &'static str {
                match self {
                    $(Self::$name => $fix,)*
                }
            }

            /// TOML without the mistake, where an example says more than the sentence; else empty.
            #[must_use]
            pub const fn example(self) -> &'static str {
                match self {
                    $(Self::$name => $example,)*
                }
            }
        }
    };
}

mistake_codes! {
    Syntax "E001" Error:
        "The file is not valid TOML.",
        "Fix the syntax at the place shown. A key may appear only once in its table, and a table only once in the \
         file. Other mistakes are reported once the syntax is right.",
        "";
    UnknownSetting "E002" Error:
        "A section or a key does not exist.",
        "Check the spelling against the list under `allowed`. If the setting belongs to another section, the help \
         says which.",
        "";
    InvalidValue "E003" Error:
        "A value has the wrong type, is out of range, or is not of the form that the setting needs.",
        "Write a value of the kind shown under `allowed`.",
        "[functions]\nmemory_mb = 512   # a number, without quotes";
    UnknownChoice "E004" Error:
        "A setting takes one of a few words, and this is none of them.",
        "Use one of the words under `allowed`.",
        "[functions]\narchitecture = \"arm64\"";
    MissingSetting "E005" Error:
        "A setting without a default is missing.",
        "Add it. [reference.md](reference.md) marks such settings as required.",
        "[[stages]]\nname = \"sentiment\"\ntype = \"lexicon\"";
    UnknownType "E006" Error:
        "No component of this role has this `type`.",
        "Use one of the types under `allowed`. If the type belongs to another role, move the component: a sink is \
         written under `[sinks.<name>]`, a source under `[sources.<name>]`.",
        "";
    InvalidName "E010" Error:
        "The name of an environment, a source, a stage or a sink contains a character that is not allowed in names.",
        "Start with a lower-case letter, then use lower-case letters, digits and single dashes; 40 characters at most. \
         Names become part of the names of AWS resources.",
        "";
    DuplicateStage "E011" Error:
        "Two stages have the same name.",
        "Rename one of them. Environments and roles address a stage by its name.",
        "";
    MissingSection "E012" Error:
        "The pipeline has no source, no stage or no sink.",
        "Add what is missing: a pipeline needs at least one of each.",
        "[sources.companies]\ntype = \"inline\"\nitems = [\"Apple\"]\n\n[[stages]]\nname = \"summary\"\n\
         type = \"wikipedia\"\n\n[sinks.archive]\ntype = \"s3\"";
    NoTextBefore "E013" Error:
        "A stage needs a text, and no stage before it provides one.",
        "Put a stage that provides a text before it, such as `wikipedia`, `feed`, `http` or `text`.",
        "[[stages]]\nname = \"summary\"\ntype = \"wikipedia\"\n\n[[stages]]\nname = \"sentiment\"\ntype = \"lexicon\"";
    ConflictingSettings "E014" Error:
        "Each setting of the component is valid, but they do not work together.",
        "Change one of them as described under `allowed`.",
        "";
    OtherRegion "E015" Error:
        "An existing resource is in a different region from the pipeline. A function reaches only its own region.",
        "Set `aws.region` to the region of the resource, or name a resource in the region of the pipeline. Each \
         environment may have its own.",
        "";
    OtherPartition "E016" Error:
        "An ARN belongs to a different AWS partition from the region of the pipeline, such as `aws-cn` instead of \
         `aws`. Partitions are isolated from each other.",
        "Correct the ARN, or set `aws.region` to a region in its partition.",
        "";
    DynamicReference "E017" Error:
        "A text contains a dynamic reference such as `{{resolve:secretsmanager:..}}`. CloudFormation would replace it with the \
         secret, wherever it stands in the template.",
        "Remove it. Where a component needs a secret, name the secret by its ARN.",
        "";
    ServiceNotInRegion "E018" Error:
        "A component calls an AWS service that does not exist in the region of the pipeline.",
        "Set `aws.region` to one of the regions listed, or use another component, such as the embedded `lexicon` or \
         `headlines` instead of `comprehend`.",
        "[aws]\nregion = \"eu-central-1\"";
    UnsupportedPartition "E019" Error:
        "The region belongs to an AWS partition for which fanggen cannot build the right ARNs and endpoints: the European \
         Sovereign Cloud and the isolated regions.",
        "Use a region of the partitions `aws`, `aws-cn` or `aws-us-gov`.",
        "";
    ScheduleExpression "E020" Error:
        "EventBridge Scheduler would reject the schedule expression.",
        "Write a `rate`, `cron` or `at` expression. Unlike a Unix crontab, `cron` has six fields, the last one for the \
         year, and needs `?` in exactly one of day-of-month and day-of-week.",
        "[schedule]\nexpression = \"cron(0 8 ? * MON-FRI *)\"   # or \"rate(1 hour)\", or \"at(2027-01-01T08:00:00)\"";
    TimeZone "E021" Error:
        "EventBridge Scheduler does not know the time zone.",
        "Use a name from the IANA time zone database, in its exact spelling. An offset such as `+01:00` cannot follow \
         daylight saving time.",
        "[schedule]\ntimezone = \"Europe/Berlin\"";
    ItemWithoutKey "E030" Error:
        "An item has no key, or an empty one.",
        "Write the item as a string, or as a table with the key attribute, which is `name` unless the source sets `key`.",
        "[sources.companies]\ntype = \"inline\"\nitems = [\"Apple\", { name = \"Google\", title = \"Alphabet Inc.\" }]";
    DuplicateItem "E031" Error:
        "Two items have the same key, in one source or in two. A record is identified by its run and its item, so one \
         of the two would be lost.",
        "Remove one of them, or give it another key.",
        "";
    InvalidItemKey "E032" Error:
        "The key of an item is too long or contains control characters, so it cannot be stored.",
        "Shorten the key, and put a long name into `title`.",
        "";
    ItemsTooLarge "E033" Error:
        "The items are sent with the input of the schedule, and are too large for it.",
        "Move them to a source with room for more, such as `dynamodb`, which stores them in a table.",
        "";
    UnknownAttribute "E034" Error:
        "Items have no such attribute.",
        "Check the spelling. Put attributes of your own under `labels`: they are carried along to the results.",
        "items = [{ name = \"Apple\", labels = { ticker = \"AAPL\" } }]";
    InvalidLanguage "E035" Error:
        "The `language` of an item is not a language tag.",
        "Write a tag such as `en`, `de` or `zh-TW`.",
        "";
    InvalidUrl "E036" Error:
        "The `feed` or `url` of an item is not a web address.",
        "Write a complete `http` or `https` address, without a user name or password.",
        "";
    ReservedLabel "E037" Error:
        "A label has the same name as an attribute, which it would replace in the table.",
        "Set the attribute itself, outside `labels`, or rename the label.",
        "";
    UnknownStage "E040" Error:
        "An environment overrides a stage that the file does not have.",
        "Check the name. An environment can change stages, but cannot add any.",
        "[environments.dev]\nstages.sentiment.type = \"lexicon\"   # the stage whose name is `sentiment`";
    NestedEnvironment "E041" Error:
        "An environment contains `environments`.",
        "Write each environment at the top level, as `[environments.<name>]`.",
        "";
    StageList "E042" Error:
        "An environment lists the stages again.",
        "Address each stage by its name. The order and number of stages are the same in all environments.",
        "[environments.dev]\nstages.summary.sentences = 1";
    UnknownFunction "E050" Error:
        "A permission in `[[iam.scopes]]` names a function that the pipeline does not have.",
        "Use `producer`, `worker`, or `worker-<stage>` for a stage with `isolate = true`.",
        "";
    ConditionOperator "E051" Error:
        "IAM has no such condition operator.",
        "Use one from the IAM documentation, such as `StringEquals`. `IfExists` may follow it, and `ForAllValues:` or \
         `ForAnyValue:` precede it.",
        "";
    ConditionKey "E052" Error:
        "The key of an IAM condition has no service prefix.",
        "Write the complete key, such as `aws:RequestedRegion` or `s3:prefix`.",
        "";
    EmptyScope "E053" Error:
        "A permission in `[[iam.scopes]]` has no actions or no resources. It would permit nothing, and IAM rejects it.",
        "Name at least one action and one resource, or remove the permission.",
        "[[iam.scopes]]\nfunction = \"worker\"\nactions = [\"s3:GetObject\"]\n\
         resources = [\"arn:aws:s3:::press-archive/2026/*\"]";
    ConditionValue "E054" Error:
        "A value of an IAM condition has characters that a policy cannot hold, or the list of values is empty.",
        "Write one or more strings on one line each, with characters up to `ÿ`.",
        "";
    NameTooLong "E060" Error:
        "The name of an AWS resource would be longer than the service allows.",
        "Shorten the name of the component, of the environment or of the pipeline: it is made of all three.",
        "";
    NameCollision "E061" Error:
        "Two resources would have the same name: two components have names that differ only in dashes or use the same \
         store, or a component has a name that the pipeline itself needs.",
        "Rename one of them.",
        "";
    VariablesTooLarge "E062" Error:
        "The settings of a function do not fit into the 4 KB that Lambda allows for environment variables.",
        "Give a stage `isolate = true`, so that it gets a function of its own, or split the pipeline.",
        "";
    TooManyResources "E063" Error:
        "The stack would have more resources than CloudFormation allows.",
        "Isolate fewer stages, or split the pipeline.",
        "";
    PolicyTooLarge "E064" Error:
        "The policy of a role would be larger than IAM allows.",
        "Give a stage `isolate = true`, so that its function gets a role of its own, or name fewer resources in \
         `[[iam.scopes]]`.",
        "";
    TooManyOutputs "E065" Error:
        "The stack would have more outputs than CloudFormation allows. Each table, bucket, queue and topic has one.",
        "Split the pipeline.",
        "";
    ReservedBucketName "E066" Error:
        "The name of a bucket would begin with a prefix that S3 reserves.",
        "Give the pipeline another name.",
        "";
    EnvironmentCollision "E067" Error:
        "Two environments in one account and region would create a resource of the same name.",
        "Rename an environment or the component, or give the environments different accounts.",
        "[environments.dev]\naws.account = \"111111111111\"\n\n[environments.prod]\naws.account = \"222222222222\"";
    DuplicateTest "E070" Error:
        "Two tests have the same name.",
        "Give each test a name that says what it shows.",
        "";
    UnknownTestEnvironment "E071" Error:
        "A test names an environment that the file does not have.",
        "Check the name. Without `environment`, the test runs in the default environment.",
        "";
    UnknownTestItem "E072" Error:
        "A test names an item that is not among its `items`.",
        "Check the spelling, or add the item to `items` of the test.",
        "[[tests]]\nname = \"good news\"\nitems = [\"Apple\"]\ntext = \"Apple profit rises\"\n\
         expect = [{ item = \"Apple\", label = \"POSITIVE\" }]";
    UnknownComponent "E073" Error:
        "A test names a source, stage or sink that the pipeline does not have.",
        "Check the name.",
        "";
    UnclearExpectation "E074" Error:
        "An expectation of a test is about nothing, or about two things at once.",
        "Write one table per expectation: about an `item`, about a `sink`, or about a `dead_letter`.",
        "[[tests]]\nname = \"bad news is reported\"\nitems = [\"Apple\"]\ntext = \"Apple profit slumps\"\n\
         expect = [{ item = \"Apple\", label = \"NEGATIVE\" }, { sink = \"alert\", items = [\"Apple\"] }]";
    FaultNowhere "E075" Error:
        "A fault of a test cannot happen in this pipeline, or not in the stage or sink that it names.",
        "Name a stage or a sink under `allowed`, or remove the fault.",
        "[[tests]]\nname = \"a busy server\"\nitems = [\"Apple\"]\nfaults = [{ fault = \"http 429\", at = \"page\" }]\n\
         expect = [{ item = \"Apple\", failed = \"rate_limited\", at = \"page\" }]";
    FileNotFound "E080" Error:
        "A file that `pipeline.toml` names does not exist, is not a regular file, or is a link out of the folder of \
         `pipeline.toml`.",
        "Check the path: it is relative to the folder of `pipeline.toml`. Copy a file from elsewhere instead of linking it.",
        "";
    ColumnNotFound "E081" Error:
        "A file of items does not have a column that the settings name. Columns are compared with upper and lower case.",
        "Name a column that the file has, or rename the column in the file.",
        "[sources.reviews]\ntype = \"file\"\npath = \"reviews.csv\"\nkey = \"ID\"\ncolumns = { text = \"Review\" }";
    FileEncoding "E082" Error:
        "A file of items has another encoding than the settings say.",
        "Set `encoding` of the `file` source, or save the file as UTF-8.",
        "[sources.reviews]\ntype = \"file\"\npath = \"reviews.csv\"\ndelimiter = \";\"\nencoding = \"utf-16\"";
    NoEffect "W101" Warning:
        "The setting has no effect without another one.",
        "Add the other setting, or remove this one.",
        "[alarms]\nemail = \"oncall@example.com\"\nmax_failed_percent = 10";
    LocalSinkOnly "W103" Warning:
        "The sink writes files on the machine that runs `fanggen run`. It is left out when the pipeline is deployed, \
         since a Lambda function keeps no files.",
        "Add a sink that works in AWS, such as `s3` or `dynamodb`, if the deployed pipeline has no other.",
        "";
    QuotaExceeded "W104" Warning:
        "Environments that run at the same time together exceed an upstream quota, so calls will be throttled.",
        "Set `share` on the stages so that the shares add up to at most 1, or pause an environment with \
         `schedule.enabled = false`.",
        "[environments.dev]\nstages.summary.share = 0.1\n\n[environments.prod]\nstages.summary.share = 0.9";
    TimeoutTooShort "W105" Warning:
        "The stages of a function may wait longer than the function may run. It is then stopped before it can record \
         what failed.",
        "Raise `functions.timeout_s`, let a stage wait less, or give one `isolate = true`.",
        "";
    NoAnalysis "W106" Warning:
        "No stage analyses anything, so the results have texts but no findings.",
        "Add a stage that analyses, such as `lexicon`, `headlines` or `comprehend`.",
        "";
    NoItems "W107" Warning:
        "The source has no items, so it adds nothing to any run.",
        "Add `items`.",
        "";
    NoContact "W108" Warning:
        "A stage sends requests to other sites, and `[pipeline]` has no `contact`. Sites allow fewer requests, or \
         none, from clients that they cannot contact: Wikimedia allows 10 a minute without a contact and 200 with \
         one.",
        "Set `contact` in `[pipeline]`. It goes into the User-Agent.",
        "[pipeline]\nname = \"press\"\ncontact = \"data-team@example.com\"";
    TooManyInstances "W109" Warning:
        "`functions.max_concurrency` allows more concurrent calls than the upstream quota does, so calls will be \
         throttled.",
        "Leave it out: the limit is then derived from the quota.",
        "";
    WildcardResource "W110" Warning:
        "A permission in `[[iam.scopes]]` covers every resource in the account.",
        "Name the ARNs. Keep `*` only for actions that do not support resource-level permissions, such as \
         `cloudwatch:PutMetricData`.",
        "";
    ScheduleMeaning "W111" Warning:
        "The schedule is valid, but probably does not mean what was intended: days of the week as numbers count from 1 \
         (`SUN`) in AWS and from 0 in a Unix crontab.",
        "Name the days.",
        "[schedule]\nexpression = \"cron(0 8 ? * MON-FRI *)\"";
    DoubtfulColumn "W112" Warning:
        "A file of items probably has a column under another name than the settings expect: a column differs from an \
         attribute only in case or spaces, so it becomes a label, or the first 100 rows of a JSON Lines file lack a \
         column that the settings name.",
        "Set `columns` to the name in the file, or rename the column.",
        "[sources.reviews]\ntype = \"file\"\npath = \"reviews.csv\"\ncolumns = { text = \"Text\" }";
    ClockChange "W113" Warning:
        "The clocks of the time zone skip a time of the schedule, or show it twice: EventBridge Scheduler leaves out a time \
         that is skipped, and fires once at a time that comes twice.",
        "Choose a time outside the hour that the clocks change, or set `timezone` to `UTC`, whose clocks never change.",
        "[schedule]\nexpression = \"cron(30 4 * * ? *)\"\ntimezone = \"America/New_York\"";
    ScheduleNeverFires "W114" Warning:
        "The schedule never fires: its time is past, or no month has such a day.",
        "Write a time that is still to come, or pause the schedule with `schedule.enabled = false`.",
        "";
    NoRunUnnoticed "W115" Warning:
        "The schedule runs too rarely for CloudWatch to notice missing runs: two periods and 15 minutes must fit into the 7 days \
         that it looks back. There is no alarm for missing runs, but an event that starts no run ends up in a dead-letter \
         queue, which has one.",
        "Run more often, or look at `fanggen runs` after each scheduled time.",
        "";
}

impl MistakeCode {
    /// Whether it says that something is missing, rather than wrong: an environment may still add it.
    #[must_use]
    pub const fn is_about_absence(self) -> bool {
        matches!(
            self,
            Self::MissingSetting
                | Self::MissingSection
                | Self::NoTextBefore
                | Self::NoAnalysis
                | Self::NoItems
                | Self::NoContact
                | Self::NoEffect
        )
    }

    /// Whether one value is wrong by itself, whatever an environment sets beside it.
    #[must_use]
    pub const fn is_about_one_value(self) -> bool {
        matches!(
            self,
            Self::UnknownSetting
                | Self::InvalidValue
                | Self::UnknownChoice
                | Self::UnknownType
                | Self::InvalidName
                | Self::DuplicateStage
                | Self::DynamicReference
                | Self::ScheduleExpression
                | Self::TimeZone
                | Self::ItemWithoutKey
                | Self::InvalidItemKey
                | Self::UnknownAttribute
                | Self::InvalidLanguage
                | Self::InvalidUrl
                | Self::ReservedLabel
                | Self::ConditionOperator
                | Self::ConditionKey
                | Self::EmptyScope
                | Self::ConditionValue
        )
    }
}

impl fmt::Display for MistakeCode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl Serialize for MistakeCode {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(self.as_str())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn codes_are_unique_sorted_and_start_with_their_severity() {
        let codes: Vec<&str> = MistakeCode::ALL.iter().map(|code| code.as_str()).collect();
        assert!(codes.is_sorted_by(|a, b| a < b), "{codes:?}");
        for code in MistakeCode::ALL {
            let letter = if code.severity() == Severity::Error { 'E' } else { 'W' };
            assert!(code.as_str().starts_with(letter) && code.as_str().len() == 4, "{code}");
            assert!(code.meaning().ends_with('.') && code.fix().ends_with('.'), "{code}");
            assert!(code.example().parse::<toml::Table>().is_ok(), "{code}: the example is not TOML");
        }
    }
}
