"""What the sample events need to come out as events/README.md says: a table with one key in it, and a key set."""

import json
import os
import shutil
import time
from pathlib import Path
from typing import Any, Final

from local.build import FOR_LAMBDA
from local.template_file import load

EVENTS: Final = Path("events")
TABLE: Final = "sample-keys"
SEED: Final = "jwks.json"
PROVIDER: Final = {
    "JWT_ISSUER": "https://issuer.example/",
    "JWT_AUDIENCE": "https://api.example",
    "JWT_JWKS_URL": "https://issuer.example/jwks.json",
    "JWKS_SEED": SEED,
    # Nobody answers there, so nobody is asked for newer keys: the seed has just been fetched, so to say.
    "JWKS_FRESH_SECONDS": "3600",
    "JWKS_COOLDOWN_SECONDS": "600",
}


def make_table(dynamodb: Any, name: str = TABLE) -> None:
    """The template's table, with the sample's item in it."""
    properties = load(Path("template.yaml"))["Resources"]["ApiKeysTable"]["Properties"]
    wanted = ("AttributeDefinitions", "KeySchema", "BillingMode", "GlobalSecondaryIndexes")
    dynamodb.create_table(TableName=name, **{property_: properties[property_] for property_ in wanted})
    dynamodb.put_item(TableName=name, Item=read("api_key_item.json"))


def copy_build(folder: Path) -> None:
    """What `sam build` made, in a folder of its own, and beside its code the sample provider's key set."""
    shutil.rmtree(folder, ignore_errors=True)
    shutil.copytree(FOR_LAMBDA, folder, copy_function=os.link)
    seed = read("jwks.json") | {"fetched_at": int(time.time())}
    (folder / "Authorizer" / "authorizer" / SEED).write_text(json.dumps(seed), encoding="utf-8")


def read(name: str) -> Any:
    """A JSON file beside the sample events."""
    return json.loads((EVENTS / name).read_text(encoding="utf-8"))
