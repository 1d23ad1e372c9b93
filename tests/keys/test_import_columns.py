"""What the columns of an import file become, and which values are refused."""

import base64
import hashlib
import io
import json
from typing import Any

import pytest

from keys.core.errors import BadInput
from keys.core.record import Key, imported_key_id
from keys.transfer import formats, rows
from keys.transfer.columns import options
from keys.transfer.key_text import check_key, hint_of, looks_like_digest
from keys.transfer.rows import Line

NOW = 1_800_000_000

KEY = "apikey1234abcdefghij0123456789"
DIGEST = hashlib.sha256(KEY.encode())


def lines(
    content: str | list[Any], *, maps: str = "", ignore: str = "", sets: tuple[str, ...] = (), utc: bool = False,
    **more: Any,
) -> list[Line]:  # fmt: skip
    text = content if isinstance(content, str) else json.dumps(content)
    chosen = options(tuple(maps.split()), tuple(ignore.split()), sets, utc=utc)
    return list(rows.read(formats.read(io.BytesIO(text.encode()), "", **more), chosen, "mak", NOW, lambda _text: None))


def row(members: dict[str, Any], **more: Any) -> Key:
    """The row of a JSON object with these members, a key and a consumer."""
    (line,) = lines([{"key": KEY, "consumer": "acme", **members}], **more)
    if line.problem:
        raise line.problem
    assert isinstance(line.row, Key)
    return line.row


def test_a_row_has_all_that_the_file_says() -> None:
    members = {
        "description": " of the\nold API ", "data": {"plan": "gold"}, "scopes": "read write", "tags": {"env": "prod"},
        "enabled": False, "created_at": 1_700_000_000, "expires_at": "2030-01-31T01:00:00+01:00",
        "revoked_at": 1_750_000_000_000,
    }  # fmt: skip
    assert row(members) == Key(
        digest=DIGEST.hexdigest(), key_id=imported_key_id(DIGEST.hexdigest()), consumer="acme", enabled=False,
        description="of the old API", data='{"plan":"gold"}', scopes=frozenset(["read", "write"]), tags={"env": "prod"},
        created_at=1_700_000_000, expires_at=1_896_048_000, revoked_at=1_750_000_000, hint="apik",
    )  # fmt: skip


@pytest.mark.parametrize("name", ["expires_at", "expiresAt", "Expires At", "EXPIRES-AT"])
def test_the_spelling_of_a_column_does_not_matter(name: str) -> None:
    assert row({name: 1_893_456_000}).expires_at == 1_893_456_000


def test_an_unknown_column_is_refused_until_it_is_mapped_or_ignored() -> None:
    own = f"ID;User;Token;Plan;Region\n7;Ann;{KEY};gold;NULL\n"
    maps = "user=consumer Token=key plan=data.plan region=tags.region"
    with pytest.raises(BadInput, match="Unknown columns: 'ID'"):
        lines(own, maps=maps)
    (line,) = lines(own, maps=maps, ignore="id")
    assert isinstance(line.row, Key)
    assert (line.row.consumer, line.row.data, line.row.tags) == ("Ann", '{"plan":"gold"}', {})


def test_an_unknown_member_of_one_json_object_costs_only_this_one() -> None:
    first, second = lines([{"key": KEY, "consumer": "a", "scope": "x"}, {"key": f"{KEY}x", "consumer": "a"}])
    assert "'scope' (similar to scopes)" in str(first.problem)
    assert second.row


def test_members_of_members_are_columns_as_soon_as_one_is_named() -> None:
    record = {"key": KEY, "owner": {"name": "Ann", "id": 4}}
    (line,) = lines([record], maps="owner.name=consumer")
    assert "Unknown columns: 'owner.id'" in str(line.problem)
    (line,) = lines([record], maps="owner.name=consumer", ignore="owner.id")
    assert isinstance(line.row, Key)
    assert line.row.consumer == "Ann"


def test_a_constant_is_set_in_every_line_and_contradicts_no_column() -> None:
    keys = f"key\n{KEY}\n{KEY}x\n"
    both = lines(keys, sets=("consumer=acme", "scopes=read,write", "data.plan=gold", "expires_at=2030-01-01T00:00:00Z"))
    for line in both:
        assert isinstance(line.row, Key)
        assert (line.row.consumer, line.row.data) == ("acme", '{"plan":"gold"}')
        assert line.row.scopes == frozenset(["read", "write"])
    with pytest.raises(BadInput, match="consumer has two values"):
        lines(f"key,consumer\n{KEY},other\n", sets=("consumer=acme",))


@pytest.mark.parametrize(
    ("maps", "ignore", "sets", "told"),
    [
        *((each, "", "", "specify THEIRS=OURS") for each in ("x", "x=", "=key", "x=password", "x=data.")),
        ("a=key A=hint", "", "", "mapped twice"),
        ("a=key", "A", "", "also mapped"),
        *(("", "", each, "specify COLUMN=VALUE") for each in ("scopes", "scopes=", "key=abc", "password=x")),
    ],
)
def test_a_malformed_option_is_refused(maps: str, ignore: str, sets: str, told: str) -> None:
    with pytest.raises(BadInput, match=told):
        options(tuple(maps.split()), tuple(ignore.split()), tuple(sets.split()), utc=False)


@pytest.mark.parametrize("heading", ["key", "consumer,key,Key", "consumer,key,password", "a;b", f"{KEY},acme"])
def test_a_csv_file_without_the_required_columns_is_refused_before_anything_is_read(heading: str) -> None:
    with pytest.raises(BadInput, match=r"[Cc]olumn") as error:
        lines(f"{heading}\nx,y,z\n")
    assert KEY not in str(error.value)


def test_a_name_that_might_be_a_key_is_not_repeated() -> None:
    with pytest.raises(BadInput, match="'Customer Reference 12345', one that is not shown") as error:
        lines(f"consumer,key,Customer Reference 12345,{KEY}\na,b,c,d\n")
    assert KEY not in str(error.value)


@pytest.mark.parametrize(
    ("content", "consumer"),
    [
        (f"Key,name\n{KEY},First\n", "First"),
        (f"Name,key,description,Enabled,usageplanIds\nFirst,{KEY},An imported key,TRUE,c7y23b\n", "First"),
        (f'Enabled,Name,key,UsageplanIds\ntrue,First,{KEY},"c7y23b,glvrsr"\n', "First"),
        (f"Enabled,Name,key,UsageplanIds\ntrue,First,{KEY},'c7y23b,glvrsr'\n", "First"),
    ],
)
def test_api_gateways_key_file_is_recognized(content: str, consumer: str) -> None:
    (line,) = lines(content)
    assert isinstance(line.row, Key)
    assert line.row.consumer == consumer


@pytest.mark.parametrize("more", ["expiresAt", "enabled,scopes", "revoked_at", "Owner"])
def test_another_file_with_name_and_key_is_not_taken_for_api_gateways(more: str) -> None:
    with pytest.raises(BadInput, match="column"):
        lines(f"name,key,{more}\nFirst,{KEY},x,y\n")


def test_the_name_is_not_taken_for_the_consumer_in_another_file_whose_columns_are_mapped() -> None:
    with pytest.raises(BadInput, match="Unknown columns: 'name'"):
        lines(f"name,key,expiresAt\nFirst,{KEY},\n", maps="expiresAt=expires_at")


@pytest.mark.parametrize(
    "written",
    [
        *(DIGEST.hexdigest(), DIGEST.hexdigest().upper(), f"\\x{DIGEST.hexdigest()}", f"sha256:{DIGEST.hexdigest()}"),
        *(base64.b64encode(DIGEST.digest()).decode(), base64.urlsafe_b64encode(DIGEST.digest()).decode().rstrip("=")),
    ],
)
def test_a_digest_is_read_however_it_is_written(written: str) -> None:
    assert row({"key": None, "sha256": written}).digest == DIGEST.hexdigest()


@pytest.mark.parametrize(
    ("members", "enabled", "revoked_at"),
    [
        ({}, True, None),
        ({"enabled": "t"}, True, None),
        ({"enabled": "0"}, False, None),
        ({"disabled": "no"}, True, None),
        ({"enabled": True, "disabled": True}, False, None),
        ({"state": "Active"}, True, None),
        ({"state": "suspended"}, False, None),
        ({"state": "deleted"}, True, NOW),
        ({"revoked_at": True}, True, NOW),
        ({"revoked_at": 0}, True, None),
        ({"revoked_at": "2025-01-01T00:00:00Z"}, True, 1_735_689_600),
    ],
)
def test_a_key_that_has_ended_stays_so_however_the_file_says_it(
    members: dict[str, Any], enabled: bool, revoked_at: int | None
) -> None:
    found = row(members)
    assert (found.enabled, found.revoked_at) == (enabled, revoked_at)


@pytest.mark.parametrize(
    ("name", "harmless", "harmful"),
    [
        ("deleted_at_m", None, 1_700_000_000_000),
        ("deletedOn", "", "2025-01-01"),
        ("is_revoked", False, "t"),
        ("disabled", 0, 1),
        ("isActive", "true", "false"),
        ("status", "active", "on hold"),
        ("valid_until", None, "2024-01-01"),
        ("ttl", 0, 1_700_000_000),
        ("blocked", "f", True),
    ],
)
@pytest.mark.parametrize("said", ["ignore", "map"])
def test_a_column_that_ends_keys_cannot_be_ignored_where_it_does(
    name: str, harmless: object, harmful: object, said: str
) -> None:
    more: Any = {"ignore": name} if said == "ignore" else {"maps": f"{name}=tags.old"}
    assert row({name: harmless}, **more)
    with pytest.raises(BadInput, match="says that the key has ended"):
        row({name: harmful}, **more)


def test_a_lifetime_counts_from_the_creation_unless_the_expiry_is_earlier() -> None:
    created = {"created_at": "2025-01-01 00:00:00"}
    assert row(created, sets=("lifetime=90d",), utc=True).expires_at == 1_735_689_600 + 90 * 86_400
    early = {**created, "expires_at": "2025-01-02 00:00:00.000"}
    assert row(early, sets=("lifetime=90d",), utc=True).expires_at == 1_735_689_600 + 86_400
    with pytest.raises(BadInput, match="must have created_at"):
        row({}, sets=("lifetime=90d",))


@pytest.mark.parametrize("scopes", ["a b", "a,b", ["a", "b"], '["a", "b"]', "{a,b}", '{"a","b"}'])
def test_scopes_are_read_from_lists_and_texts(scopes: object) -> None:
    assert row({"scopes": scopes}).scopes == frozenset(["a", "b"])


@pytest.mark.parametrize(
    ("members", "told"),
    [
        ({"deleted_at": 1_700_000_000}, "has no deleted_at"),
        ({"disabled": True}, "has no disabled"),
        ({"lifetime": "1d"}, "has no lifetime"),
        ({"key": KEY}, "has no key"),
        ({"state": "revoked"}, "says that the key is revoked"),
    ],
)
def test_a_record_of_an_export_has_no_members_that_an_export_does_not_have(members: dict[str, Any], told: str) -> None:
    exported = {"type": "key", "sha256": DIGEST.hexdigest(), "consumer": "acme"}
    (line,) = lines([exported])
    assert line.row
    (line,) = lines([{**exported, **members}])
    assert told in str(line.problem)


def test_a_foreign_column_type_does_not_make_a_file_an_export() -> None:
    (line,) = lines([{"type": "x", "key": KEY, "consumer": "acme", "deleted_at": 1_700_000_000}], ignore="type")
    assert "Unknown columns: 'deleted_at'" in str(line.problem)


def test_data_can_be_a_text_and_null() -> None:
    assert row({"data": '{"a":1}'}).data == '{"a":1}'
    assert row({"data": "null"}).data == "{}"


@pytest.mark.parametrize(
    ("name", "values"),
    [
        ("scopes", ["a\nb", [1], "read;write"]),
        ("tags", [[], {"a": 1}]),
        ("enabled", ["perhaps"]),
        ("data", ["[]"]),
        ("expires_at", [1.5, True, "2030-01-31T00:00:00", 946_684_801]),
        ("created_at", [10**15, 4_000_000_000_000_000]),
        ("consumer", ["", "a\x07b", 1.5]),
        ("state", ["odd"]),
        ("lifetime", ["soon"]),
        ("key", [None]),
        ("sha256", ["ab" * 32]),
        ("x", [1]),
    ],
)
def test_an_invalid_value_is_refused_without_the_key(name: str, values: list[Any]) -> None:
    created = {"created_at": 1_900_000_000} if name in ("expires_at", "lifetime") else {}
    for value in values:
        with pytest.raises(BadInput) as error:
            row({**created, name: value})
        assert KEY not in str(error.value)


@pytest.mark.parametrize(
    "members",
    [{"sha256": "$2b$10$abc"}, {"sha256": hashlib.sha256(b"").hexdigest()}, {"sha256": "ab" * 32, "hint": "a b"}],
)
def test_an_invalid_digest_or_hint_is_refused(members: dict[str, Any]) -> None:
    with pytest.raises(BadInput):
        row({"key": None, **members})


@pytest.mark.parametrize(
    ("key", "told"),
    [
        ("$2b$12$LQv3c1yqBWVHxkd0LHAkCOYz6TtxMQJqhN8/LewKyNiAYMyzJ/I1K", "a password hash"),
        ("$argon2id$v=19$m=65536,t=3,p=4$c29tZXNhbHQ$RdescudvJCsgt3ub", "a password hash"),
        ("pbkdf2_sha256$600000$salt$hash", "a password hash"),
        ("scrypt:32768:8:1$salt$hash", "a password hash"),
        ("{SSHA}0123456789abcdefghij", "a password hash"),
        ("****************abcd", "masked"),
        ("sk_live_xxxxxxxxxxxx", "masked"),
        ("sk_live_1234...abcdef", "masked"),
        ("${ACME_KEY_OF_PRODUCTION}", "a reference"),
        ("{{vault.acme_key}}", "a reference"),
        ("$ACME_KEY_OF_PRODUCTION", "a reference"),
        ("arn:aws:secretsmanager:eu-west-1:1:secret:x", "a reference"),
        ("op://vault/acme/api-key", "a reference"),
        ("YOUR_API_KEY_GOES_HERE", "a placeholder"),
        ("changeme-changeme-changeme", "a placeholder"),
        ('="0123456789abcdefgh"', "a formula"),
        ("'0123456789abcdefgh", "in quotation marks"),
        ("1.2345678901234E+30", "a spreadsheet has shortened"),
        ("short", "16 to 512"),
        ("x y" * 10, "16 to 512"),
        ("y" * 513, "16 to 512"),
        ("sk_live_0123456789abcdéf", "16 to 512"),
        ("mak_0123456789abcdef", "begins with mak_"),
    ],
)
def test_what_is_not_a_key_is_refused(key: str, told: str) -> None:
    with pytest.raises(BadInput, match=told):
        check_key(key, "mak")


def test_keys_of_common_formats_are_accepted() -> None:
    for key in (
        *("legacy-key-00000001", "sk_live_51HxYzAbCdEfGhIjKlMn", "3f9066ef-b91b-4d1d-a05a-28619401c1ad"),
        *("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", "AKIAIOSFODNN7AXAMPLE"),
        "p.Q-r_S~t/u+v=w==",
    ):
        assert check_key(key, "mak") == key


def test_a_key_that_looks_like_a_digest_is_recognized() -> None:
    assert all(map(looks_like_digest, (DIGEST.hexdigest(), base64.b64encode(DIGEST.digest()).decode())))
    assert not looks_like_digest(KEY)


@pytest.mark.parametrize(
    ("hint", "stored"),
    [
        ("sk_live_abcdefgh", "sk_live_abcd"),
        ("abcdefghijklm_nop", "abcd"),
        ("mak_1a2B3c", "mak_1a2B"),
        ("legacykey0123456789ABCD", "lega"),
    ],
)
def test_a_hint_shows_little_of_a_key(hint: str, stored: str) -> None:
    assert hint_of(hint, "mak") == stored
