"""Requests on the command line, and the rules that can match a common request."""

import pytest
from hypothesis import given

from authorizer.route import Route
from keys.core.errors import BadInput
from keys.deployment.endpoint import overlap
from keys.deployment.rules import parse_request
from tests.authorizer.test_glob import matched, patterns


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("GET /orders/{id}", "GET /orders/7"),
        ("* /*", "GET /me"),
        ("GET /a*", "* /*b"),
        ("GET /*b*", "GET /a*c"),
        ("GET /{a}/x", "GET /y/{b}"),
    ],
)
def test_routes_overlap_when_one_request_can_match_both(one: str, other: str) -> None:
    assert overlap(Route.parse(one), Route.parse(other))
    assert overlap(Route.parse(other), Route.parse(one))


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("GET /me", "POST /me"),
        ("GET /orders/{id}", "GET /orders"),
        ("GET /a*", "GET /b*"),
        ("GET /*a", "GET /*b"),
        ("GET /{a}/x", "GET /y/{b}/z"),
    ],
)
def test_routes_do_not_overlap_when_no_request_can_match_both(one: str, other: str) -> None:
    assert not overlap(Route.parse(one), Route.parse(other))
    assert not overlap(Route.parse(other), Route.parse(one))


@given(patterns, patterns)
def test_routes_overlap_when_a_text_matches_both(one: str, other: str) -> None:
    # The shortest common text of two patterns of five letters can be longer than these texts. Then none is found.
    routes = Route("GET", one), Route("GET", other)
    assert overlap(*routes) >= bool(matched(one) & matched(other))
    assert overlap(*routes) == overlap(*reversed(routes))


@pytest.mark.parametrize("text", ["GET /orders/{id}", "* /me", "GET /*"])
def test_a_request_has_no_wildcard(text: str) -> None:
    with pytest.raises(BadInput, match="must be a request"):
        parse_request(text)


@pytest.mark.parametrize("text", ["GET /a//b/", "POST /../a;x=1", "GET /", "HEAD /%2e"])
def test_a_request_can_have_any_path_that_a_client_can_send(text: str) -> None:
    assert str(parse_request(text)) == text
