"""The table with one key, and the key set, that the outcomes in events/README.md require."""

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
    # No server answers at that URL. The seed counts as just fetched, so that the authorizer fetches no newer keys.
    "JWKS_FRESH_SECONDS": "3600",
    "JWKS_COOLDOWN_SECONDS": "600",
}


def make_table(dynamodb: Any, name: str = TABLE) -> None:
    """Create the table of the template, with the item of the sample key."""
    properties = load(Path("template.yaml"))["Resources"]["ApiKeysTable"]["Properties"]
    wanted = ("AttributeDefinitions", "KeySchema", "BillingMode", "GlobalSecondaryIndexes")
    dynamodb.create_table(TableName=name, **{property_: properties[property_] for property_ in wanted})
    dynamodb.put_item(TableName=name, Item=read("api_key_item.json"))


def copy_build(folder: Path) -> None:
    """Copy the build to `folder`, and add the key set of the sample provider."""
    shutil.rmtree(folder, ignore_errors=True)
    shutil.copytree(FOR_LAMBDA, folder, copy_function=os.link)
    seed = read("jwks.json") | {"fetched_at": int(time.time())}
    file = folder / "Authorizer" / "authorizer" / SEED
    file.write_text(json.dumps(seed), encoding="utf-8")
    file.chmod(0o644)


def read(name: str) -> Any:
    """Return the content of a JSON file in `events/`."""
    return json.loads((EVENTS / name).read_text(encoding="utf-8"))
