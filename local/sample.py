"""What the sample events need to come out as events/README.md says: a table with one key in it, and a key set."""

import json
import os
import shutil
import time
from pathlib import Path
from typing import Any, Final

from keys.deployment.template import load
from local.build import FOR_LAMBDA
from local.emulator import Endpoint
from local.session import client

EVENTS: Final = Path("events")
TABLE: Final = "sample-keys"
SEED: Final = "jwks.json"
PROVIDER: Final = {
    "JWT_ISSUER": "https://issuer.example/",
    "JWT_AUDIENCE": "https://api.example",
    "JWT_JWKS_URL": "https://issuer.example/jwks.json",
    "JWKS_SEED": SEED,
    # Nobody answers there, so nothing is asked for: the seed is all the keys that there are.
    "JWKS_COOLDOWN_SECONDS": "600",
}


def make_table(emulator: Endpoint) -> None:
    """The template's table, of which no more than its key matters here, with the sample's item."""
    tables = ("AWS::DynamoDB::GlobalTable", "AWS::DynamoDB::Table")
    resources = load(Path("template.yaml"))["Resources"].values()
    properties = next(resource["Properties"] for resource in resources if resource["Type"] in tables)
    keys = {key["AttributeName"] for key in properties["KeySchema"]}
    dynamodb = client(emulator, "dynamodb")
    dynamodb.create_table(
        TableName=TABLE,
        KeySchema=properties["KeySchema"],
        AttributeDefinitions=[one for one in properties["AttributeDefinitions"] if one["AttributeName"] in keys],
        BillingMode="PAY_PER_REQUEST",
    )
    dynamodb.put_item(TableName=TABLE, Item=read("api_key_item.json"))


def copy_build(folder: Path) -> None:
    """What `sam build` made, in a folder of its own, and beside its code the sample provider's key set."""
    shutil.rmtree(folder, ignore_errors=True)
    shutil.copytree(FOR_LAMBDA, folder, copy_function=os.link)
    seed = read("jwks.json") | {"fetched_at": int(time.time())}
    (folder / "Authorizer" / "authorizer" / SEED).write_text(json.dumps(seed), encoding="utf-8")


def read(name: str) -> Any:
    return json.loads((EVENTS / name).read_text(encoding="utf-8"))
