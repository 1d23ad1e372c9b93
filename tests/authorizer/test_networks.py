"""Limits by network: what a file and a key say, the policy that they become, and requests that cannot be judged."""

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from authorizer.attributes import MalformedRecord
from authorizer.decision import Decider
from authorizer.entry import SettingsError
from authorizer.identity import Identity
from authorizer.key_record import KeyRecord
from authorizer.networks import NetworkError, Networks
from authorizer.policy import PolicyTooLarge, Responder
from authorizer.refusal import Reason, Refusal
from tests.authorizer.test_access import iam_permits
from tests.authorizer.test_authentication import Answering
from tests.support.events import Recorder
from tests.support.rules_text import EVERY_ROUTE, rules_of

STAGE = "arn:aws:execute-api:eu-west-1:123456789012:abc/v1"
ARN = f"{STAGE}/GET/me"
INSIDE, OUTSIDE = "203.0.113.7", "198.51.100.1"
OFFICE = Networks.parse(["203.0.113.0/24"])
KEY = Identity("api_key", "acme", key_id="key_1")
LIMITED = Identity("api_key", "acme", key_id="key_1", networks=OFFICE)
ADMIN = rules_of(
    """
    [[rule]]
    route = "* /*"

    [[rule]]
    route = "GET /admin/*"
    networks = ["203.0.113.0/24"]
    """
)


def policy(rules: Any, identity: Identity = KEY, source: str | None = INSIDE) -> dict[str, Any]:
    document: dict[str, Any] = Responder(rules).respond(identity, ARN, source)["policyDocument"]
    return document


def conditions(document: dict[str, Any]) -> list[tuple[str, Any]]:
    return [(each["Effect"], each.get("Condition")) for each in document["Statement"]]


def test_networks_of_a_key_are_a_condition_of_every_allow() -> None:
    document = policy(ADMIN, LIMITED)
    allowed = [condition for effect, condition in conditions(document) if effect == "Allow"]
    assert allowed == [{"IpAddress": {"aws:SourceIp": ["203.0.113.0/24"]}}]
    for path in ("GET/admin/users", "POST/orders"):
        assert iam_permits(document, f"{STAGE}/{path}", INSIDE)
        assert not iam_permits(document, f"{STAGE}/{path}", OUTSIDE)


def test_a_rule_under_a_wider_one_is_a_deny_for_all_other_networks() -> None:
    document = policy(ADMIN)
    assert ("Deny", {"NotIpAddress": {"aws:SourceIp": ["203.0.113.0/24"]}}) in conditions(document)
    assert iam_permits(document, f"{STAGE}/GET/admin/users", INSIDE)
    assert iam_permits(document, f"{STAGE}/GET/orders", OUTSIDE)
    for path in ("GET/admin/users", "HEAD/admin/users", "GET/admin//users", "GET//admin/users", "GET/x/../admin/users"):
        assert not iam_permits(document, f"{STAGE}/{path}", OUTSIDE)


def test_a_rule_beside_the_others_is_an_allow_with_a_condition() -> None:
    rules = rules_of("[[rule]]\nroute = 'POST /a'\nnetworks = ['203.0.113.0/24']\n[[rule]]\nroute = 'POST /b'")
    assert conditions(policy(rules)) == [
        ("Allow", None),
        ("Allow", {"IpAddress": {"aws:SourceIp": ["203.0.113.0/24"]}}),
    ]


def test_one_policy_serves_all_addresses() -> None:
    assert policy(ADMIN, LIMITED, INSIDE) == policy(ADMIN, LIMITED, OUTSIDE)


def test_one_of_the_alternatives_can_have_networks() -> None:
    rules = rules_of(
        "[[rule]]\nroute = 'GET /a'\n"
        "any = [{ credentials = ['api_key'], networks = ['203.0.113.0/24'] }, { credentials = ['jwt'] }]"
    )
    assert not iam_permits(policy(rules), f"{STAGE}/GET/a", OUTSIDE)
    assert iam_permits(policy(rules), f"{STAGE}/GET/a", INSIDE)
    assert iam_permits(policy(rules, Identity("jwt", "u")), f"{STAGE}/GET/a", OUTSIDE)


def test_a_key_whose_networks_are_none_of_its_consumers_can_call_nothing() -> None:
    nowhere = Identity("api_key", "acme", networks=OFFICE & Networks.parse(["198.51.100.0/24"]))
    assert policy(ADMIN, nowhere)["Statement"] == [
        {"Action": "execute-api:Invoke", "Effect": "Deny", "Resource": [f"{STAGE}/*"]}
    ]


@pytest.mark.parametrize("source", [None, "test-invoke-source-ip", ""])
@pytest.mark.parametrize(("rules", "identity"), [(EVERY_ROUTE, LIMITED), (ADMIN, KEY)])
def test_a_limited_credential_is_refused_if_the_source_is_not_an_address(
    rules: Any, identity: Identity, source: str | None
) -> None:
    with pytest.raises(Refusal, match=Reason.UNKNOWN_NETWORK):
        policy(rules, identity, source)
    assert policy(EVERY_ROUTE, KEY, source)


def test_a_limited_key_is_refused_where_a_simple_response_would_be_cached_for_every_network() -> None:
    with pytest.raises(Refusal, match=Reason.UNKNOWN_NETWORK):
        Responder(EVERY_ROUTE, simple=True).respond(LIMITED, ARN, INSIDE)


def test_simple_responses_exclude_a_rule_with_networks() -> None:
    text = "[settings]\nsimple_responses = true\n[[rule]]\nroute = '* /*'\nnetworks = ['203.0.113.0/24']"
    with pytest.raises(SettingsError, match="only \\[\\[rule\\]\\] must be"):
        rules_of(text)


@pytest.mark.parametrize(
    ("context", "address"),
    [
        ({"identity": {"sourceIp": INSIDE}}, INSIDE),
        ({"http": {"sourceIp": "2001:db8::1"}}, "2001:db8::1"),
        ({"identity": {"sourceIp": "10.0.0.7", "vpceId": "vpce-1", "vpcId": "vpc-1"}}, None),
        ({"identity": {"sourceIp": ""}}, None),
        ({"identity": {"sourceIp": 7}}, None),
        ({"http": "x", "identity": {"sourceIp": INSIDE}}, None),
        ("x", None),
    ],
)
def test_the_source_is_what_api_gateway_says_and_no_header(context: Any, address: str | None) -> None:
    sources: list[str | None] = []

    def respond(_identity: Identity, _arn: object, source: str | None) -> dict[str, Any]:
        sources.append(source)
        return {}

    forwarded = {"X-Forwarded-For": "192.0.2.9", "Forwarded": "for=192.0.2.9"}
    event = {"requestContext": context, "headers": {"Authorization": "Bearer key", **forwarded}}
    Decider([Answering(KEY)], respond, Recorder().decision).decide(event)
    assert sources == [address]


@pytest.mark.parametrize(
    ("texts", "blocks"),
    [
        (["203.0.113.7"], ("203.0.113.7/32",)),
        (["2001:DB8::1"], ("2001:db8::1/128",)),
        (["10.0.1.0/24", "10.0.0.0/24", "10.0.0.7"], ("10.0.0.0/23",)),
        (["2001:db8::/32", "203.0.113.0/24"], ("203.0.113.0/24", "2001:db8::/32")),
    ],
)
def test_networks_are_written_in_the_shortest_way_with_their_prefix_length(
    texts: list[str], blocks: tuple[str, ...]
) -> None:
    assert Networks.parse(texts).blocks == blocks


@pytest.mark.parametrize("mapped", ["::ffff:203.0.113.7", "::ffff:cb00:7107", "0:0:0:0:0:ffff:203.0.113.7"])
def test_an_ipv4_mapped_address_is_in_no_ipv4_network_and_is_no_network_of_a_file(mapped: str) -> None:
    assert mapped not in OFFICE
    assert not iam_permits(policy(ADMIN, LIMITED, mapped), f"{STAGE}/GET/admin/x", mapped)
    with pytest.raises(NetworkError, match=r"has the IPv4 address of a client: write \"203\.0\.113\.7/32\""):
        Networks.parse([mapped])


def item(**more: Any) -> dict[str, Any]:
    return {"consumer": {"S": "acme"}, "key_id": {"S": "key_1"}, "enabled": {"BOOL": True}, **more}


def test_a_key_is_accepted_from_the_networks_that_it_and_its_consumer_have() -> None:
    record = KeyRecord.from_item(
        item(networks={"SS": ["203.0.113.0/25", "192.0.2.0/24"]}, consumer_networks={"SS": ["203.0.113.0/24"]})
    )
    assert record.identity.networks == Networks.parse(["203.0.113.0/25"])
    assert KeyRecord.from_item(item()).identity.networks is None


@pytest.mark.parametrize(
    "networks", [{"SS": ["office"]}, {"S": "203.0.113.0/24"}, {"SS": ["203.0.113.7/24"]}, {"L": []}]
)
@pytest.mark.parametrize("name", ["networks", "consumer_networks"])
def test_a_key_whose_limit_cannot_be_read_is_refused(name: str, networks: dict[str, Any]) -> None:
    with pytest.raises(MalformedRecord, match="networks"):
        KeyRecord.from_item(item(**{name: networks}))


def rules_with(count: int, networks: str, *, settings: str = "") -> str:
    rules = (f"[[rule]]\nroute = 'POST /r{number}'\nnetworks = [{networks}]\n" for number in range(count))
    return settings + "\n".join(rules)


@pytest.mark.parametrize(("wider", "statements"), [("", 1), ("[[rule]]\nroute = '* /*'\n", 3)])
def test_forty_three_rules_that_share_a_list_fit_also_under_a_wider_rule(wider: str, statements: int) -> None:
    rules = rules_of(wider + rules_with(43, "'203.0.113.0/24', '198.51.100.0/24'"))
    assert len(policy(rules)["Statement"]) == statements
    assert len(json.dumps(policy(rules))) <= rules.largest_policy_bytes() <= 8192


def own_networks(count: int) -> str:
    rules = (
        f"[[rule]]\nroute = 'POST /r{number}'\nnetworks = ['203.0.{number}.0/24', '198.51.{number}.0/24']\n"
        for number in range(count)
    )
    return "\n".join(rules)


def test_thirty_rules_with_two_networks_each_fit_and_the_error_names_the_number_that_does() -> None:
    rules = rules_of(own_networks(30))
    assert len(policy(rules)["Statement"]) == 30
    assert len(json.dumps(policy(rules))) <= rules.largest_policy_bytes() <= 8192
    with pytest.raises(SettingsError, match=r"line 1: .* The first 3[0-9] of the 40 rules fit"):
        rules_of(own_networks(40))


def test_networks_of_a_key_for_which_the_policy_has_no_room_refuse_the_key_and_are_no_outage() -> None:
    full = rules_of(own_networks(30))
    wide = Networks.parse(["203.0.0.0/16", "198.51.0.0/16"])
    assert policy(full, Identity("api_key", "acme", networks=wide))
    text = "\n".join(f"[[rule]]\nroute = 'POST /r{number}'\n" for number in range(73))
    many = Networks.parse([f"203.0.{2 * number}.0/24" for number in range(60)])
    with pytest.raises(Refusal, match=Reason.IDENTITY_TOO_LARGE):
        Responder(rules_of(text)).respond(Identity("api_key", "acme", networks=many), f"{STAGE}{'x' * 35}/GET/", INSIDE)
    with pytest.raises(PolicyTooLarge):
        Responder(rules_of(text)).respond(KEY, f"{STAGE}{'x' * 80}/GET/", INSIDE)


def test_without_networks_the_policy_is_as_before_and_nothing_more_is_imported() -> None:
    script = """
import json, sys
from authorizer import auth_file, key_record, policy
from authorizer.identity import Identity
rules = auth_file.parse(open(sys.argv[1]).read()).rules
item = {"consumer": {"S": "acme"}, "key_id": {"S": "key_1"}, "enabled": {"BOOL": True}}
identity = key_record.KeyRecord.from_item(item).identity
document = policy.Responder(rules).respond(identity, "arn:aws:execute-api:r:1:abc/v1/GET/me", None)
print(json.dumps([document["policyDocument"], sorted(name for name in sys.modules if name.startswith("authorizer."))]))
"""
    run = subprocess.run(
        [sys.executable, "-c", script, "src/authorizer/auth.toml"],
        env={"PYTHONPATH": str(Path("src").resolve())}, capture_output=True, text=True, check=True,
    )  # fmt: skip
    document, modules = json.loads(run.stdout)
    assert document == {
        "Version": "2012-10-17",
        "Statement": [
            {
                "Action": "execute-api:Invoke",
                "Effect": "Allow",
                "Resource": [f"arn:aws:execute-api:r:1:abc/v1/{method}/me" for method in ("GET", "HEAD")],
            }
        ],
    }
    assert "authorizer.networks" not in modules
