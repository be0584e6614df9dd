"""The worker as a competent Python Lambda: batches of 20 titles, 25 texts and 25 rows, partial failures, keys that repeat.

It does what the Rust worker does for a chunk, and less around it: it remembers no findings and counts no runs.
"""

import gzip
import json
import os
import time
from concurrent.futures import ThreadPoolExecutor
from decimal import Decimal

import boto3
import urllib3
from aws_lambda_powertools import Logger, Metrics
from aws_lambda_powertools.metrics import MetricUnit
from aws_lambda_powertools.utilities.batch import BatchProcessor, EventType, process_partial_response
from boto3.dynamodb.types import TypeSerializer
from botocore.config import Config

TITLES, TEXTS, ROWS = 20, 25, 25
TEXT_BYTES = 5000
TTL_DAYS = 90

config = Config(retries={"mode": "standard", "max_attempts": 5}, max_pool_connections=16)
comprehend = boto3.client("comprehend", config=config)
dynamodb = boto3.client("dynamodb", config=config)
s3 = boto3.client("s3", config=config)
http = urllib3.PoolManager(maxsize=8, retries=urllib3.Retry(3, backoff_factor=0.2, status_forcelist=(429, 503)))
pool = ThreadPoolExecutor(max_workers=16)
typed = TypeSerializer().serialize
processor = BatchProcessor(event_type=EventType.SQS, raise_on_entire_batch_failure=False)
logger = Logger(service="worker")
metrics = Metrics(namespace="fang", service="worker")


def batches(things, size):
    return [things[start : start + size] for start in range(0, len(things), size)]


def fail(record, stage, code, message):
    record["failure"] = {"stage": stage, "code": code, "message": message, "transient": False}


def lookup(record):
    return record["item"].get("title") or record["item"]["key"]


def summaries(batch):
    """The introductions of the pages of a batch, by title."""
    answer = http.request(
        "GET",
        os.environ["WIKIPEDIA"],
        fields={
            "action": "query",
            "format": "json",
            "formatversion": "2",
            "prop": "extracts|pageprops|info",
            "exintro": "1",
            "explaintext": "1",
            "exsentences": "3",
            "exlimit": "max",
            "ppprop": "disambiguation",
            "inprop": "url",
            "redirects": "1",
            "maxlag": "5",
            "titles": "|".join(lookup(record) for record in batch),
        },
        headers={"User-Agent": "fang-python/0.1 (data-team@example.com) urllib3/2"},
        timeout=15,
    )
    if answer.status != 200:
        raise RuntimeError(f"Wikipedia answered {answer.status}")
    told = json.loads(answer.data)
    if "error" in told:
        raise RuntimeError(f"Wikipedia answered {told['error']['code']}")
    query = told["query"]
    leads = {step["from"]: step["to"] for kind in ("normalized", "redirects") for step in query.get(kind, [])}
    pages = {page["title"]: page for page in query["pages"]}
    for record in batch:
        title = lookup(record)
        while title in leads:
            title = leads[title]
        page = pages.get(title)
        if page is None or page.get("missing") or not page.get("extract"):
            fail(record, "summary", "page_missing", f"`{lookup(record)}` is no page")
            continue
        record["text"] = {
            "body": page["extract"].encode()[:TEXT_BYTES].decode(errors="ignore"),
            "language": "en",
            "source": "wikipedia",
            "title": page["title"],
            "url": page["fullurl"],
            "revision": page["lastrevid"],
            "licence": "CC BY-SA 4.0",
        }


def ask(question, batch):
    """One question about a batch of texts."""
    told = question(TextList=[record["text"]["body"] for record in batch], LanguageCode="en")
    for error in told["ErrorList"]:
        fail(batch[error["Index"]], "sentiment", error["ErrorCode"], error["ErrorMessage"])
    return [(batch[result["Index"]], result) for result in told["ResultList"]]


def sentiment(batch):
    for record, result in ask(comprehend.batch_detect_sentiment, batch):
        scores = {name.lower(): score for name, score in result["SentimentScore"].items()}
        record["sentiment"] = {
            "label": result["Sentiment"],
            "score": scores["positive"] - scores["negative"],
            "scores": scores,
        }


def entities(batch):
    for record, result in ask(comprehend.batch_detect_entities, batch):
        record["entities"] = [
            {
                "text": entity["Text"],
                "type": entity["Type"],
                "score": entity["Score"],
                "begin": entity["BeginOffset"],
                "end": entity["EndOffset"],
            }
            for entity in result["Entities"]
        ]


def archive(chunk, records):
    run = chunk["run"]
    lines = "".join(json.dumps(record, separators=(",", ":")) + "\n" for record in records)
    key = f"archive/dt={run[0:4]}-{run[4:6]}-{run[6:8]}/{run}-{chunk['id']}.jsonl.gz"
    s3.put_object(Bucket=os.environ["BUCKET"], Key=key, Body=gzip.compress(lines.encode(), 6, mtime=0))


def row(record, expires):
    found = record["findings"][-1] if record["findings"] else {}
    told = {
        "item": record["item"]["key"],
        "run": record["run"],
        "source": record["source"],
        "label": found.get("label"),
        "score": found.get("score"),
        "engine": found.get("engine"),
        "findings": record["findings"],
        "text": {name: value for name, value in record.get("text", {}).items() if name != "body"},
        "failure": record.get("failure"),
        "expires": expires,
    }
    told = {name: value for name, value in told.items() if value is not None}
    return {name: typed(value) for name, value in json.loads(json.dumps(told), parse_float=Decimal).items()}


def write_rows(rows):
    table = os.environ["ROWS_TABLE"]
    waiting = {table: [{"PutRequest": {"Item": row}} for row in rows]}
    for attempt in range(8):
        waiting = dynamodb.batch_write_item(RequestItems=waiting).get("UnprocessedItems")
        if not waiting:
            return
        time.sleep(0.05 * 2**attempt)
    raise RuntimeError("rows were not taken")


def run(work, given):
    """Does something with each of these at once, and fails where one fails."""
    for done in [pool.submit(work, one) for one in given]:
        done.result()


def work(message):
    body = json.loads(message.body)
    if body["version"] > 1:
        raise ValueError("a newer message")
    chunk, records = body["chunk"], body["records"]
    run(summaries, batches([record for record in records if "failure" not in record], TITLES))
    asked = batches([record for record in records if "failure" not in record], TEXTS)
    questions = [pool.submit(question, batch) for batch in asked for question in (sentiment, entities)]
    for done in questions:
        done.result()
    for record in records:
        found = record.pop("sentiment", None)
        named = record.pop("entities", [])
        known = {"stage": "sentiment", "engine": "comprehend", "coverage": 1.0, "entities": named}
        record["findings"] = [] if found is None else [{**known, **found}]
    day = chunk["run"][:8]
    expires = int(time.mktime(time.strptime(day, "%Y%m%d"))) + (TTL_DAYS + 1) * 86_400
    archived = pool.submit(archive, chunk, records)
    run(write_rows, batches([row(record, expires) for record in records], ROWS))
    archived.result()
    failed = sum("failure" in record for record in records)
    metrics.add_metric(name="Items", unit=MetricUnit.Count, value=len(records))
    metrics.add_metric(name="Failed", unit=MetricUnit.Count, value=failed)
    logger.info("worked", extra={"run": chunk["run"], "chunk": chunk["id"], "items": len(records), "failed": failed})


def careful(record):
    """Works on a message, and logs why where it cannot: Powertools only hands it back."""
    try:
        work(record)
    except Exception:
        logger.exception("a chunk has to come again")
        raise


@metrics.log_metrics(capture_cold_start_metric=True)
def handler(event, context):
    return process_partial_response(event=event, record_handler=careful, processor=processor, context=context)
