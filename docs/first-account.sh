#!/usr/bin/env bash
# Proves on a real AWS account what no emulator can show, and leaves nothing behind. docs/first-account.md explains each
# claim. Written for bash 3.2, which macOS has.
# Backticks in claims are code, as in Markdown and JMESPath.
# Functions are called by `within`, `trap` and each other.
# shellcheck disable=SC2016,SC2329
set -uo pipefail

usage() {
    cat <<'EOF'
Usage: first-account.sh --yes --contact ADDRESS [--region REGION]

Deploys a small pipeline to an AWS account, checks on it what only a real account can show, and deletes everything
again, even if it fails or is interrupted. Takes about 20 minutes. Use a sandbox account.

  --yes              do it; without it, only the account, the region and the cost are printed
  --contact ADDRESS  your e-mail address or URL, which Wikipedia requires in the User-Agent of every request
  --region REGION    default: the region of your shell or profile, or us-east-1
  --help             print this

Prints one line per claim: `ok   CLAIM`, `FAIL CLAIM: expected .., found ..`, or `SKIP CLAIM: reason`.
Exit codes: 0 no claim failed, 1 one failed or nothing was done, 2 invalid arguments, 128 and more: interrupted.

Needs the credentials of an administrator, and these programs:
  FANGGEN  fanggen with the AWS commands (default: fanggen)
  AWS_CLI  the AWS CLI, version 2, or 1.32 and newer (default: aws)

Optional variables:
  FIRST_ACCOUNT_RUNTIME       a ready program for the functions (default: compiled from this checkout by fanggen build)
  FIRST_ACCOUNT_ARCHITECTURE  arm64 (default) or x86_64
  FIRST_ACCOUNT_MAX_WAIT      upper limit for every fixed wait, in seconds: for tests against an emulator only
  FIRST_ACCOUNT_WIKIPEDIA     more settings of the stage `wikipedia`: for tests against an emulator only
EOF
}

# ---- What is printed -------------------------------------------------------------------------------------------------

passed=0 failed=0 skipped=0

ok() { passed=$((passed + 1)) && printf 'ok   %s\n' "$1"; }
fail() { failed=$((failed + 1)) && printf 'FAIL %s: expected %s, found %s\n' "$1" "$2" "$3"; }
skip() { skipped=$((skipped + 1)) && printf 'SKIP %s: %s\n' "$1" "$2"; }
note() { printf '     %s\n' "$1" >&2; }
stop() { printf '%s: %s\n' "${0##*/}" "$1" >&2 && exit "${2:-1}"; }

# check CLAIM EXPECTED FOUND: both are the same, whatever their case.
check() {
    if [ "$(tr '[:upper:]' '[:lower:]' <<<"$2")" = "$(tr '[:upper:]' '[:lower:]' <<<"$3")" ]; then
        ok "$1"
    else
        fail "$1" "$2" "${3:-nothing}"
    fi
}

# What a command said last, in one line.
words() { grep -v -e '^note' -e '^ *$' "$folder/$1" | tail -n 6 | tr -s ' \n' ' ' | cut -c 1-600; }

# ---- How AWS and fanggen are called ----------------------------------------------------------------------------------

# Version 1 of the AWS CLI calls SQS in us-east-1 under an old name, unless the endpoint is an argument.
aws_text() { "$aws_cli" ${AWS_ENDPOINT_URL:+--endpoint-url "$AWS_ENDPOINT_URL"} --output text "$@"; }

# As the administrator; what goes wrong is in the file `error`.
ask() { aws_text "$@" 2>"$folder/error"; }

# The rest of a subshell acts as one of the two users. Their keys are never written to a file.
become() {
    [ "$1" = administrator ] && return
    unset AWS_PROFILE AWS_DEFAULT_PROFILE AWS_SESSION_TOKEN AWS_SECURITY_TOKEN
    if [ "$1" = planner ]; then
        export AWS_ACCESS_KEY_ID="$planner_id" AWS_SECRET_ACCESS_KEY="$planner_secret"
    else
        export AWS_ACCESS_KEY_ID="$deployer_id" AWS_SECRET_ACCESS_KEY="$deployer_secret"
    fi
}

# run WHO ARGUMENTS..: runs fanggen in the folder. Its exit code is in $code, its words are in the file `said`.
run() {
    code=0
    (become "$1" && cd "$folder" && shift && exec "$fanggen" "$@") >"$folder/said" 2>&1 </dev/null || code=$?
}

# pause SECONDS REASON
pause() {
    local seconds=$1
    if [ -n "$max_wait" ] && [ "$seconds" -gt "$max_wait" ]; then seconds=$max_wait; fi
    if [ "$seconds" -gt 0 ]; then note "waiting $seconds s: $2" && sleep "$seconds"; fi
}

# within SECONDS COMMAND..: repeats a command until it succeeds.
within() {
    local end=$((SECONDS + $1)) interval=5
    if [ -n "$max_wait" ] && [ "$max_wait" -lt 5 ]; then interval=$max_wait; fi
    shift
    until "$@"; do
        if [ "$SECONDS" -ge "$end" ]; then return 1; fi
        sleep "$interval"
    done
}

# A time in so many seconds, as EventBridge Scheduler writes it.
time_in() {
    local at=$(($(date +%s) + $1))
    date -u -d "@$at" +%Y-%m-%dT%H:%M:00 2>/dev/null || date -u -r "$at" +%Y-%m-%dT%H:%M:00
}

# ---- The pipeline ----------------------------------------------------------------------------------------------------

retain=true kms=false tracing=false rows_expire='ttl_days = 30' schedule='rate(1 hour)' boundary=''

write_pipeline() {
    cat >"$folder/pipeline.toml" <<EOF
[pipeline]
name = "$name"
contact = "$contact"

[aws]
account = "$account"
region = "$region"

[schedule]
expression = "$schedule"

[sources.companies]
type = "dynamodb"
key = "name"
items = ["Netflix", "Google", { name = "Apple", title = "Apple Inc." }]

[[stages]]
name = "summary"
type = "wikipedia"
sentences = 3
$wikipedia

[[stages]]
name = "sentiment"
type = "comprehend"

[sinks.archive]
type = "s3"

[sinks.latest]
type = "dynamodb"
$rows_expire

[functions]
architecture = "$architecture"
tracing = $tracing

[logs]
retention_days = 1

[data]
retain = $retain
kms = $kms

[iam]
$boundary

[environments.dev]

[environments.wide]
data = { retain = false, kms = false }
stages.summary.type = "text"
stages.sentiment.type = "lexicon"
functions.max_concurrency = 1000
EOF
}

# apply CLAIM ARGUMENTS..: as the deployer, of the pipeline as it is now.
apply() {
    local claim=$1
    shift
    write_pipeline
    run deployer apply --env dev --yes --render "$@"
    if [ "$code" = 0 ]; then ok "$claim"; else fail "$claim" "exit code 0" "$code: $(words said)"; fi
    return "$code"
}

# ---- The steps -------------------------------------------------------------------------------------------------------

# SQS, on a queue of our own. That its name is free again is checked after the first apply, which takes longer than that.
visibility() {
    local queue_url queue="$name-throwaway"
    queue_url=$(ask sqs create-queue --queue-name "$queue" --tags "$tag_json" --query QueueUrl)
    ask sqs send-message --queue-url "$queue_url" --message-body x >/dev/null
    local receipt claim='SQS counts 12 hours of visibility since the receive'
    receipt=$(ask sqs receive-message --queue-url "$queue_url" --wait-time-seconds 10 --visibility-timeout 60 \
        --query 'Messages[0].ReceiptHandle')
    if ask sqs change-message-visibility --queue-url "$queue_url" --receipt-handle "$receipt" \
        --visibility-timeout 43200 >/dev/null; then
        fail "$claim" 'a refusal of 43,200 s' 'that it is accepted'
    elif ! grep -qi 'Total VisibilityTimeout' "$folder/error"; then
        fail "$claim" 'Total VisibilityTimeout .. is beyond the limit' "$(words error)"
    elif ! ask sqs change-message-visibility --queue-url "$queue_url" --receipt-handle "$receipt" \
        --visibility-timeout 43100 >/dev/null; then
        fail "$claim" '43,100 s to be accepted' "$(words error)"
    else
        ok "$claim"
    fi
    claim="a deleted queue's name is taken for a while"
    ask sqs delete-queue --queue-url "$queue_url" && queue_deleted=$SECONDS
    if ask sqs create-queue --queue-name "$queue" --query QueueUrl >/dev/null; then
        fail "$claim" 'QueueDeletedRecently' 'a new queue'
    elif grep -q QueueDeletedRecently "$folder/error"; then
        ok "$claim"
    else
        fail "$claim" 'QueueDeletedRecently' "$(words error)"
    fi
}

name_is_free() {
    local queue_url claim="a deleted queue's name is free after 60 s"
    pause $((61 - SECONDS + queue_deleted)) 'the name of a deleted queue'
    if queue_url=$(ask sqs create-queue --queue-name "$name-throwaway" --tags "$tag_json" --query QueueUrl); then
        ok "$claim"
        ask sqs delete-queue --queue-url "$queue_url"
    else
        fail "$claim" 'a new queue' "$(words error)"
    fi
}

# The documents of `fanggen iam` as files WHO-1.json, WHO-2.json ..
policies() {
    local who=$1
    shift
    run administrator iam "--$who" --json "$@"
    awk -v start="$folder/$who" '
        /^    "policy": \{$/ { file = start "-" ++count ".json"; print "{" >file; inside = 1; next }
        inside { print >file }
        inside && /^    \}/ { inside = 0; close(file) }' "$folder/said"
}

# make_users: two users with exactly the policies that fanggen prints.
make_users() {
    local who document policy
    # A policy covers what the file describes: everything that is switched on later.
    kms=true && write_pipeline
    policies deployer --artifacts --env dev
    policies planner
    kms=false && write_pipeline
    for who in deployer planner; do
        ask iam create-user --user-name "$name-$who" --tags "$tag" >/dev/null &
        for document in "$folder/$who"-*.json; do
            policy=$(basename "$document" .json)
            ask iam create-policy --policy-name "$name-$policy" --policy-document "file://$document" --tags "$tag" >/dev/null &
        done
    done
    wait
    for who in deployer planner; do
        for document in "$folder/$who"-*.json; do
            policy=$(basename "$document" .json)
            ask iam attach-user-policy --user-name "$name-$who" --policy-arn "$policy_arn/$name-$policy" &
        done
    done
    local query='AccessKey.[AccessKeyId,SecretAccessKey]'
    read -r deployer_id deployer_secret < <(ask iam create-access-key --user-name "$name-deployer" --query "$query")
    read -r planner_id planner_secret < <(ask iam create-access-key --user-name "$name-planner" --query "$query")
    wait
    local claim='two users have the policies of `fanggen iam --deployer --artifacts` and `--planner`, and no more'
    if [ -n "${deployer_id:-}" ] && [ -n "${planner_id:-}" ] &&
        within 60 is_known deployer && within 60 is_known planner; then
        ok "$claim"
    else
        fail "$claim" 'access keys that work' "$(words error)"
        return 1
    fi
    pause 15 'the policies of a new user'
}

is_known() { (become "$1" && ask sts get-caller-identity >/dev/null); }

outputs() {
    ask cloudformation describe-stacks --stack-name "$stack" --query 'Stacks[0].Outputs[].[OutputKey,OutputValue]' \
        >"$folder/outputs"
    output() { awk -v key="$1" '$1 == key { print $2 }' "$folder/outputs"; }
    archive=$(output ArchiveBucket) latest=$(output LatestTable) companies=$(output CompaniesTable)
}

# The rows of the table of results: run, item, engine, label, and `null` where nothing failed.
read_rows() {
    ask dynamodb scan --table-name "$latest" --consistent-read \
        --query 'Items[].[run.S,item.S,engine.S,label.S,type(failure)]' >"$folder/rows"
}
has_rows() { read_rows && [ "$(grep -c "^$1	" "$folder/rows")" -ge 3 ]; }
runs() { cut -f 1 "$folder/rows" | sort -u | tr '\n' ' '; }

# Before anything exists in the account.
build() {
    write_pipeline
    if [ -n "$runtime" ]; then
        run administrator build --runtime "$runtime"
    else
        note 'compiling the functions'
        run administrator build --source "$source_folder" --tools "$source_folder/.fanggen/tools"
    fi
    if [ "$code" != 0 ]; then stop "nothing was done: the functions cannot be built: $(words said)"; fi
}

first_apply() {
    note 'first apply'
    apply "the deployer's policy is enough for the first apply" || return 1
    first=$(sed -n 's/^started the first run, \([^,]*\),.*/\1/p' "$folder/said" | tr -d ':-')
    known_runs="$first "
    outputs
    check 'the schedule is enabled' ENABLED \
        "$(ask scheduler get-schedule --name "$stack-schedule" --query State)"
    check 'tables with `retain = true` are protected from deletion once the apply has succeeded' True \
        "$(ask dynamodb describe-table --table-name "$companies" --query Table.DeletionProtectionEnabled)"
    run deployer apply --env dev --yes
    if [ "$code" = 0 ] && grep -q 'nothing to do' "$folder/said"; then
        ok 'a second apply has nothing to do'
    else
        fail 'a second apply has nothing to do' 'nothing to do' "$code: $(words said)"
    fi
}

results() {
    local claim='the first run has a finding for each item, in the table and in the archive, and no failure' found
    within 240 has_rows "$first"
    ask s3 cp "s3://$archive" "$folder/archive" --recursive --only-show-errors
    find "$folder/archive" -name '*.gz' -exec gunzip -c {} + 2>/dev/null | grep "\"run\":\"$first\"" >"$folder/records"
    found="$(grep -c "^$first	.*	null$" "$folder/rows") rows, $(grep -c '"label":' "$folder/records") records"
    found="$found, $(grep -c '"failure":{' "$folder/records") failures"
    check "$claim" '3 rows, 3 records, 0 failures' "$found"
    check 'there is exactly one first run' "$first " "$(runs)"
    claim='the findings are of Amazon Comprehend, on texts of Wikipedia'
    if ! is_aws; then
        skip "$claim" 'not AWS: stand-ins answer here'
        return
    fi
    found="$(grep -c '"engine":"comprehend"' "$folder/records") of Comprehend"
    check "$claim" '3 of Comprehend, 3 of Wikipedia' \
        "$found, $(grep -c '"url":"https://en.wikipedia.org/wiki/' "$folder/records") of Wikipedia"
}

# Starts a run now, which has to have a row for each item. Its results are cached: nothing is paid for twice.
start_run() {
    local time run
    time=$(date -u +%Y-%m-%dT%H:%M:%SZ) run=$(tr -d ':-' <<<"$time")
    printf '{"scheduled_time":"%s"}' "$time" >"$folder/event"
    known_runs="$known_runs$run "
    ask lambda invoke --function-name "$stack-producer" --payload "fileb://$folder/event" "$folder/answer" \
        --query FunctionError >"$folder/invoked"
    if ! grep -q None "$folder/invoked"; then
        fail "$1" 'a run' "$(cat "$folder/invoked" "$folder/answer" "$folder/error" 2>/dev/null | tr -s ' \n' ' ')"
        return
    fi
    within 180 has_rows "$run"
    check "$1" '3 rows, 3 without a failure' \
        "$(grep -c "^$run	" "$folder/rows") rows, $(grep -c "^$run	.*	null$" "$folder/rows") without a failure"
}

# The key with which a function's variables are encrypted, or None.
key_of_worker() { ask lambda get-function-configuration --function-name "$stack-worker" --query KMSKeyArn; }

planner() {
    note 'the planner'
    run planner plan --env dev
    if [ "$code" = 2 ]; then
        ok "the planner's policy is enough for a plan"
    else
        fail "the planner's policy is enough for a plan" 'exit code 2' "$code: $(words said)"
    fi
    run planner apply --env dev --yes
    if [ "$code" = 1 ] && grep -qi -e 'denied' -e 'not authorized' "$folder/said"; then
        ok 'the planner is refused an apply'
    else
        fail 'the planner is refused an apply' 'exit code 1, access denied' "$code: $(words said)"
    fi
    local quota claim expected=yes found=no
    quota=$(ask lambda get-account-settings --query AccountLimit.ConcurrentExecutions)
    if [ "$quota" -ge 1001 ] 2>/dev/null; then expected=no; fi
    run planner plan --env wide
    if grep -q "this account allows $quota concurrent executions" "$folder/said"; then found=yes; fi
    claim="the account's quota of $quota concurrent executions is compared with what a pipeline may use"
    check "$claim (a warning about 1,001: $expected)" "exit code 2, $expected" "exit code $code, $found"
}

switches() {
    retain=false kms=true tracing=true rows_expire='' && write_pipeline
    run administrator render
    planner
    note 'switching kms and tracing on, retain and ttl_days off'
    apply '`[data] kms` and tracing are switched on, `retain` and `ttl_days` off' || return
    start_run 'the functions run with a customer key'
    local with without claim='a function has the customer key while `kms` is on, and none afterwards'
    with=$(key_of_worker)
    # The schedule's own run must be due after this update and the next two.
    if is_aws; then due=$(time_in 480); else due=$(time_in 86400); fi
    due_at=$((SECONDS + 540))
    kms=false tracing=false schedule="at($due)"
    note 'switching kms and tracing off'
    apply '`[data] kms` and tracing are switched off again' --replace Key || return
    start_run 'the functions run after their customer key is gone'
    without=$(key_of_worker)
    if ! is_aws; then
        skip "$claim" 'not AWS: an emulator forgets the key of a function'
    elif [ "${with#arn:}" != "$with" ] && { [ "$without" = None ] || [ -z "$without" ]; }; then
        ok "$claim"
    else
        fail "$claim" 'an ARN, then none' "$with, then $without"
    fi
}

express() {
    local claim='an express update that fails is rolled back'
    if is_aws; then
        note 'an express update that IAM refuses: the permissions boundary does not exist'
        boundary="permissions_boundary = \"$policy_arn/$name-absent\"" && write_pipeline
        run deployer apply --env dev --yes --render --express
        within 180 is_settled
        check "$claim" 'exit code 1, UPDATE_ROLLBACK_COMPLETE' "exit code $code, $(status)"
        boundary=''
    else
        skip "$claim" 'not AWS: an emulator never rolls back'
    fi
    note 'an express update'
    retain=true
    apply 'an express update works' --express || return
    if grep -q 'has no express mode' "$folder/said"; then note 'CloudFormation has no express mode here'; fi
    start_run 'the functions run after an express update'
}

status() { ask cloudformation describe-stacks --stack-name "$stack" --query 'Stacks[0].StackStatus'; }
is_settled() { case $(status) in *_IN_PROGRESS) return 1 ;; esac }

scheduled_run() {
    local claim='a run of the schedule has its scheduled time as id' run
    if ! is_aws; then
        skip "$claim" 'not AWS: an emulator does not replace <aws.scheduler.scheduled-time>'
        return
    fi
    run="$(tr -d ':-' <<<"${due:-none}")Z" known_runs="$known_runs$run "
    note "waiting for the schedule: ${due:-none} UTC"
    within $((due_at - SECONDS > 120 ? due_at - SECONDS : 120)) has_rows "$run"
    check "$claim" "3 rows of $run" "$(grep -c "^$run	" "$folder/rows") rows of $run"
}

# Lambda's own report of the invocations of a function: how many, and the most of each number.
report() {
    ask logs filter-log-events --log-group-name "/aws/lambda/$stack-$1" --query 'events[].[message]' \
        --filter-pattern '{ $.type = "platform.report" }' >"$folder/reports"
    most() { sed -n "s/.*\"$1\": *\([0-9.]*\).*/\1/p" "$folder/reports" | sort -n | tail -n 1; }
    reported="$1: $(grep -c report "$folder/reports") invocations, at most $(most initDurationMs) ms of init,"
    reported="$reported $(most durationMs) ms, $(most maxMemoryUsedMB) MB"
    grep -q report "$folder/reports"
}

runtime_report() {
    local claim='the functions run on arm64' found both
    if [ "$architecture" != arm64 ] || ! is_aws; then
        skip "$claim" 'FIRST_ACCOUNT_ARCHITECTURE is not arm64, or this is not AWS'
        return
    fi
    found=$(ask lambda get-function-configuration --function-name "$stack-worker" --query 'Architectures[0]')
    within 90 report producer && both=$reported
    within 90 report worker && both="${both:-no producer}; $reported"
    check "$claim (${both:-no reports of Lambda})" 'arm64, reported' "$found, ${both:+reported}"
}

# Just before the function is deleted: its variables are lost.
variables() {
    local claim='Lambda counts 4 KB of variables as JSON, quotes escaped' filler=3883
    # 4,096 bytes: 13 of `{"FANG_X":""}`, 200 of a hundred quotes, and 3,883 more.
    environment() {
        printf '{"Variables":{"FANG_X":"%s%s"}}' "$(printf '%0100d' 0 | sed 's/0/\\"/g')" \
            "$(printf "%0$1d" 0)" >"$folder/environment"
        ask lambda update-function-configuration --function-name "$stack-producer" --query FunctionName \
            --environment "file://$folder/environment" >/dev/null
    }
    ask lambda wait function-updated --function-name "$stack-producer"
    if environment $((filler + 1)); then
        fail "$claim" '4,097 bytes to be refused' 'that they are accepted'
    elif ! grep -qi '4 \{0,1\}KB' "$folder/error"; then
        fail "$claim" 'a message about 4 KB' "$(words error)"
    elif ! environment "$filler"; then
        fail "$claim" '4,096 bytes to be accepted' "$(words error)"
    else
        ok "$claim"
    fi
}

destroy() {
    read_rows
    check 'there are no other runs at the end' "$(tr ' ' '\n' <<<"$known_runs" | sort -u | tr '\n' ' ' | tr -s ' ')" " $(runs)"
    run deployer destroy --env dev --yes
    if [ "$code" = 1 ] && grep -q -e '--delete-data' "$folder/said"; then
        ok 'destroy refuses to delete retained data'
    else
        fail 'destroy refuses to delete retained data' 'exit code 1, and --delete-data named' "$code: $(words said)"
    fi
    variables
    note 'destroy'
    run deployer destroy --env dev --yes --delete-data ${artifacts:+"$artifacts"}
    if [ "$code" = 0 ]; then
        ok "the deployer's policy is enough for destroy --delete-data" && destroyed=yes
    else
        fail "the deployer's policy is enough for destroy --delete-data" 'exit code 0' "$code: $(words said)"
    fi
}

# ---- The end: always ------------------------------------------------------------------------------------------------

clean_up() {
    local attempt prefix key version
    # What was started in the background may still make users and policies.
    wait
    for attempt in 1 2 3; do
        [ "$destroyed" = yes ] && break
        run administrator destroy --env dev --yes --delete-data ${artifacts:+"$artifacts"}
        if [ "$code" = 0 ]; then destroyed=yes; else note "destroy, attempt $attempt: $(words said)" && pause 20 'AWS'; fi
    done
    # The planner may not delete the empty stack that its plan made.
    ask cloudformation delete-stack --stack-name "$name-wide" &
    queue_url=$(ask sqs get-queue-url --queue-name "$name-throwaway" --query QueueUrl) &&
        ask sqs delete-queue --queue-url "$queue_url"
    remove_users
    wait
    if [ -z "$artifacts" ]; then
        # The bucket was there before: what this script put there goes, with all versions.
        for prefix in locks runtime stacks state templates; do
            ask s3api list-object-versions --bucket "$bucket" --prefix "$prefix/$name-" \
                --query '[Versions,DeleteMarkers][].[Key,VersionId]' | grep / |
                while read -r key version; do
                    ask s3api delete-object --bucket "$bucket" --key "$key" --version-id "$version" >/dev/null
                done
        done
    fi
}

remove_users() {
    local who id arn
    for arn in $(ask iam list-policies --scope Local --query "Policies[?starts_with(PolicyName,'$name-')].Arn"); do
        who=${arn##*/}
        (ask iam detach-user-policy --user-name "${who%-*}" --policy-arn "$arn"; ask iam delete-policy --policy-arn "$arn") &
    done
    for who in "$name-deployer" "$name-planner"; do
        for id in $(ask iam list-access-keys --user-name "$who" --query 'AccessKeyMetadata[].AccessKeyId'); do
            ask iam delete-access-key --user-name "$who" --access-key-id "$id"
        done
    done
    wait
    ask iam delete-user --user-name "$name-deployer" &
    ask iam delete-user --user-name "$name-planner" &
    wait
}

# look SERVICE QUERY ARGUMENTS..: what is left there goes to a file of its own, also that it could not be asked.
look() {
    local file="$folder/left-$1-$2" service=$1 query=$3
    aws_text "$1" "$2" --query "$query" "${@:4}" >"$file" 2>"$file-error" ||
        printf '%s cannot be asked: %s\n' "$service" "$(tail -n 1 "$file-error")" >"$file"
    rm -f "$file-error"
}

nothing_left() {
    local arn mine="starts_with(@,'$name')"
    rm -f "$folder"/left-*
    look cloudformation describe-stacks "Stacks[?starts_with(StackName,'$name')].StackName" &
    look iam list-roles "Roles[?starts_with(RoleName,'$name')].RoleName" &
    look iam list-users "Users[?starts_with(UserName,'$name')].UserName" &
    look iam list-policies "Policies[?starts_with(PolicyName,'$name')].PolicyName" --scope Local &
    wait
    look lambda list-functions "Functions[?starts_with(FunctionName,'$name')].FunctionName" &
    look sqs list-queues 'QueueUrls || `[]`' --queue-name-prefix "$name" &
    look dynamodb list-tables "TableNames[?$mine]" &
    look s3api list-buckets "Buckets[?starts_with(Name,'$name')${artifacts:+ || Name=='$bucket'}].Name" &
    wait
    look logs describe-log-groups 'logGroups[].logGroupName' --log-group-name-prefix "/aws/lambda/$name" &
    look scheduler list-schedules 'Schedules[].Name' --name-prefix "$name" &
    look glue get-databases "DatabaseList[?starts_with(Name,'$(tr - _ <<<"$name")')].Name" &
    look kms list-aliases "Aliases[?starts_with(AliasName,'alias/$name')].AliasName" &
    wait
    look resourcegroupstaggingapi get-resources 'ResourceTagMappingList[].[ResourceARN]' \
        --tag-filters "Key=fanggen:pipeline,Values=$name"
    # It still lists what was deleted a while ago: what was asked for by name does not count.
    local tagged="$folder/left-resourcegroupstaggingapi-get-resources" named='dynamodb|sqs|s3|logs|scheduler|glue|iam'
    named=":($named|cloudformation):|:lambda:.*:function:"
    grep -v -E "$named" "$tagged" >"$folder/others"
    : >"$tagged"
    while read -r arn; do
        # A key can only be scheduled for deletion.
        if [ "$(ask kms describe-key --key-id "$arn" --query KeyMetadata.KeyState)" = PendingDeletion ]; then
            key_note="the customer key is deleted in 30 days and costs nothing until then: $arn"
        else
            printf '%s\n' "$arn" >>"$tagged"
        fi
    done <"$folder/others"
    left=$(cat "$folder"/left-* | tr -s '\t\n' '  ')
    [ -z "$left" ]
}

finish() {
    local status=$?
    trap - EXIT
    trap '' INT TERM HUP
    note 'cleaning up; this takes a few minutes and cannot be interrupted'
    clean_up
    key_note=''
    if within 300 nothing_left; then
        ok 'nothing is left, by tags and by names'
        rm -rf "$folder"
    else
        fail 'nothing is left, by tags and by names' nothing "$left"
        note "to try again: cd $folder && fanggen destroy --env dev --yes --delete-data"
    fi
    if [ -n "$key_note" ]; then note "$key_note"; fi
    printf '%s ok, %s failed, %s skipped\n' "$passed" "$failed" "$skipped"
    if [ "$status" = 0 ] && [ "$failed" != 0 ]; then status=1; fi
    exit "$status"
}

# ---- The beginning ---------------------------------------------------------------------------------------------------

go=no contact='' region=${AWS_REGION:-${AWS_DEFAULT_REGION:-}}
while [ $# -gt 0 ]; do
    case $1 in
        --yes) go=yes ;;
        --contact | --region)
            if [ -z "${2:-}" ]; then stop "$1 needs a value" 2; fi
            if [ "$1" = --contact ]; then contact=$2; else region=$2; fi
            shift
            ;;
        --help | -h) usage && exit 0 ;;
        *) stop "unknown argument: $1; --help shows the others" 2 ;;
    esac
    shift
done

wikipedia=${FIRST_ACCOUNT_WIKIPEDIA:-} max_wait=${FIRST_ACCOUNT_MAX_WAIT:-}
architecture=${FIRST_ACCOUNT_ARCHITECTURE:-arm64} runtime=${FIRST_ACCOUNT_RUNTIME:-}
source_folder=$(cd "$(dirname "$0")/.." && pwd)
fanggen=$(command -v "${FANGGEN:-fanggen}") ||
    stop "${FANGGEN:-fanggen} is not installed: run \`cargo install --path generator\`, or set FANGGEN to the program"
aws_cli=$(command -v "${AWS_CLI:-aws}") ||
    stop "${AWS_CLI:-aws} is not installed: install the AWS CLI, or set AWS_CLI to the program"
# Both are called in other folders.
case $fanggen in /*) ;; *) fanggen="$PWD/$fanggen" ;; esac
case $aws_cli in /*) ;; *) aws_cli="$PWD/$aws_cli" ;; esac
case $runtime in '' | /*) ;; *) runtime="$PWD/$runtime" ;; esac
version=$("$aws_cli" --version 2>&1)
case $version in
    aws-cli/1.[0-9].* | aws-cli/1.[12][0-9].* | aws-cli/1.3[01].*) stop "$version is too old: 1.32 or 2 is needed" ;;
    aws-cli/*) ;;
    *) stop "$aws_cli is not the AWS CLI: it says $version" ;;
esac
is_aws() { [ -z "${AWS_ENDPOINT_URL:-}" ]; }

region=${region:-$("$aws_cli" configure get region)} region=${region:-us-east-1}
export AWS_REGION="$region" AWS_DEFAULT_REGION="$region" AWS_PAGER=''
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
caller=$(ask sts get-caller-identity --query '[Account,Arn]') ||
    stop "no credentials that work in $region: $(tail -n 1 "$folder/error")"
account=${caller%%	*} arn=${caller##*	}
partition=${arn#arn:} partition=${partition%%:*}

printf 'account %s, region %s, as %s\n' "$account" "$region" "$arn"
if ! is_aws; then printf 'AWS_ENDPOINT_URL is set: this is not AWS, and what only AWS can show is skipped\n'; fi
# Prices of us-east-1 on 2026-11-22, for an hour of each: the script takes a third of that.
awk 'BEGIN {
    comprehend = 30 * 0.0001; key = 1 / 730; metrics = 8 * 0.30 / 730; requests = 0.005
    printf "expected cost: about $%.2f: Comprehend $%.4f (30 units), a KMS key $%.4f, 8 metrics $%.4f,", \
        comprehend + key + metrics + requests, comprehend, key, metrics
    printf " requests to Lambda, SQS, S3, DynamoDB and Logs at most $%.4f\n", requests
}'
if [ "$go" != yes ]; then stop 'nothing was done: add --yes'; fi
if [ -z "$contact" ]; then stop 'nothing was done: add --contact, which Wikipedia requires'; fi

name="first-account-$(od -An -N3 -tx1 /dev/urandom | tr -d ' \n')" stack="$name-dev"
tag="Key=fanggen:pipeline,Value=$name" tag_json="{\"fanggen:pipeline\":\"$name\"}"
policy_arn="arn:$partition:iam::$account:policy" bucket="fanggen-artifacts-$account-$region"
destroyed=yes known_runs='' first='' due='' due_at=0 queue_deleted=0
# The locks and records that fanggen keeps on this machine go with the folder.
export XDG_CACHE_HOME="$folder/cache"
# The bucket is deleted only if an apply of this script created it.
artifacts=''
if ! ask s3api head-bucket --bucket "$bucket" >/dev/null && grep -q -e 404 -e 'Not Found' "$folder/error"; then
    artifacts=--artifacts
fi
printf 'pipeline %s, in %s\n' "$name" "$folder"

build
trap finish EXIT
trap 'exit 130' INT
trap 'exit 143' TERM
trap 'exit 129' HUP
visibility
if make_users; then
    destroyed=no
    if first_apply; then
        results
        name_is_free
        switches
        express
        scheduled_run
        runtime_report
        destroy
    fi
fi
exit 0
