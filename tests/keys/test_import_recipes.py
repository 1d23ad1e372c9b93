"""The recipes of examples/import.md for other systems, on tables with their real schemas.

Each table has one key that works and keys that have ended in every way that the system knows. After the recipe of the
page, the authorizer accepts the first one and none of the others.
"""

import csv
import hashlib
import json
import shlex
import sqlite3
from base64 import b64encode, urlsafe_b64encode
from pathlib import Path
from typing import Any

import pytest

from tests.docs.pages import blocks
from tests.support.keys_command import KeysCommand

BLOCKS = [block for page in ("examples/import.md", "docs/import.md", "docs/keys.md") for block in blocks(Path(page))]
COMMANDS = [
    line
    for block in BLOCKS
    if "tests/keys/test_import_recipes.py" in (block.not_run or "")
    for line in block.text.splitlines()
    if line.startswith("keys ")
]
TABLES = ("keyauth_credentials", "`keys`", "personal_access_tokens", "apikey")
QUERIES = {
    name: block.text for block in BLOCKS if block.language == "sql" for name in TABLES if f"FROM {name}" in block.text
}

NOW_MS = 1_800_000_000_000
PAST, FUTURE = "2026-12-01 00:00:00.000", "2029-01-01 00:00:00.000"


def key(name: str) -> str:
    """A key in none of the systems' own formats, of the length that all accept."""
    return f"legacy_{name}_0123456789abcdefghij"


def digest(name: str) -> bytes:
    return hashlib.sha256(key(name).encode()).digest()


# Kong: kong/db/migrations/core/000_base.lua, and 000_base_key_auth.lua and 002_130_to_140.lua of
# kong/plugins/key-auth/migrations; `ws_id` since 2.1. TEXT in place of arrays.
KONG = """
CREATE TABLE "consumers" ("id" UUID PRIMARY KEY, "created_at" TIMESTAMP WITH TIME ZONE, "username" TEXT UNIQUE,
  "custom_id" TEXT UNIQUE, "tags" TEXT, "ws_id" UUID);
CREATE TABLE "keyauth_credentials" ("id" UUID PRIMARY KEY, "created_at" TIMESTAMP WITH TIME ZONE, "consumer_id" UUID,
  "key" TEXT UNIQUE, "tags" TEXT, "ttl" TIMESTAMP WITH TIME ZONE, "ws_id" UUID);
"""

# Unkey: pkg/db/schema.sql of github.com/unkeyed/unkey at 00c113ce, MySQL. The conditions of a verification are in
# pkg/db/queries/key_find_for_verification.sql.
UNKEY = """
CREATE TABLE `apis` (`pk` INTEGER PRIMARY KEY, `id` varchar(256) NOT NULL, `name` varchar(256) NOT NULL,
  `workspace_id` varchar(256) NOT NULL, `ip_whitelist` varchar(512), `auth_type` text, `key_auth_id` varchar(256),
  `created_at_m` bigint NOT NULL DEFAULT 0, `updated_at_m` bigint, `deleted_at_m` bigint,
  `delete_protection` boolean DEFAULT false);
CREATE TABLE `key_auth` (`pk` INTEGER PRIMARY KEY, `id` varchar(256) NOT NULL, `workspace_id` varchar(256) NOT NULL,
  `created_at_m` bigint NOT NULL DEFAULT 0, `updated_at_m` bigint, `deleted_at_m` bigint,
  `store_encrypted_keys` boolean NOT NULL DEFAULT false, `default_prefix` varchar(8), `default_bytes` int DEFAULT 16,
  `size_approx` int NOT NULL DEFAULT 0, `size_last_updated_at` bigint NOT NULL DEFAULT 0);
CREATE TABLE `identities` (`pk` INTEGER PRIMARY KEY, `id` varchar(256) NOT NULL, `external_id` varchar(256) NOT NULL,
  `workspace_id` varchar(256) NOT NULL, `environment` varchar(256) NOT NULL DEFAULT 'default', `meta` json,
  `deleted` boolean NOT NULL DEFAULT false, `created_at` bigint NOT NULL, `updated_at` bigint);
CREATE TABLE `keys` (`pk` INTEGER PRIMARY KEY, `id` varchar(256) NOT NULL, `key_auth_id` varchar(256) NOT NULL,
  `hash` varchar(256) NOT NULL, `start` varchar(256) NOT NULL, `workspace_id` varchar(256) NOT NULL,
  `for_workspace_id` varchar(256), `name` varchar(256), `owner_id` varchar(256), `identity_id` varchar(256),
  `meta` text, `expires` datetime(3), `created_at_m` bigint NOT NULL DEFAULT 0, `updated_at_m` bigint,
  `deleted_at_m` bigint, `refill_day` tinyint, `refill_amount` int, `last_refill_at` datetime(3),
  `enabled` boolean NOT NULL DEFAULT true, `remaining_requests` int, `ratelimit_async` boolean, `ratelimit_limit` int,
  `ratelimit_duration` bigint, `environment` varchar(256), `last_used_at` bigint, `pending_migration_id` varchar(256));
"""

# Laravel Sanctum 4: database/migrations/2019_12_14_000001_create_personal_access_tokens_table.php of laravel/sanctum.
SANCTUM = """
CREATE TABLE "users" ("id" INTEGER PRIMARY KEY, "name" varchar NOT NULL, "email" varchar NOT NULL);
CREATE TABLE "personal_access_tokens" ("id" INTEGER PRIMARY KEY, "tokenable_type" varchar NOT NULL,
  "tokenable_id" INTEGER NOT NULL, "name" varchar NOT NULL, "token" varchar(64) UNIQUE NOT NULL, "abilities" text,
  "last_used_at" datetime, "expires_at" datetime, "created_at" datetime, "updated_at" datetime);
"""

# Better Auth: packages/api-key/src/schema.ts of better-auth/better-auth, as its CLI generates it for SQLite.
BETTER_AUTH = """
CREATE TABLE "apikey" ("id" text PRIMARY KEY NOT NULL, "configId" text NOT NULL, "name" text, "start" text,
  "referenceId" text NOT NULL, "prefix" text, "key" text NOT NULL, "refillInterval" integer, "refillAmount" integer,
  "lastRefillAt" date, "enabled" integer, "rateLimitEnabled" integer, "rateLimitTimeWindow" integer,
  "rateLimitMax" integer, "requestCount" integer, "remaining" integer, "lastRequest" date, "expiresAt" date,
  "createdAt" date NOT NULL, "updatedAt" date NOT NULL, "permissions" text, "metadata" text);
"""


def insert(database: sqlite3.Connection, table: str, **values: Any) -> None:
    names, marks = ", ".join(f'"{name}"' for name in values), ", ".join("?" * len(values))
    database.execute(f'INSERT INTO "{table}" ({names}) VALUES ({marks})', list(values.values()))  # noqa: S608 - names of this file


def fill_kong(database: sqlite3.Connection) -> None:
    insert(database, "consumers", id="u1", username="acme")
    for name, ttl in (("live", "2029-01-01 00:00:00+00"), ("expired", "2026-12-01 00:00:00+00")):
        insert(
            database, "keyauth_credentials", id=name, consumer_id="u1", key=key(name), ttl=ttl,
            created_at="2023-11-14 22:13:20+00",
        )  # fmt: skip


def fill_unkey(database: sqlite3.Connection) -> None:
    for name, end in (("api", None), ("gone", NOW_MS - 1)):
        insert(database, "key_auth", id=f"ks_{name}", workspace_id="ws")
        insert(database, "apis", id=name, name=name, workspace_id="ws", key_auth_id=f"ks_{name}", deleted_at_m=end)
    insert(database, "identities", id="id_1", external_id="acme", workspace_id="ws", created_at=1)
    ended: dict[str, dict[str, Any]] = {
        "live": {"expires": FUTURE},
        "revoked": {"deleted_at_m": NOW_MS - 1},
        "expired": {"expires": PAST},
        "disabled": {"enabled": 0},
        "used_up": {"remaining_requests": 0},
        "of_deleted_api": {"key_auth_id": "ks_gone"},
        "root": {"for_workspace_id": "ws2"},
        "migrated": {"pending_migration_id": "m1"},
    }
    for name, more in ended.items():
        row = {
            "id": f"key_{name}", "key_auth_id": "ks_api", "hash": b64encode(digest(name)).decode(), "start": "legac",
            "workspace_id": "ws", "identity_id": "id_1", "meta": '{"plan": "pro"}', "created_at_m": 1_700_000_000_000,
        }  # fmt: skip
        insert(database, "keys", **{**row, **more})


def fill_sanctum(database: sqlite3.Connection) -> None:
    insert(database, "users", id=1, name="a", email="a@example.com")
    ended: dict[str, dict[str, Any]] = {
        "live": {},
        "expired": {"expires_at": "2026-12-01 00:00:00"},
        # `expiration` of the page's recipe is a year.
        "globally_expired": {"created_at": "2025-01-01 00:00:00"},
        "of_deleted_user": {"tokenable_id": 2},
    }
    for name, more in ended.items():
        row = {
            "tokenable_type": "App\\Models\\User", "tokenable_id": 1, "name": name, "token": digest(name).hex(),
            "abilities": '["read"]', "created_at": "2026-11-01 00:00:00", "updated_at": "2026-11-01 00:00:00",
        }  # fmt: skip
        insert(database, "personal_access_tokens", **{**row, **more})


def fill_better_auth(database: sqlite3.Connection) -> None:
    ended: dict[str, dict[str, Any]] = {
        "live": {"expiresAt": "2029-01-01T00:00:00.000Z"},
        "expired": {"expiresAt": "2026-12-01T00:00:00.000Z"},
        "disabled": {"enabled": 0},
        "used_up": {"remaining": 0},
    }
    for name, more in ended.items():
        row = {
            "id": name, "configId": "default", "start": "legacy", "referenceId": "acme", "enabled": 1,
            "key": urlsafe_b64encode(digest(name)).decode().rstrip("="), "metadata": "null",
            "createdAt": "2026-01-01T00:00:00.000Z", "updatedAt": "2026-01-01T00:00:00.000Z",
        }  # fmt: skip
        insert(database, "apikey", **{**row, **more})


SYSTEMS = {
    "kong.csv": (KONG, fill_kong, "keyauth_credentials"),
    "unkey.csv": (UNKEY, fill_unkey, "`keys`"),
    "sanctum.csv": (SANCTUM, fill_sanctum, "personal_access_tokens"),
    "better-auth.csv": (BETTER_AUTH, fill_better_auth, "apikey"),
}


def api_gateway_key(name: str, *, enabled: bool) -> dict[str, Any]:
    """As `aws apigateway get-api-key` prints it: https://docs.aws.amazon.com/apigateway/latest/api/API_ApiKey.html"""
    return {
        "id": name, "value": key(name), "name": "acme", "description": "", "enabled": enabled,
        "createdDate": "2023-11-14T22:13:20+00:00", "lastUpdatedDate": "2023-11-14T22:13:20+00:00",
        "stageKeys": ["a1b2c3/prod"], "tags": {"aws:cloudformation:stack-name": "old"},
    }  # fmt: skip


def zuplo_key(name: str, expires: str | None = None) -> dict[str, Any]:
    more = {"expiresOn": expires} if expires else {}
    moments = {"createdOn": "2023-04-18T05:54:34.408Z", "updatedOn": "2023-04-18T05:54:34.408Z"}
    return {"id": f"key_{name}", **moments, "description": name, "key": key(name), **more}


# The answer of "Lists consumers" with include-api-keys, https://zuplo.com/docs/api/api-keys-consumers
ZUPLO = {
    "data": [
        {
            "id": "csmr_1", "name": "acme",
            "createdOn": "2023-04-18T05:54:34.408Z", "updatedOn": "2023-04-18T05:54:34.408Z",
            "description": "a customer", "tags": {"team": "a"}, "metadata": {"plan": "gold"},
            "apiKeys": [
                zuplo_key("live"),
                zuplo_key("expired", "2026-12-01T00:00:00.000Z"),
                {**zuplo_key("masked"), "key": "zpka_****************abcd"},
            ],
        }
    ],
    "limit": 1000, "offset": 0, "total": 1,
}  # fmt: skip


def dynamodb_item(name: str, status: str = "ACTIVE", ttl: int | None = None) -> dict[str, Any]:
    more = {"ttl": {"N": str(ttl)}} if ttl else {}
    return {
        "pk": {"S": digest(name).hex()},
        "sk": {"S": "KEY"},
        "tenant": {"S": "acme"},
        "status": {"S": status},
        **more,
    }


DYNAMODB = [
    dynamodb_item("live"), dynamodb_item("expired", ttl=1_799_999_999), dynamodb_item("revoked", "REVOKED"),
    dynamodb_item("disabled", "suspended"), dynamodb_item("of_unknown_state", "PENDING_APPROVAL"),
]  # fmt: skip


def own_row(name: str, *, valid_until: str = "", revoked_at: str = "", is_active: str = "t") -> str:
    return f"{name},acme,{key(name)},gold,{valid_until},{revoked_at},{is_active}\n"


OWN = "id,user,api_key,plan,valid_until,revoked_at,is_active\n" + "".join(
    [
        own_row("live"),
        own_row("expired", valid_until="2026-12-01 00:00:00"),
        own_row("revoked", revoked_at="2026-12-01 00:00:00"),
        own_row("disabled", is_active="f"),
    ]
)


def write_table(file: Path, system: str, query: str) -> None:
    """Write the result of a query on the filled tables of a system as CSV."""
    schema, fill, _table = SYSTEMS[system]
    database = sqlite3.connect(":memory:")
    database.executescript(schema)
    fill(database)
    cursor = database.execute(query)
    with file.open("w", encoding="utf-8", newline="") as stream:
        writer = csv.writer(stream)
        writer.writerow(column[0] for column in cursor.description)
        writer.writerows(cursor)
    database.close()


@pytest.fixture
def folder(keys: KeysCommand, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A directory with all files that the page names."""
    for name, (_schema, _fill, table) in SYSTEMS.items():
        write_table(tmp_path / name, name, QUERIES[table])
    gateway = [[api_gateway_key("live", enabled=True)], [api_gateway_key("disabled", enabled=False)]]
    keys.create(consumer="of-the-backup")
    files = {
        "legacy.csv": f"key,consumer\n{key('live')},acme\n",
        "api-keys.json": "\n".join(json.dumps(page, indent=4) for page in gateway),
        "api-gateway.csv": f"Name,key,description,Enabled,usageplanIds\nacme,{key('live')},,TRUE,c7y23b\n"
        f"acme,{key('disabled')},,FALSE,c7y23b\n",
        "zuplo.json": json.dumps(ZUPLO),
        "own.csv": OWN,
        "own-hashed.csv": f"user,key_hash\nacme,{digest('live').hex()}\n",
        "old-keys.json": json.dumps({"Items": DYNAMODB, "Count": 5, "ScannedCount": 5, "ConsumedCapacity": None}),
        "keys-backup.jsonl": keys.run("export", "--with-digests").stdout,
    }
    for name, content in files.items():
        (tmp_path / name).write_text(content, encoding="utf-8")
    monkeypatch.chdir(tmp_path)
    return tmp_path


def run(keys: KeysCommand, command: str) -> int:
    """The exit code of a line of the page, with its pipes and redirections."""
    text, code = "", 0
    for part in command.split(" | "):
        words, _, target = part.partition(" > ")
        result = keys.run(*shlex.split(words)[1:], stdin=text)
        assert result.exit_code in (0, 6), result.output
        text, code = result.stdout, max(code, result.exit_code)
        if target:
            Path(target).write_text(text, encoding="utf-8")
    return code


REFUSED = {"zuplo.json": "a masked key", "old-keys.json": "an unknown state"}
ENDED = (
    *("expired", "revoked", "disabled", "used_up", "of_deleted_api", "root", "migrated", "globally_expired"),
    *("of_deleted_user", "masked", "of_unknown_state"),
)


@pytest.mark.usefixtures("folder")
@pytest.mark.parametrize("command", COMMANDS)
def test_a_recipe_brings_the_key_that_works_and_none_that_has_ended(keys: KeysCommand, command: str) -> None:
    file = shlex.split(command)[2]
    assert run(keys, command) == (6 if file in REFUSED else 0)
    if not command.startswith("keys import") or "backup" in command or "--dry-run" in command:
        return
    verdict = keys.json("verify", "--imported", stdin=key("live"))
    assert (verdict["accepted"], verdict["sub"]) == (True, "1" if file == "sanctum.csv" else "acme")
    for name in ENDED:
        assert keys.run("verify", "--imported", stdin=key(name)).exit_code == 5, name
    assert run(keys, command) == (6 if file in REFUSED else 0)


def test_every_system_of_the_page_is_tested() -> None:
    files = {shlex.split(command)[2] for command in COMMANDS if command.startswith("keys import ")}
    assert {*SYSTEMS, "zuplo.json", "old-keys.json", "own.csv", "api-keys.json"} <= files
    assert len(QUERIES) == len(SYSTEMS)


@pytest.mark.usefixtures("folder")
@pytest.mark.parametrize("file", ["kong.csv", "unkey.csv", "sanctum.csv", "better-auth.csv"])
def test_a_whole_table_without_the_query_of_the_page_is_refused(keys: KeysCommand, file: str, tmp_path: Path) -> None:
    write_table(tmp_path / "table.csv", file, f"SELECT * FROM {SYSTEMS[file][2]}")  # noqa: S608 - a name of this file
    result = keys.run("import", "table.csv")
    assert result.exit_code == 2
    assert "column" in result.stderr


@pytest.mark.usefixtures("folder")
def test_of_a_sanctum_token_only_the_part_after_the_bar_works(keys: KeysCommand) -> None:
    run(keys, next(command for command in COMMANDS if "sanctum.csv" in command))
    assert keys.run("verify", "--imported", stdin=f"1|{key('live')}").exit_code == 5
    assert keys.json("verify", "--imported", stdin=key("live"))["scopes"] == ["read"]
