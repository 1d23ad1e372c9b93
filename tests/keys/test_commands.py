"""The commands that create, show and change keys."""

import io
import json
import subprocess

import pytest
from click.testing import CliRunner

from authorizer import api_key
from keys.cli.exits import Exit
from keys.cli.main import COMMANDS, main
from tests.support.keys_command import NOW, KeysCommand

DAY = 86_400


def test_create_shows_the_key_once_and_stores_only_its_digest(keys: KeysCommand) -> None:
    created = keys.create("--data", '{"plan": "gold"}', "--scopes", "read,write", "--expires-in", "90d", "--tag", "a=b")
    secret = created.pop("key")
    assert api_key.is_well_formed(secret, "mak")
    assert created == {
        "key_id": created["key_id"],
        "consumer": "acme",
        "description": "",
        "state": "active",
        "data": {"plan": "gold"},
        "scopes": ["read", "write"],
        "tags": {"a": "b"},
        "enabled": True,
        "disabled_with_consumer": False,
        "created_at": "2027-01-15T08:00:00Z",
        "expires_at": "2027-04-15T08:00:00Z",
        "revoked_at": None,
        "rolled_from": None,
        "rolled_to": None,
        "networks": [],
        "consumer_networks": [],
        "plan": None,
        "hint": secret[:8],
        "owner": None,
        "owner_issuer": None,
        "made_by": None,
        "created_by": "tester",
        "last_change": created["last_change"],
    }
    assert created["last_change"]["what"] == "created"
    stored = json.dumps(keys.items())
    assert api_key.digest(secret) in stored
    assert secret[8:] not in stored


def test_the_key_is_on_standard_output_and_the_note_on_standard_error(keys: KeysCommand) -> None:
    result = keys.run("create", "--consumer", "acme")
    secret = result.stdout.split()[1]
    assert api_key.is_well_formed(secret, "mak")
    assert result.stdout.count(secret) == 1
    assert secret not in result.stderr
    assert "cannot be shown again" in result.stderr


def test_no_other_command_shows_the_key_or_its_digest(keys: KeysCommand) -> None:
    created = keys.create()
    secret, key_id = created["key"], created["key_id"]
    for arguments in (
        ["list"],
        ["show", key_id],
        ["roll", key_id],
        ["disable", key_id],
        ["enable", key_id],
        ["export"],
        ["revoke", key_id, "--yes"],
        ["consumer", "show", "acme"],
        ["delete", key_id, "--yes"],
    ):
        for form in ("table", "json"):
            result = keys.run(*arguments, "--output", form)
            assert secret not in result.output
            assert api_key.digest(secret) not in result.output


def test_a_key_gets_the_data_of_its_consumer(keys: KeysCommand) -> None:
    keys.run("consumer", "create", "acme", "--data", '{"plan": "gold"}')
    assert keys.create()["data"] == {"plan": "gold"}
    assert keys.create("--data", '{"plan": "trial"}')["data"] == {"plan": "trial"}


def test_a_new_consumer_gets_the_data_of_its_first_key(keys: KeysCommand) -> None:
    keys.create("--data", '{"plan": "gold"}')
    assert keys.json("consumer", "show", "acme")["data"] == {"plan": "gold"}


def test_a_prefix_can_be_chosen(keys: KeysCommand) -> None:
    assert api_key.is_well_formed(keys.create("--prefix", "acme_live")["key"], "acme_live")


@pytest.mark.parametrize(
    "arguments",
    [
        ["create"],
        ["create", "--consumer", ""],
        ["create", "--consumer", "acme", "--data", "[1]"],
        ["create", "--consumer", "acme", "--data", "{"],
        ["create", "--consumer", "acme", "--scopes", "a b"],
        ["create", "--consumer", "acme", "--scopes", "a,,b"],
        ["create", "--consumer", "acme", "--expires-in", "soon"],
        ["create", "--consumer", "acme", "--expires-in", "0"],
        ["create", "--consumer", "acme", "--tag", "x"],
        ["create", "--consumer", "acme", "--prefix", "Not good"],
        ["create", "--consumer", "acme", "--output", "xml"],
        ["show", "mak_0123"],
        ["roll", "key_1a2B3c4D5e6F7g8H", "--grace", "-1h"],
        ["list", "--state", "dead"],
        ["consumer", "update", "acme"],
        ["unknown"],
    ],
)
def test_invalid_input_has_exit_code_2_and_writes_nothing(keys: KeysCommand, arguments: list[str]) -> None:
    result = keys.run(*arguments)
    assert result.exit_code == 2
    assert "Error: " in result.stderr
    assert not result.stdout
    assert not keys.items()


@pytest.mark.parametrize(
    "arguments",
    [
        ["show"],
        ["roll"],
        ["roll", "--undo", "--yes"],
        ["disable"],
        ["enable"],
        ["revoke", "--yes"],
        ["delete", "--yes"],
    ],
)
def test_a_key_that_does_not_exist_has_exit_code_3(keys: KeysCommand, arguments: list[str]) -> None:
    result = keys.run(*arguments, "key_1a2B3c4D5e6F7g8H")
    assert result.exit_code == 3
    assert "no key key_1a2B3c4D5e6F7g8H" in result.stderr


@pytest.mark.parametrize("command", ["revoke", "delete"])
def test_a_dangerous_command_without_a_terminal_needs_yes(keys: KeysCommand, command: str) -> None:
    key_id = keys.create()["key_id"]
    result = keys.run(command, key_id, stdin="y\n")
    assert result.exit_code == 2
    assert "--yes" in result.stderr
    assert keys.json("show", key_id)["state"] == "active"


def test_a_roll_without_grace_period_needs_yes(keys: KeysCommand) -> None:
    key_id = keys.create()["key_id"]
    assert keys.run("roll", key_id, "--grace", "0").exit_code == 2
    assert keys.json("show", key_id)["state"] == "active"
    assert keys.json("roll", key_id, "--grace", "0", "--yes")["old"]["state"] == "expired"


def test_a_revoked_key_is_not_changed(keys: KeysCommand) -> None:
    key_id = keys.create()["key_id"]
    first = keys.json("revoke", key_id, "--yes")
    keys.clock.advance(60)
    again = keys.run("revoke", key_id)
    assert again.exit_code == 8
    assert "already revoked, since 2027-01-15T08:00:00Z" in again.stderr
    assert first.items() <= keys.json("show", key_id).items()
    for command in ("enable", "disable", "roll"):
        refused = keys.run(command, key_id)
        assert refused.exit_code == 4
        assert "revoked" in refused.stderr


def test_a_revoked_key_is_removed_thirty_days_later(keys: KeysCommand) -> None:
    key_id = keys.create()["key_id"]
    keys.run("revoke", key_id, "--yes")
    assert [item["delete_after"]["N"] for item in keys.items() if "key_id" in item] == [str(NOW + 30 * DAY)]


def test_a_key_can_be_revoked_whatever_its_time_of_removal(keys: KeysCommand) -> None:
    created = keys.create("--expires-in", "1h")
    keys.client.update_item(
        TableName=keys.table,
        Key={"pk": {"S": api_key.digest(created["key"])}},
        UpdateExpression="REMOVE delete_after",
    )
    assert keys.json("revoke", created["key_id"], "--yes")["state"] == "revoked"


def test_disabling_or_enabling_twice_has_exit_code_8(keys: KeysCommand) -> None:
    key_id = keys.create()["key_id"]
    repeated = keys.run("enable", key_id)
    assert (repeated.exit_code, "already enabled" in repeated.stderr) == (8, True)
    assert keys.json("disable", key_id)["state"] == "disabled"
    repeated = keys.run("disable", key_id, "--output", "json")
    assert (repeated.exit_code, "already" in repeated.stderr) == (8, True)
    assert json.loads(repeated.stdout)["state"] == "disabled"
    assert keys.json("enable", key_id)["state"] == "active"


def test_enabling_an_expired_key_says_that_it_is_expired(keys: KeysCommand) -> None:
    key_id = keys.create("--expires-in", "1h")["key_id"]
    keys.run("disable", key_id)
    keys.clock.advance(3600)
    assert "Its state is expired" in keys.run("enable", key_id).stdout


def test_a_deleted_key_is_gone(keys: KeysCommand) -> None:
    key_id = keys.create()["key_id"]
    assert keys.json("delete", key_id, "--yes") == {"key_id": key_id, "deleted": True}
    assert keys.run("show", key_id).exit_code == 3
    assert keys.json("list") == []


def test_a_rolled_key_ends_after_the_grace_and_the_new_one_is_like_it(keys: KeysCommand) -> None:
    old = keys.create("--data", '{"a": 1}', "--scopes", "read", "--tag", "env=prod")
    new = keys.json("roll", old["key_id"], "--grace", "72h")
    assert new["key"] != old["key"]
    assert {name: new[name] for name in ("consumer", "data", "scopes", "tags", "expires_at")} == {
        name: old[name] for name in ("consumer", "data", "scopes", "tags", "expires_at")
    }
    assert new["rolled_from"] == old["key_id"]
    shown = keys.json("show", old["key_id"])
    assert (shown["rolled_to"], shown["expires_at"]) == (new["key_id"], "2027-01-18T08:00:00Z")
    assert new["old"].items() <= shown.items()


def test_a_roll_never_extends_the_old_key(keys: KeysCommand) -> None:
    old = keys.create("--expires-in", "1h")
    assert keys.json("roll", old["key_id"], "--grace", "72h")["old"]["expires_at"] == old["expires_at"]


def test_the_new_key_has_the_lifetime_of_the_old_one(keys: KeysCommand) -> None:
    old = keys.create("--expires-in", "90d")
    keys.clock.advance(80 * DAY)
    new = keys.json("roll", old["key_id"])
    assert new["expires_at"] == "2027-07-04T08:00:00Z"
    assert keys.json("roll", new["key_id"], "--expires-in", "1h")["expires_at"] == "2027-04-05T09:00:00Z"


@pytest.mark.parametrize(
    ("state", "command"),
    [("disabled", ["disable"]), ("revoked", ["revoke", "--yes"]), ("rolled", ["roll"]), ("expired", ["show"])],
)
def test_only_an_active_key_that_was_not_rolled_can_be_rolled(
    keys: KeysCommand, state: str, command: list[str]
) -> None:
    key_id = keys.create("--expires-in", "1d")["key_id"]
    keys.run(*command, key_id)
    if state == "expired":
        keys.clock.advance(DAY)
    before = keys.items()
    refused = keys.run("roll", key_id)
    assert refused.exit_code == 4
    assert state in refused.stderr
    assert keys.items() == before


@pytest.mark.parametrize("lifetime", [[], ["--expires-in", "30d"]])
def test_a_roll_can_be_undone_within_its_grace(keys: KeysCommand, lifetime: list[str]) -> None:
    old = keys.create(*lifetime)
    new = keys.json("roll", old["key_id"], "--grace", "1h")
    assert keys.json("roll", old["key_id"], "--undo", "--yes")["expires_at"] == old["expires_at"]
    assert keys.json("show", new["key_id"])["state"] == "revoked"
    assert keys.json("show", old["key_id"])["rolled_to"] is None
    assert keys.run("roll", old["key_id"]).exit_code == 0


def test_a_roll_cannot_be_undone_after_the_old_key_expired(keys: KeysCommand) -> None:
    old = keys.create()
    new = keys.json("roll", old["key_id"], "--grace", "1h")
    keys.clock.advance(3600)
    assert keys.run("roll", old["key_id"], "--undo", "--yes").exit_code == 4
    assert keys.json("show", new["key_id"])["state"] == "active"


def test_a_roll_cannot_be_undone_when_the_new_key_was_rolled_too(keys: KeysCommand) -> None:
    first = keys.create()["key_id"]
    second = keys.json("roll", first)["key_id"]
    keys.run("roll", second)
    refused = keys.run("roll", first, "--undo", "--yes")
    assert refused.exit_code == 4
    assert "Undo that roll first" in refused.stderr


def test_a_roll_can_be_undone_after_the_new_key_was_deleted(keys: KeysCommand) -> None:
    old = keys.create()["key_id"]
    keys.run("delete", keys.json("roll", old)["key_id"], "--yes")
    assert keys.json("roll", old, "--undo", "--yes")["expires_at"] is None


def test_there_is_nothing_to_undo_for_a_key_that_was_not_rolled(keys: KeysCommand) -> None:
    assert keys.run("roll", keys.create()["key_id"], "--undo", "--yes").exit_code == 4


def test_keys_are_listed_by_consumer_state_tag_and_expiry(keys: KeysCommand) -> None:
    def listed(*arguments: str) -> set[str]:
        return {key["key_id"] for key in keys.json("list", *arguments)}

    live = keys.create("--tag", "env=prod", "--tag", "team=x")["key_id"]
    soon = keys.create("--tag", "env=test", "--expires-in", "2d")["key_id"]
    disabled = keys.create("--tag", "env=prod", consumer="beta")["key_id"]
    keys.run("disable", disabled)
    ended = keys.create("--expires-in", "1h", consumer="beta")["key_id"]
    keys.clock.advance(3600)
    assert listed() == {live, soon, disabled, ended}
    assert listed("--consumer", "acme") == {live, soon}
    assert listed("--consumer", "nobody") == set()
    assert listed("--state", "active") == {live, soon}
    assert listed("--state", "disabled") == {disabled}
    assert listed("--state", "expired") == {ended}
    assert listed("--tag", "env=prod") == {live, disabled}
    assert listed("--tag", "env=prod", "--tag", "team=x") == {live}
    assert listed("--expiring-within", "3d") == {soon}
    assert listed("--expiring-within", "1d") == set()
    assert listed("--consumer", "beta", "--state", "disabled", "--tag", "env=prod") == {disabled}


def test_an_empty_list_says_why_it_is_empty(keys: KeysCommand) -> None:
    assert "There are no keys in the table" in keys.run("list").stderr
    key_id = keys.create()["key_id"]
    assert "There is 1 key of the consumer acme, but none matches the options." in (
        keys.run("list", "--consumer", "acme", "--state", "revoked").stderr
    )
    keys.run("delete", key_id, "--yes")
    assert "There are no keys of the consumer acme." in keys.run("list", "--consumer", "acme").stderr
    unknown = keys.run("list", "--consumer", "nobody")
    assert (unknown.exit_code, "The consumer 'nobody' does not exist." in unknown.stderr) == (0, True)


def test_the_description_and_the_tags_of_a_key_can_be_changed(keys: KeysCommand) -> None:
    key_id = keys.create("--description", "old", "--tag", "a=b")["key_id"]
    changed = keys.json("update", key_id, "--description", "new")
    assert (changed["description"], changed["tags"]) == ("new", {"a": "b"})
    assert keys.json("update", key_id, "--tag", "c=d")["tags"] == {"c": "d"}
    assert keys.json("update", key_id, "--clear-tags")["tags"] == {}
    again = keys.run("update", key_id, "--description", "new")
    assert (again.exit_code, "already has these values" in again.stderr) == (8, True)
    assert keys.run("update", key_id).exit_code == 2
    assert keys.run("update", "key_1a2B3c4D5e6F7g8H", "--description", "x").exit_code == 3
    events = [(event["what"], event["how"]) for event in keys.json("history", key_id)]
    assert events == [("created", "keys create"), *[("updated", "keys update")] * 3]


def test_the_scopes_of_a_key_can_be_changed(keys: KeysCommand) -> None:
    created = keys.create("--scopes", "read", "--description", "x")
    key_id = created["key_id"]
    changed = keys.json("update", key_id, "--scopes", "write, admin", "--reason", "ticket 4711")
    assert (changed["scopes"], changed["description"]) == (["admin", "write"], "x")
    assert keys.json("history", key_id)[-1]["reason"] == "ticket 4711"
    assert keys.json("verify", stdin=created["key"])["scopes"] == ["admin", "write"]
    assert keys.run("update", key_id, "--scopes", "admin,write").exit_code == 8
    assert keys.json("update", key_id, "--scopes", "")["scopes"] == []


def test_scopes_that_leave_no_room_for_the_data_are_refused(keys: KeysCommand) -> None:
    key_id = keys.create("--data", json.dumps({"text": "x" * 8000}))["key_id"]
    refused = keys.run("update", key_id, "--scopes", ",".join(f"{n:0100}" for n in range(3)))
    assert (refused.exit_code, "8192 bytes" in refused.stderr) == (2, True)
    assert keys.json("show", key_id)["scopes"] == []


def test_many_keys_are_listed_page_by_page(keys: KeysCommand) -> None:
    keys.create("--data", json.dumps({"text": "x" * 8000}))
    (item,) = (item for item in keys.items() if "key_id" in item)
    for number in range(149):
        copied = {**item, "pk": {"S": f"{number:064x}"}, "key_id": {"S": f"key_{number:016}"}}
        keys.client.put_item(TableName=keys.table, Item=copied)
    assert len(keys.json("list", "--consumer", "acme")) == len(keys.json("list")) == 150


def test_control_characters_are_escaped(keys: KeysCommand) -> None:
    keys.create("--data", '{"a": "\u009b31m"}')
    assert "\u009b" not in keys.run("show", keys.json("list")[0]["key_id"]).stdout


def test_a_shared_option_is_valid_before_and_after_the_command(keys: KeysCommand) -> None:
    keys.create()
    before, after = keys.run("--output", "json", "list"), keys.run("list", "-o", "json")
    assert json.loads(before.stdout) == json.loads(after.stdout)
    assert json.loads(keys.run("--output", "table", "list", "--output", "json").stdout)


def test_every_command_has_help_with_an_example(keys: KeysCommand) -> None:
    for name, (_, text) in COMMANDS.items():
        shown = keys.run(name, "--help").stdout
        assert text in " ".join(shown.split()), name
        members = shown.partition("Commands:")[2]
        for command in [[name, line.split()[0]] for line in members.splitlines() if line.strip()] or [[name]]:
            shown = keys.run(*command, "--help").stdout
            assert f"keys {' '.join(command)}" in shown.split("Example:")[1]


def test_the_help_has_each_exit_code(keys: KeysCommand) -> None:
    shown = " ".join(keys.run("--help").stdout.split())
    assert all(f"{code.value} {code.text}" in shown for code in Exit)


@pytest.mark.parametrize("shell", ["bash", "zsh", "fish"])
def test_there_is_completion_for_the_common_shells(keys: KeysCommand, shell: str) -> None:
    assert "_KEYS_COMPLETE" in keys.run("completion", shell).stdout


def test_the_completion_for_bash_works_in_a_bash_without_the_options_of_bash_4(keys: KeysCommand) -> None:
    result = keys.run("completion", "bash")
    old = 'compopt() { echo "compopt: command not found" >&2; return 127; }\n'
    old += 'complete() { case "$*" in *nosort*) echo "nosort: invalid option" >&2; return 2;; esac; echo "ok $*"; }\n'
    bash = ["bash", "--noprofile", "--norc", "-c", old + result.stdout]
    ran = subprocess.run(bash, capture_output=True, text=True, check=True)
    assert (ran.stdout, ran.stderr, result.stderr) == ("ok -o default -F _keys_completion keys\n", "", "")


@pytest.mark.parametrize("form", ["text", "gitleaks", "github", "json"])
def test_the_pattern_for_scanners_has_the_prefix(keys: KeysCommand, form: str) -> None:
    assert "acme_[0-9A-Za-z]{32}_" in keys.run("scan-pattern", "--format", form, "--prefix", "acme").stdout


def test_the_pattern_for_scanners_needs_no_table(keys: KeysCommand) -> None:
    assert keys.json("scan-pattern")["prefix"] == "mak"


@pytest.mark.parametrize(
    ("command", "told"),
    [
        (
            ("show", "key_1a2B3c4D5e6F7g8H"),
            "There is no key key_1a2B3c4D5e6F7g8H in the table ApiKeys. To list the keys: `keys list --stack prod`.",
        ),
        (
            ("consumer", "show", "acme"),
            "in the table ApiKeys. To list the consumers: `keys consumer list --stack prod`.",
        ),
        (("create", "--consumer", "A B"), "To enable it: `keys consumer enable 'A B' --stack prod`."),
        (("consumer", "create", "A B"), "To change it: `keys consumer update 'A B' --stack prod`."),
    ],
)
def test_a_proposed_command_has_the_options_of_this_one(keys: KeysCommand, command: tuple[str, ...], told: str) -> None:
    keys.run("consumer", "create", "A B")
    keys.run("consumer", "disable", "A B", "--yes")
    result = keys.run(*command, "--stack", "prod")
    assert result.exit_code in (3, 4)
    assert told in result.stderr


@pytest.mark.parametrize(
    ("command", "told"),
    [
        (("roll", "ID", "--undo", "--grace", "5h"), "--grace has no effect with --undo."),
        (("roll", "ID", "--undo", "--expires-in", "3d"), "--expires-in has no effect with --undo."),
        (("roll", "ID", "--undo", "--prefix", "zzz"), "--prefix has no effect with --undo."),
        (("update", "ID", "--tag", "a=b", "--clear-tags"), "Specify --tag or --clear-tags, not both."),
        (("consumer", "update", "acme", "--tag", "a=b", "--clear-tags"), "Specify --tag or --clear-tags, not both."),
    ],
)
def test_options_that_contradict_each_other_are_refused(keys: KeysCommand, command: tuple[str, ...], told: str) -> None:
    key_id = keys.create()["key_id"]
    keys.run("roll", key_id)
    before = keys.items()
    result = keys.run(*(key_id if word == "ID" else word for word in command))
    assert result.exit_code == 2
    assert told in result.stderr
    assert keys.items() == before


def test_an_ended_key_that_was_rolled_is_not_sent_to_undo(keys: KeysCommand) -> None:
    key_id = keys.create()["key_id"]
    new = keys.json("roll", key_id)["key_id"]
    assert f"was already rolled to {new}. Roll that key, or specify --undo." in keys.run("roll", key_id).stderr
    keys.run("revoke", key_id, "--yes")
    assert f"was already rolled to {new}. Roll that key.\n" in keys.run("roll", key_id).stderr


@pytest.mark.parametrize("command", [(), ("consumer",)])
def test_a_group_without_a_command_shows_its_help_once(keys: KeysCommand, command: tuple[str, ...]) -> None:
    result = keys.run(*command)
    assert result.exit_code == 2
    assert result.output.count("Usage:") == 1
    assert "Error" not in result.output


def test_a_command_without_effect_is_not_reported_as_an_error(keys: KeysCommand) -> None:
    key_id = keys.create()["key_id"]
    keys.run("disable", key_id)
    result = keys.run("disable", key_id)
    assert (result.exit_code, result.stderr) == (8, f"{key_id} is already disabled.\n")


def test_an_answer_of_no_is_reported(keys: KeysCommand) -> None:
    key_id = keys.create()["key_id"]
    app = keys.app()
    app.terminal = lambda: io.StringIO("n\n")
    result = CliRunner().invoke(main, ["revoke", key_id], obj=app)
    assert (result.exit_code, result.stderr) == (1, "Error: Not confirmed. Nothing was changed.\n")
    assert keys.json("show", key_id)["state"] == "active"


@pytest.mark.parametrize(
    ("command", "told"),
    [
        (("list",), "Only keys with this tag."),
        (("consumer", "list"), "Only consumers with this tag."),
        (("update",), "A new tag, which replaces all existing tags."),
        (("import",), "Set OURS to VALUE in every line."),
    ],
)
def test_the_help_of_an_option_says_what_it_does_here(keys: KeysCommand, command: tuple[str, ...], told: str) -> None:
    assert told in " ".join(keys.run(*command, "--help").stdout.split())


def test_commands_that_use_no_table_do_not_list_its_options_and_accept_them(keys: KeysCommand) -> None:
    assert "--stack" not in keys.run("completion", "--help").stdout
    assert "--stack" in keys.run("list", "--help").stdout
    assert keys.run("completion", "bash", "--stack", "prod").exit_code == 0
