"""Plans of consumers, with API Gateway's own API in memory: at no step does a key lose access."""

from dataclasses import replace
from typing import Any

import pytest
from click.testing import CliRunner

from keys.cli.main import main
from keys.core import Store
from tests.support.apigateway import FakeApiGateway, refused
from tests.support.keys_command import KeysCommand

GOLD = ("consumer", "update", "acme", "--plan", "gold")
SILVER = ("consumer", "update", "acme", "--plan", "silver")
NO_PLAN = ("consumer", "update", "acme", "--no-plan")
BOUND = 30 + 30 + 60
"""The key cache, the authorizer cache of the API, and the margin."""


@pytest.fixture
def gateway() -> FakeApiGateway:
    made = FakeApiGateway()
    for name in ("gold", "silver"):
        made.plan(name)
        made.plan(name, api="api2", stage="prod")
    return made


@pytest.fixture
def stack(keys: KeysCommand, gateway: FakeApiGateway) -> KeysCommand:
    """The command on a stack with API Gateway, and the consumer `acme` with three keys."""
    made = replace(keys, gateway=gateway)
    for _ in range(3):
        made.create()
    return made


def store(stack: KeysCommand) -> Store:
    return stack.app().store


def usage_keys(stack: KeysCommand, consumer: str = "acme") -> set[str | None]:
    """The native keys that the authorizer can send for the keys of the consumer."""
    return {key.usage_key for key in store(stack).all(consumer)}


def assert_accepted(stack: KeysCommand, gateway: FakeApiGateway) -> None:
    """No key of any item makes API Gateway answer with 403. The default key, which None stands for, is not in doubt."""
    for value in usage_keys(stack) - {None}:
        assert gateway.works(value)
        assert gateway.works(value, "api2", "prod")


def test_a_plan_makes_an_enabled_native_key_on_every_usage_plan_and_marks_all_keys(
    stack: KeysCommand, gateway: FakeApiGateway
) -> None:
    told = stack.json(*GOLD)
    assert (told["plan"], told["keys_updated"]) == ("gold", 3)
    (native,) = gateway.keys.values()
    assert native["enabled"] is True
    assert native["name"] == "multi-auth/prod/acme/gold"
    assert {"multi-auth:stack": "prod", "multi-auth:plan": "gold"}.items() <= native["tags"].items()
    assert usage_keys(stack) == {native["value"]}
    assert_accepted(stack, gateway)
    assert not gateway.works(native["value"], "api1", "other")


def test_no_output_and_no_table_shows_the_value_of_the_native_key(stack: KeysCommand, gateway: FakeApiGateway) -> None:
    answers = [stack.run(*GOLD), stack.run("consumer", "show", "acme"), stack.run("plan", "show", "gold")]
    (native,) = gateway.keys.values()
    assert all(native["value"] not in answer.stdout + answer.stderr for answer in answers)


def test_the_same_command_again_changes_nothing(stack: KeysCommand, gateway: FakeApiGateway) -> None:
    stack.json(*GOLD)
    before = {key_id: dict(key) for key_id, key in gateway.keys.items()}
    answer = stack.run(*GOLD)
    assert answer.exit_code == 8
    assert "already had this plan" in answer.stderr
    assert gateway.keys == before


def test_new_and_rolled_keys_have_the_native_key(stack: KeysCommand) -> None:
    stack.json(*GOLD)
    made = stack.create()
    stack.json("roll", made["key_id"], "--grace", "1h")
    assert len(usage_keys(stack)) == 1


def test_an_unknown_plan_is_refused_with_those_there_are(stack: KeysCommand, gateway: FakeApiGateway) -> None:
    answer = stack.run("consumer", "update", "acme", "--plan", "platinum")
    assert answer.exit_code == 3
    assert "'platinum'. The plans are: gold, silver." in answer.stderr
    assert gateway.keys == {}
    assert usage_keys(stack) == {None}


def test_a_usage_plan_of_another_stack_is_not_of_this_one(stack: KeysCommand, gateway: FakeApiGateway) -> None:
    gateway.plan("platinum", tags={"multi-auth:plan": "platinum", "multi-auth:stack": "staging"})
    assert stack.run("consumer", "update", "acme", "--plan", "platinum").exit_code == 3


def test_a_consumer_that_does_not_exist_gets_no_native_key(stack: KeysCommand, gateway: FakeApiGateway) -> None:
    assert stack.run("consumer", "update", "nobody", "--plan", "gold").exit_code == 3
    assert gateway.keys == {}


def test_what_api_gateway_refuses_is_told_in_its_words(stack: KeysCommand, gateway: FakeApiGateway) -> None:
    def refuse(name: str, _arguments: dict[str, Any]) -> None:
        if name == "create_api_key":
            raise refused("CreateApiKey", "LimitExceededException", "Maximum number of API keys reached")

    gateway.before = refuse
    answer = stack.run(*GOLD)
    assert answer.exit_code == 1
    assert "LimitExceededException" in answer.stderr
    assert "Maximum number of API keys reached." in answer.stderr
    assert usage_keys(stack) == {None}


@pytest.mark.parametrize("code", ["TooManyRequestsException", "ConflictException"])
def test_the_limits_of_its_api_are_waited_for(stack: KeysCommand, gateway: FakeApiGateway, code: str) -> None:
    left = [2]

    def throttle(name: str, _arguments: dict[str, Any]) -> None:
        if name == "create_usage_plan_key" and left[0]:
            left[0] -= 1
            text = "Unable to complete operation due to concurrent modification. Please try again later."
            raise refused("CreateUsagePlanKey", code, text, **{"retry-after": "3"})

    gateway.before = throttle
    answer = stack.run(*GOLD)
    assert answer.exit_code == 0
    assert "API Gateway limits CreateUsagePlanKey. Waiting 3 s." in answer.stderr
    assert stack.waits[:2] == [3, 3]


def test_a_limit_that_lasts_is_told_after_two_minutes(stack: KeysCommand, gateway: FakeApiGateway) -> None:
    def throttle(name: str, _arguments: dict[str, Any]) -> None:
        if name == "create_api_key":
            raise refused("CreateApiKey", "TooManyRequestsException", "Too Many Requests")

    gateway.before = throttle
    assert stack.run(*GOLD).exit_code == 1
    assert 120 <= sum(stack.waits) < 150


def test_a_new_native_key_is_named_only_after_api_gateway_can_know_it(
    stack: KeysCommand, gateway: FakeApiGateway
) -> None:
    seen: list[tuple[set[str | None], int]] = []
    app = stack.app()
    app.sleep = lambda _seconds: seen.append((usage_keys(stack), sum(map(len, gateway.members.values()))))
    assert CliRunner().invoke(main, GOLD, obj=app).exit_code == 0
    assert seen == [({None}, 2)]


class FailingOnce:
    """Refuses one call of API Gateway: the one at this place, before or after it is done."""

    def __init__(self, gateway: FakeApiGateway, place: int, *, is_after: bool) -> None:
        self._gateway, self._left, self._is_after = gateway, place, is_after
        self.has_failed = False

    def __call__(self, name: str, arguments: dict[str, Any]) -> None:
        if self._left == 0:
            self.has_failed = True
            if self._is_after:
                getattr(self._gateway, f"do_{name}")(**arguments)
        self._left -= 1
        if self._left == -1:
            raise refused(name, "ServiceUnavailableException", "Try later")


def change_with_failures(stack: KeysCommand, gateway: FakeApiGateway, command: tuple[str, ...]) -> int:
    """Run the command until no call fails: each run fails at another call. Returns the number of runs.

    After each run, all keys are accepted.
    """
    for number in range(200):
        failing = gateway.before = FailingOnce(gateway, number // 2, is_after=number % 2 == 1)
        answer = stack.run(*command)
        gateway.before = lambda _name, _arguments: None
        assert_accepted(stack, gateway)
        # 0 or 8: the command can do without this call.
        assert answer.exit_code in ((0, 1, 8) if failing.has_failed else (0, 8)), answer.stderr
        if not failing.has_failed:
            return number
    raise AssertionError("It never succeeded.")


def test_a_failure_at_any_call_leaves_all_keys_accepted_and_the_same_command_completes(
    stack: KeysCommand, gateway: FakeApiGateway
) -> None:
    assert change_with_failures(stack, gateway, GOLD) > 10
    assert {key.plan for key in store(stack).all("acme")} == {"gold"}
    change_with_failures(stack, gateway, SILVER)
    assert {key.plan for key in store(stack).all("acme")} == {"silver"}
    # The authorizer cache counts as the longest that there is when its time could not be read.
    stack.clock.advance(2 * 3600)
    change_with_failures(stack, gateway, SILVER)
    assert {key["tags"]["multi-auth:plan"] for key in gateway.keys.values()} == {"silver"}
    change_with_failures(stack, gateway, NO_PLAN)
    assert usage_keys(stack) == {None}


def test_a_change_keeps_the_old_native_key_until_no_cache_can_have_it(
    stack: KeysCommand, gateway: FakeApiGateway
) -> None:
    stack.json(*GOLD)
    (gold,) = usage_keys(stack)
    answer = stack.run(*SILVER)
    assert "for up to 60 s" in answer.stderr
    assert "The quota starts anew." in answer.stderr
    assert "keys plan clean" in answer.stderr
    assert_accepted(stack, gateway)
    stack.clock.advance(BOUND - 1)
    stack.run(*SILVER)
    assert gateway.works(gold)
    stack.clock.advance(1)
    assert stack.json(*SILVER)["native_keys"]["removed"] == 1
    assert not gateway.works(gold)
    assert_accepted(stack, gateway)


def test_a_plan_that_is_given_back_in_time_keeps_its_native_key(stack: KeysCommand, gateway: FakeApiGateway) -> None:
    stack.json(*GOLD)
    gold = usage_keys(stack)
    stack.json(*SILVER)
    stack.json(*GOLD)
    assert usage_keys(stack) == gold
    stack.clock.advance(10 * BOUND)
    stack.run("plan", "clean")
    assert_accepted(stack, gateway)
    assert len(gateway.keys) == 1


def test_no_plan_gives_all_keys_back_to_the_default_key(stack: KeysCommand, gateway: FakeApiGateway) -> None:
    stack.json(*GOLD)
    assert stack.json(*NO_PLAN)["plan"] is None
    assert usage_keys(stack) == {None}
    assert len(gateway.keys) == 1
    stack.clock.advance(BOUND)
    assert stack.json("plan", "clean")["removed"] == 1
    assert gateway.keys == {}
    assert stack.run(*NO_PLAN).exit_code == 8


@pytest.mark.parametrize("command", [GOLD, ("plan", "clean")])
def test_a_native_key_that_somebody_deleted_is_made_again_with_its_value(
    stack: KeysCommand, gateway: FakeApiGateway, command: tuple[str, ...]
) -> None:
    stack.json(*GOLD)
    before = usage_keys(stack)
    (key_id,) = gateway.keys
    gateway.do_delete_api_key(apiKey=key_id)
    assert stack.run(*command).exit_code == 0
    assert usage_keys(stack) == before
    assert_accepted(stack, gateway)


@pytest.mark.parametrize("command", [GOLD, ("plan", "clean")])
def test_a_disabled_native_key_and_a_lost_usage_plan_are_mended(
    stack: KeysCommand, gateway: FakeApiGateway, command: tuple[str, ...]
) -> None:
    stack.json(*GOLD)
    (native,) = gateway.keys.values()
    native["enabled"] = False
    next(members for members in gateway.members.values() if members).clear()
    assert stack.run(*command).exit_code == 0
    assert_accepted(stack, gateway)


def test_clean_puts_all_holders_on_the_usage_plan_of_a_new_api(stack: KeysCommand, gateway: FakeApiGateway) -> None:
    stack.create(consumer="globex")
    stack.json(*GOLD)
    stack.json("consumer", "update", "globex", "--plan", "gold")
    gateway.plan("gold", api="api3")
    assert sorted(stack.json("plan", "clean")["completed"]) == ["acme", "globex"]
    assert all(gateway.works(key.usage_key, "api3") for key in store(stack).all())
    assert stack.json("plan", "clean")["completed"] == []


def test_clean_completes_a_change_that_was_interrupted_between_two_keys(
    stack: KeysCommand, gateway: FakeApiGateway
) -> None:
    stack.json(*GOLD)
    key = next(store(stack).all("acme"))
    stack.client.update_item(
        TableName=stack.table, Key={"pk": {"S": key.digest}}, UpdateExpression="REMOVE #plan, usage_key",
        ExpressionAttributeNames={"#plan": "plan"},
    )  # fmt: skip
    assert stack.json("plan", "clean")["completed"] == ["acme"]
    assert len(usage_keys(stack)) == 1
    assert len(gateway.keys) == 1


def test_clean_tells_who_has_a_plan_without_a_usage_plan(stack: KeysCommand, gateway: FakeApiGateway) -> None:
    stack.json(*GOLD)
    gateway.plans = {plan_id: plan for plan_id, plan in gateway.plans.items() if "silver" in str(plan["tags"])}
    answer = stack.run("plan", "clean")
    assert answer.exit_code == 7
    assert "acme has the plan gold, which no usage plan has" in answer.stderr
    assert len(gateway.keys) == 1


def test_clean_leaves_native_keys_of_others_alone(stack: KeysCommand, gateway: FakeApiGateway) -> None:
    foreign = {"multi-auth:stack": "staging", "multi-auth:holder": "x", "multi-auth:plan": "gold"}
    gateway.do_create_api_key(value="a" * 20, enabled=True, tags=foreign)
    gateway.do_create_api_key(value="b" * 20, enabled=True, name="legacy")
    for _ in range(3):
        stack.run("plan", "clean")
        stack.clock.advance(10 * BOUND)
    assert len(gateway.keys) == 2


def test_a_deleted_consumer_has_no_native_key(stack: KeysCommand, gateway: FakeApiGateway) -> None:
    stack.json(*GOLD)
    calls = [0]

    def fail(name: str, _arguments: dict[str, Any]) -> None:
        if name == "delete_api_key" and not calls[0]:
            calls[0] += 1
            raise refused("DeleteApiKey", "ServiceUnavailableException", "Try later")

    gateway.before = fail
    delete = ("consumer", "delete", "acme", "--with-keys", "--yes")
    assert stack.run(*delete).exit_code == 1
    assert list(store(stack).all("acme")) == []
    assert stack.run(*delete).exit_code == 0
    assert gateway.keys == {}
    assert store(stack).consumers.get("acme") is None


def test_a_consumer_without_a_plan_is_deleted_without_a_call_to_api_gateway(
    stack: KeysCommand, gateway: FakeApiGateway
) -> None:
    assert stack.run("consumer", "delete", "acme", "--with-keys", "--yes").exit_code == 0
    assert gateway.calls == []


def test_no_plan_is_written_for_an_authorizer_that_does_not_read_it(
    stack: KeysCommand, gateway: FakeApiGateway
) -> None:
    answer = replace(stack, version="0.2.0").run(*GOLD)
    assert answer.exit_code == 4
    assert "does not read plan" in answer.stderr
    assert gateway.keys == {}


def test_a_stack_without_a_default_key_is_told(stack: KeysCommand) -> None:
    assert "has no DefaultUsageKey" in replace(stack, environment={}).run(*GOLD).stderr


def test_a_plan_needs_a_stack(keys: KeysCommand) -> None:
    keys.create()
    answer = keys.run(*GOLD)
    assert answer.exit_code == 2


def test_other_fields_are_changed_with_the_plan(stack: KeysCommand) -> None:
    told = stack.json(*GOLD, "--data", '{"tier": 1}', "--description", "ACME Ltd.")
    assert (told["plan"], told["data"], told["description"]) == ("gold", {"tier": 1}, "ACME Ltd.")
    assert {key.data for key in store(stack).all("acme")} == {'{"tier":1}'}


def test_more_keys_than_one_transaction_takes_are_marked(stack: KeysCommand, gateway: FakeApiGateway) -> None:
    lines = "".join(f"acme,{number:064x}\n" for number in range(1, 99))
    assert stack.run("import", "-", "--format", "csv", stdin=f"consumer,sha256\n{lines}").exit_code == 0
    assert stack.json(*GOLD)["keys_updated"] == 101
    assert len(usage_keys(stack)) == 1
    assert_accepted(stack, gateway)


def test_show_has_what_each_consumer_has_used_and_has_left(stack: KeysCommand, gateway: FakeApiGateway) -> None:
    stack.create(consumer="globex")
    stack.json(*GOLD)
    stack.json("consumer", "update", "globex", "--plan", "gold")
    acme = next(key for key in gateway.keys.values() if "/acme/" in key["name"])
    plan = next(iter(gateway.plans))
    gateway.used[plan] = {acme["id"]: [[10, 990], [5, 985]]}
    told = stack.json("plan", "show", "gold")
    used = {entry["name"]: {each["usage_plan"]: each for each in entry["usage"]}[plan] for entry in told["holders"]}
    assert (used["acme"]["used"], used["acme"]["left"]) == (15, 985)
    assert (used["globex"]["used"], used["globex"]["left"]) == (0, 1000)


def test_list_has_the_limits_stages_and_holders_of_each_usage_plan(stack: KeysCommand) -> None:
    stack.json(*GOLD)
    told = [(each["plan"], each["rate"], each["quota"], each["holders"]) for each in stack.json("plan", "list")]
    assert told == [("gold", 100, 1000, 1)] * 2 + [("silver", 100, 1000, 0)] * 2
