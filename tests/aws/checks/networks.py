"""Limits by network, as conditions in the policy of the authorizer."""

from typing import Final

from tests.aws.api import Api
from tests.aws.check import check, expect
from tests.aws.deployed import Deployed

ELSEWHERE: Final = "192.0.2.0/24"
"""TEST-NET-1 (RFC 5737): no request comes from it."""
ANYWHERE: Final = "0.0.0.0/0,::/0"


def _expect_networks(deployed: Deployed, api: Api, method: str, path: str, accepted: int) -> None:
    scope = ("--scopes", "reports:write")
    key = deployed.create_key(*scope, "--networks", ANYWHERE)["key"]
    answer = deployed.answer_with(accepted, lambda: api.bearer(key, path, method))
    expect("status for a key that is accepted from anywhere", answer.status, accepted)
    limited = [("Authorization", f"Bearer {deployed.create_key(*scope, '--networks', ELSEWHERE)['key']}")]
    expect("status for a key of another network", api.send(method, path, limited).status, 403)
    spoofed = [*limited, ("X-Forwarded-For", "192.0.2.1"), ("Forwarded", "for=192.0.2.1")]
    expect("status if a header names that network", api.send(method, path, spoofed).status, 403)


@check("docs/access-rules.md", "A caller from another network gets 403.")
def networks_of_a_key_hold_on_a_rest_api(deployed: Deployed) -> None:
    _expect_networks(deployed, deployed.sample, "GET", "/me", 200)


@check("docs/access-rules.md", "They also hold on HTTP APIs.")
def networks_of_a_key_hold_on_an_http_api(deployed: Deployed) -> None:
    _expect_networks(deployed, deployed.http_reports, "POST", "/reports", 201)


@check("docs/access-rules.md", "They also hold on HTTP APIs.")
def networks_of_a_key_hold_on_an_http_api_with_payload_format_1_0(deployed: Deployed) -> None:
    _expect_networks(deployed, deployed.http_1_0_reports, "POST", "/reports", 201)
