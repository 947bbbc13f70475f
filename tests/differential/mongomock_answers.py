"""mongomock's answers: reads cases a line on standard input, writes an outcome a line."""

import datetime
import json
import math
import sys
import warnings

import mongomock

warnings.simplefilter("ignore")


def decode(value):
    """Extended JSON to values of Python."""
    if isinstance(value, list):
        return [decode(inner) for inner in value]
    if not isinstance(value, dict):
        return value
    if "$date" in value:
        return datetime.datetime.fromisoformat(value["$date"].replace("Z", "+00:00")).replace(tzinfo=None)
    return {name: decode(inner) for name, inner in value.items()}


def encode(value):
    """And back."""
    if isinstance(value, datetime.datetime):
        return {"$date": value.strftime("%Y-%m-%dT%H:%M:%S.") + "%03dZ" % (value.microsecond // 1000)}
    if isinstance(value, (list, tuple)):
        return [encode(inner) for inner in value]
    if isinstance(value, dict):
        return {name: encode(inner) for name, inner in value.items()}
    if isinstance(value, float) and not math.isfinite(value):
        return {"$numberDouble": str(value)}
    return value


def answer(kind, query, documents):
    collection = mongomock.MongoClient(tz_aware=False).differential.cases
    collection.insert_many(documents)
    if kind == "filter":
        return collection.find_one(query) is not None
    if kind == "projection":
        return collection.find_one({}, query)
    if kind == "sort":
        return [document["_id"] for document in collection.find().sort(list(query.items()))]
    if kind == "pipeline":
        return list(collection.aggregate(query))
    collection.update_one({"_id": documents[0]["_id"]}, query)
    return collection.find_one()


for line in sys.stdin:
    case = json.loads(line)
    try:
        outcome = {"ok": encode(answer(case["kind"], decode(case["query"]), decode(case["documents"])))}
    except Exception as error:  # Whatever it refuses a case with.
        outcome = {"fault": f"{type(error).__name__}: {error}"}
    print(json.dumps({"n": case["n"], **outcome}), flush=False)
