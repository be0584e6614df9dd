"""The producer as a competent Python Lambda: reads the items of a table, and sends them on in chunks of a hundred."""

import hashlib
import json
import os

import boto3
from aws_lambda_powertools import Logger, Metrics
from aws_lambda_powertools.metrics import MetricUnit
from boto3.dynamodb.types import TypeDeserializer
from botocore.config import Config

CHUNK_ITEMS = 100
SEND_MESSAGES = 10
SEND_BYTES = 1000 * 1024
ATTRIBUTES = ("title", "feed", "language", "url", "text")

config = Config(retries={"mode": "standard", "max_attempts": 5})
dynamodb = boto3.client("dynamodb", config=config)
sqs = boto3.client("sqs", config=config)
plain = TypeDeserializer().deserialize
logger = Logger(service="producer")
metrics = Metrics(namespace="fang", service="producer")


def run_id(scheduled):
    return scheduled.replace("-", "").replace(":", "")


def chunk_id(run, records):
    digest = hashlib.sha256(run.encode())
    for record in records:
        for part in (record["source"], record["item"]["key"]):
            encoded = part.encode()
            digest.update(len(encoded).to_bytes(8, "big"))
            digest.update(encoded)
    return digest.hexdigest()[:16]


def records(run):
    pages = dynamodb.get_paginator("scan").paginate(TableName=os.environ["SOURCE_TABLE"])
    for page in pages:
        for row in page["Items"]:
            row = {name: plain(value) for name, value in row.items()}
            item = {"key": row.pop("name")}
            item.update({name: row.pop(name) for name in ATTRIBUTES if name in row})
            if row:
                item["labels"] = {name: str(value) for name, value in row.items()}
            yield {"run": run, "source": "companies", "item": item}


def chunks(run):
    chunk = []
    for record in records(run):
        chunk.append(record)
        if len(chunk) == CHUNK_ITEMS:
            yield chunk
            chunk = []
    if chunk:
        yield chunk


def send(entries):
    told = sqs.send_message_batch(QueueUrl=os.environ["QUEUE_URL"], Entries=entries)
    if told.get("Failed"):
        raise RuntimeError(f"{len(told['Failed'])} messages were not taken")


@metrics.log_metrics(capture_cold_start_metric=True)
def handler(event, context):
    run = run_id(event["scheduled_time"])
    waiting, size, items, sent = [], 0, 0, 0
    for number, chunk in enumerate(chunks(run)):
        known = {"run": run, "id": chunk_id(run, chunk), "number": number}
        body = json.dumps({"version": 1, "chunk": known, "records": chunk}, separators=(",", ":"))
        if waiting and (len(waiting) == SEND_MESSAGES or size + len(body) > SEND_BYTES):
            send(waiting)
            waiting, size = [], 0
        waiting.append({"Id": str(number), "MessageBody": body})
        size += len(body)
        items += len(chunk)
        sent += 1
    if waiting:
        send(waiting)
    metrics.add_metric(name="Items", unit=MetricUnit.Count, value=items)
    logger.info("produced", extra={"run": run, "items": items, "chunks": sent})
    return {"items": items, "chunks": sent}
