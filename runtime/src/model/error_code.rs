//! The codes of all failures in a run: for each, what it concerns, its meaning and what to do.
//!
//! A code is never given to another failure later. `docs/errors.md` is made from this list, which is why it is one file.

use std::fmt;

use serde::{Deserialize, Deserializer, Serialize, Serializer};

/// What a failure costs.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum ErrorScope {
    /// One record: it reaches the sinks with its failure, and the other records continue.
    Record,
    /// A call to a service: of one record where a stage makes it, else of the chunk.
    Call,
    /// A chunk or a run: the function tries again, and then SQS or EventBridge Scheduler does.
    Chunk,
    /// Everything that the function does: its deployment is incomplete or does not match its code.
    Setup,
}

/// Declares the codes: variant, code, scope, then meaning and advice.
macro_rules! error_codes {
    ($($name:ident $code:literal $scope:ident: $meaning:literal, $advice:literal;)*) => {
        /// The code of a failure in a run.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub enum ErrorCode {
            $(#[doc = $meaning] $name,)*
        }

        impl ErrorCode {
            /// All codes, in the order of their scopes.
            pub const ALL: &[Self] = &[$(Self::$name,)*];

            /// The code as it is written: `page_missing`.
            #[must_use]
            pub const fn as_str(self) -> &'static str {
                match self {
                    $(Self::$name => $code,)*
                }
            }

            /// What it costs.
            #[must_use]
            pub const fn scope(self) -> ErrorScope {
                match self {
                    $(Self::$name => ErrorScope::$scope,)*
                }
            }

            /// What it means, in a sentence.
            #[must_use]
            pub const fn meaning(self) -> &'static str {
                match self {
                    $(Self::$name => $meaning,)*
                }
            }

            /// What to do about it.
            #[must_use]
            pub const fn advice(self) -> &'static str {
                match self {
                    $(Self::$name => $advice,)*
                }
            }

            /// The code that is written so, or [`Self::Unknown`]: results and messages outlive the version that wrote
            /// them.
            #[must_use]
            pub fn parse(text: &str) -> Self {
                match text {
                    $($code => Self::$name,)*
                    _ => Self::Unknown,
                }
            }
        }
    };
}

error_codes! {
    KeyMissing "key_missing" Record:
        "The item has no key, or an empty one.",
        "Give the row or the item a value in the key attribute (`name`, unless the source sets `key`).";
    KeyUnfit "key_unfit" Record:
        "The key of the item is too long or contains control characters, so it cannot be stored.",
        "Shorten the key, and put a long name into `title`.";
    RowUnreadable "row_unreadable" Record:
        "A row of the source is not an item: it is not valid CSV or JSON, or an attribute is neither a string nor a number.",
        "Correct the row that the message names.";
    RowTooLong "row_too_long" Record:
        "A row of the source is too long for a message.",
        "Remove what the pipeline does not need from the row: labels are carried through to the results.";
    ItemTwice "item_twice" Record:
        "Another item of the run has the same key. A record is identified by its run and its item, so one of them would be lost.",
        "Remove one of them, or give it another key.";
    ItemGone "item_gone" Record:
        "The item was removed from the table between two attempts of the same run.",
        "No action is needed if it was removed on purpose. The next run will not include it.";
    TitleInvalid "title_invalid" Record:
        "The `title` of the item cannot be the title of a Wikipedia page.",
        "Set the item's `title` to the title of its page, as in the page's address.";
    LanguageInvalid "language_invalid" Record:
        "The `language` of the item is not a language tag.",
        "Write a tag such as `en`, `de` or `zh-TW`.";
    LanguageUnknown "language_unknown" Record:
        "The language of the text is unknown, and the engine needs it.",
        "Set `language` on the item or on the stage that fetches the text, or put a `language` stage before the engine.";
    LanguageUnsupported "language_unsupported" Record:
        "The engine does not support the language of the text.",
        "Use an engine that does ([engines.md](engines.md)), or drop such records with a `filter` stage.";
    TextMissing "text_missing" Record:
        "The record has no text to analyse.",
        "Put a stage before the engine that provides one. On your machine, add the item to the file in `[local] texts`, or use `--live`.";
    TextEmpty "text_empty" Record:
        "The text of the record is blank.",
        "Check the page, the feed or the file that the text comes from.";
    TextRefused "text_refused" Record:
        "Comprehend rejected this text.",
        "Read the reason in the message. The other texts of the same request were sent again without it.";
    NoAnswer "no_answer" Record:
        "The engine gave no label for the text (only in `fanggen compare`).",
        "Compare engines that judge sentiment.";
    PageMissing "page_missing" Record:
        "There is no page at this address or under this title (404 Not Found or 410 Gone).",
        "Check the URL, or the item's `title`.";
    PageAmbiguous "page_ambiguous" Record:
        "The title leads to a disambiguation page on Wikipedia.",
        "Set the item's `title` to the title of the page that you mean, such as `Apple Inc.`.";
    PageSection "page_section" Record:
        "The title redirects to a section of a page on Wikipedia. The introduction of that page is about something larger.",
        "Set the item's `title` to a page of its own, or to the page with the section if that is what you mean.";
    PageEmpty "page_empty" Record:
        "The page has no readable text.",
        "Open the page: if a script writes its text, use its feed or its API (with `pointer`) instead.";
    UrlMissing "url_missing" Record:
        "The item has no URL.",
        "Set `url` on the item or on the stage.";
    UrlUnreadable "url_unreadable" Record:
        "The URL is not a valid `http` or `https` address, or it redirects to one that is not.",
        "Correct the URL.";
    AddressRefused "address_refused" Record:
        "The URL leads to a private or reserved address, or it contains a password. No request is sent to such an \
         address, so that a list of items cannot reach into your network.",
        "Remove the user name and password. If the address is yours and may be requested, add it to `allow`.";
    RedirectRefused "redirect_refused" Record:
        "The response redirects from an encrypted to an unencrypted address, or it answers the request of a webhook \
         with a redirect.",
        "Set the URL to the address that it redirects to, if you trust that address.";
    TooManyRedirects "too_many_redirects" Record:
        "The page redirects too many times.",
        "Use the address of the page itself.";
    AccessRefused "access_refused" Record:
        "The server refused the request (most other 4xx statuses): it may not serve this page to programs.",
        "Check that the page is public and that its terms permit this use; set `contact` so that its operator can reach you.";
    TooLarge "too_large" Record:
        "The response is larger than the limit of the stage.",
        "Use a smaller page or a feed with fewer entries.";
    NotJson "not_json" Record:
        "`pointer` is set, but the response is not JSON.",
        "Remove `pointer`, or use the address that returns JSON.";
    PointerMissing "pointer_missing" Record:
        "The JSON of the response has no text at `pointer`.",
        "Compare `pointer` with the response: it is a JSON Pointer (RFC 6901), such as `/article/body`.";
    FeedMissing "feed_missing" Record:
        "The item has no feed.",
        "Set `feed` on the item or `url` on the stage.";
    FeedUnreadable "feed_unreadable" Record:
        "The response is not a feed (RSS, Atom or JSON Feed), or ends in the middle. Entries before that point are \
         processed.",
        "Check that the address returns a feed and not a web page.";
    FeedTooLong "feed_too_long" Record:
        "The feed has more entries than fanggen reads from one feed. Those that were read are processed.",
        "Use a feed with fewer entries, such as that of one category.";
    EntryUnreadable "entry_unreadable" Record:
        "One entry of a feed cannot be read. The other entries are processed.",
        "Tell the publisher of the feed.";
    EntryGone "entry_gone" Record:
        "An entry was seen in an earlier attempt, but cannot be processed now: the feed no longer lists it, or the \
         feed failed.",
        "Schedule runs often enough that the feed still lists its entries.";
    EntryTwice "entry_twice" Record:
        "A stage produced two entries with the same identity.",
        "This is a bug in fanggen: please report it with the feed.";
    RecordTooLong "record_too_long" Record:
        "The record is too long for a message of the next queue or of the sink.",
        "Put a `split` stage before the engine, or use a sink of type `s3`, which has no such limit.";

    TimedOut "timed_out" Call:
        "A service did not answer in time, or the chunk had no time left to call it.",
        "The call is retried. If the problem persists, raise `timeout_s` of the stage or of the functions.";
    Unreachable "unreachable" Call:
        "A host cannot be reached: its name has no address, or the connection failed.",
        "Check the host name. In a VPC, check that the subnets have a route to the internet.";
    TlsFailed "tls_failed" Call:
        "An encrypted connection could not be established: usually, the certificate of the server is invalid or \
         expired.",
        "Open the address in a browser to see what is wrong with its certificate.";
    Unavailable "unavailable" Call:
        "A server has an internal problem (HTTP 5xx).",
        "The call is retried. If the problem persists, look at the server's status page.";
    RateLimited "rate_limited" Call:
        "A server throttled the request (HTTP 429 or 503), or the stage's own rate limit left no time in this chunk.",
        "The call is retried, after the time in `Retry-After` if the server sent one. If the problem persists, set a \
         lower rate on the stage, or schedule fewer runs.";
    AnswerUnreadable "answer_unreadable" Call:
        "The response cannot be parsed, or is of a type that the stage does not read.",
        "Open the address and compare what it returns with what the stage reads ([reference.md](reference.md)).";
    AnswerIncomplete "answer_incomplete" Call:
        "The response does not contain everything that was requested.",
        "The call is retried.";
    AnswerEndless "answer_endless" Call:
        "Wikipedia kept announcing further parts of its response.",
        "Set a smaller number of `sentences`.";
    WikipediaUnavailable "wikipedia_unavailable" Call:
        "Wikipedia has an internal problem.",
        "The call is retried. See <https://www.wikimediastatus.net>.";
    WikipediaRefused "wikipedia_refused" Call:
        "Wikipedia refused the request.",
        "Read the reason in the message; set `contact`, which Wikimedia's policy asks for.";
    Throttled "throttled" Call:
        "An AWS service throttled the call.",
        "The call is retried. If the problem persists, ask for a higher quota or set a lower `max_concurrency` in \
         `[functions]`.";
    AwsUnavailable "aws_unavailable" Call:
        "An AWS service has an internal problem (HTTP 5xx).",
        "The call is retried. See <https://health.aws.amazon.com>.";
    AwsRefused "aws_refused" Call:
        "An AWS service rejected the call.",
        "Read the service's reason in the message.";
    AccessDenied "access_denied" Call:
        "The function's role, a bucket policy, a key policy or an organisation's policy does not permit the call.",
        "Run `fanggen drift` and `fanggen apply`. If the resource is not in the stack, permit the call in its own policy or in `[[iam.scopes]]`.";
    NotFound "not_found" Call:
        "The AWS resource in the call does not exist.",
        "Run `fanggen drift`, then `fanggen apply`. If the resource is not in the stack, create it or correct its name.";
    Conflict "conflict" Call:
        "Somebody else changed the same resource at the same time.",
        "The call is retried.";
    CredentialsUnknown "credentials_unknown" Call:
        "AWS does not know the credentials of the function (yet): it takes a few seconds until a new role is known \
         everywhere.",
        "The call is retried. If the problem persists, the role was replaced: run `fanggen apply`.";
    PostRefused "post_refused" Call:
        "The receiver of a webhook did not accept the request.",
        "Read the status in the message, and check the receiver's log. 5xx, 408 and 429 are retried; others are not.";

    MessageUnreadable "message_unreadable" Chunk:
        "A message in the queue was not written by fanggen, or is damaged.",
        "Find out who sends to the queue. The message ends up in the dead-letter queue.";
    MessageVersion "message_version" Chunk:
        "A message was written by a newer version of the runtime than the one that reads it.",
        "Deploy the newer version with `fanggen apply`, then move the message back from the dead-letter queue.";
    MessageTooLong "message_too_long" Chunk:
        "A message is longer than the service accepts.",
        "Put a `split` stage before the engine: one long text can fill a message.";
    EventUnreadable "event_unreadable" Chunk:
        "The function was invoked with an event that is neither a message of its queue nor one of its schedule.",
        "Invoke the producer with `{}`, and leave the workers to their queues.";
    RunUnreadable "run_unreadable" Chunk:
        "The time of a run is not a timestamp.",
        "Invoke the producer with `{\"time\": \"2026-11-22T09:00:00Z\"}`, or with `{}` for now.";
    RunUnnamed "run_unnamed" Chunk:
        "The schedule did not send its time, so the current time was used. This is a warning.",
        "No action is needed with an emulator: emulators of EventBridge Scheduler do not fill in \
         `<aws.scheduler.scheduled-time>`.";
    RunHeld "run_held" Chunk:
        "Another invocation of the producer is working on the same run.",
        "No action is needed: this one ends, and the other continues.";
    RunIncomplete "run_incomplete" Chunk:
        "The producer had to stop before all items were sent.",
        "It is invoked again and continues where it stopped. If the problem persists, raise `memory_mb` in \
         `[functions]` or `segments` of the source, or split the pipeline.";
    LeaseLost "lease_lost" Chunk:
        "Another invocation has taken over the run from this one.",
        "No action is needed: the other continues.";
    CursorUnreadable "cursor_unreadable" Chunk:
        "The position at which to continue a run cannot be read, for example because a source was added or removed in \
         the meantime.",
        "No action is needed: the next run starts from the beginning.";
    SourceChanged "source_changed" Chunk:
        "The file of items was replaced while a run was reading it.",
        "No action is needed: the next run reads the new file.";
    StateUnreadable "state_unreadable" Chunk:
        "A row of the state table cannot be read.",
        "Delete the row that the message names. Somebody else or a newer version has written to the table.";
    StateUnwritable "state_unwritable" Chunk:
        "The progress of a run cannot be written as JSON.",
        "This is a bug in fanggen: please report it.";
    NoteUnreadable "note_unreadable" Chunk:
        "The note that a chunk stored for the digest cannot be read.",
        "No action is needed: the digest says so, and the results are complete.";
    RecordUnwritable "record_unwritable" Chunk:
        "A record cannot be written in the sink's format.",
        "This is a bug in fanggen: please report it with the record.";
    StageBroken "stage_broken" Chunk:
        "A stage panicked.",
        "This is a bug in fanggen: please report it with the backtrace in the log.";
    SinkBroken "sink_broken" Chunk:
        "A sink panicked.",
        "This is a bug in fanggen: please report it with the backtrace in the log.";
    FileTooLong "file_too_long" Chunk:
        "The file of items is larger than the function's disk.",
        "Split it over several sources, or use a `dynamodb` source.";
    DiskUnwritable "disk_unwritable" Chunk:
        "The function's disk (`/tmp`) is full or cannot be written to.",
        "The chunk is retried on another instance. If the problem persists, use a smaller file of items.";
    FileUnreadable "file_unreadable" Chunk:
        "A file on your machine cannot be read.",
        "Check the path and its permissions.";
    FileUnwritable "file_unwritable" Chunk:
        "A file on your machine cannot be written.",
        "Check the path, its permissions and the free space.";
    TextsUnreadable "texts_unreadable" Chunk:
        "The file of local texts cannot be read.",
        "Correct `[local] texts` or the line that the message names, or use `--live`.";
    WorkerEnded "worker_ended" Chunk:
        "A worker on your machine ended early.",
        "This is a bug in fanggen: please report it with the output before it.";

    SettingsMissing "settings_missing" Setup:
        "A variable of the function's environment is not set.",
        "Run `fanggen apply`: the variables are part of the stack.";
    SettingsUnreadable "settings_unreadable" Setup:
        "A variable of the function's environment has an invalid value: somebody changed it, or the code and the stack \
         are from different versions.",
        "Run `fanggen apply`, which deploys both.";
    StateMissing "state_missing" Setup:
        "A sink needs the state table, and the function has none.",
        "Run `fanggen apply`: the table is part of the stack.";
    ItemsMissing "items_missing" Setup:
        "The items of the source are not where they should be.",
        "For an `inline` source, run `fanggen apply`. On your machine, create the file of items that the message names.";
    ItemsUnreadable "items_unreadable" Setup:
        "The file of items on your machine cannot be opened as a source.",
        "Correct the setting that the message names.";
    ColumnMissing "column_missing" Setup:
        "The header of the CSV file has no column for the key.",
        "Set `key` of the source to the name of a column.";
    ColumnTwice "column_twice" Setup:
        "The header of the CSV file has two columns of one name, so it is unclear which of them counts.",
        "Rename one of them.";
    FileKindUnknown "file_kind_unknown" Setup:
        "The file of items is neither CSV nor JSON Lines.",
        "Give it the extension `.csv` or `.jsonl`.";
    SecretUnreadable "secret_unreadable" Setup:
        "The secret in Secrets Manager has no text value.",
        "Store the secret as a string.";
    SecretUnusable "secret_unusable" Setup:
        "The secret of a webhook contains no usable signing key or URL.",
        "Store a value of the form that the message describes.";
    TrustUnreadable "trust_unreadable" Setup:
        "The file with root certificates cannot be read.",
        "Correct the path in `AWS_CA_BUNDLE` or `SSL_CERT_FILE`.";
    WeightsUnreadable "weights_unreadable" Setup:
        "The embedded weights of the engine cannot be read.",
        "This is a bug in fanggen: please report it with the version.";
    NoDisk "no_disk" Setup:
        "A sink that writes files runs in a Lambda function, which keeps none.",
        "Use a sink of type `s3`.";
    ReadOnly "read_only" Setup:
        "Something tried to write to a read-only table.",
        "This is a bug in fanggen: please report it.";
    QueueUnknown "queue_unknown" Setup:
        "A queue does not exist on your machine.",
        "This is a bug in fanggen: please report it with the file.";
    TableUnreadable "table_unreadable" Setup:
        "A table of results cannot be read on your machine.",
        "This is a bug in fanggen: please report it with the file.";
    TableUnwritable "table_unwritable" Setup:
        "A table of items cannot be written on your machine.",
        "This is a bug in fanggen: please report it with the file.";
    CardWrong "card_wrong" Setup:
        "A component does not match its declaration.",
        "This is a bug in fanggen: please report it.";
    NotHere "not_here" Setup:
        "A component needs a service that does not exist where it runs.",
        "Run the pipeline with `fanggen run` or in an account; `fanggen compare` has no queues or tables.";
    Unknown "unknown" Setup:
        "A result or a message has a code that this version does not know.",
        "Read the message next to it, or use the version that wrote it.";
}

impl fmt::Display for ErrorCode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.as_str())
    }
}

impl Serialize for ErrorCode {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(self.as_str())
    }
}

impl<'de> Deserialize<'de> for ErrorCode {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        Ok(Self::parse(&std::borrow::Cow::<str>::deserialize(deserializer)?))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_code_is_read_as_it_is_written() {
        for code in ErrorCode::ALL {
            assert_eq!(ErrorCode::parse(code.as_str()), *code);
            let json = serde_json::to_string(code).expect("JSON");
            assert_eq!(serde_json::from_str::<ErrorCode>(&json).expect("a code"), *code);
        }
        assert_eq!(serde_json::from_str::<ErrorCode>("\"of_next_year\"").expect("a code"), ErrorCode::Unknown);
    }

    #[test]
    fn codes_are_words_and_their_texts_sentences() {
        for code in ErrorCode::ALL {
            let words = code.as_str();
            assert!(words.bytes().all(|byte| byte.is_ascii_lowercase() || byte == b'_'), "{words}");
            for text in [code.meaning(), code.advice()] {
                assert!(text.ends_with(['.', '>']) && !text.contains("  "), "{words}: {text}");
            }
        }
        assert!(ErrorCode::ALL.is_sorted_by_key(|code| code.scope()), "the page groups them by scope");
    }
}
