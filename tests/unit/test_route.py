"""Routes: what may be written, and which IAM patterns stand for it."""

import pytest

from authorizer.route import MAX_LENGTH, METHODS, Route, RouteError


@pytest.mark.parametrize(
    ("text", "patterns"),
    [
        ("GET /me", ("GET/me",)),
        ("GET /", ("GET/",)),
        ("GET /orders/{id}", ("GET/orders/*",)),
        ("GET /orders/{id}/items/{item_id}", ("GET/orders/*/items/*",)),
        ("PUT /files/{proxy+}", ("PUT/files/*",)),
        ("POST /reports/*", ("POST/reports/*",)),
        ("POST /v*/report***", ("POST/v*/report*",)),
        ("GET /a:b/~c/@d", ("GET/a:b/~c/@d",)),
        ("* /*", ("*",)),
        ("* /admin/*", tuple(f"{method}/admin/*" for method in METHODS)),
    ],
)
def test_a_route_becomes_iam_patterns(text: str, patterns: tuple[str, ...]) -> None:
    assert Route.parse(text).patterns == patterns


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("", "a method and a path"),
        ("/me", "a method and a path"),
        ("GET me", "a method and a path"),
        ("GET  /me", "a method and a path"),
        ("GET /me ", "a method and a path"),
        ("get /me", "'get'"),
        ("ANY /me", r"write \* for any method"),
        ("TRACE /me", "'TRACE'"),
        ("GET /me/", "write '/me'"),
        ("GET //me", "two slashes"),
        ("GET /a?b", "query"),
        ("GET /${aws:username}", "parameter is a segment"),
        ("GET /$x", r"\$"),
        ("GET /a/x{id}", "parameter is a segment"),
        ("GET /{id", "parameter is a segment"),
        ("GET /{}", "parameter is a segment"),
        ("GET /{proxy+}/more", "takes all that follows"),
        ("GET /ü", "URL's path"),
        ("GET /a\nb", "URL's path"),
        (f"GET /{'a' * MAX_LENGTH}", "longer"),
    ],
)
def test_what_no_route_can_be_is_refused_with_the_remedy(text: str, problem: str) -> None:
    with pytest.raises(RouteError, match=problem):
        Route.parse(text)


@pytest.mark.parametrize(
    ("wide", "narrow"),
    [
        ("* /*", "GET /me"),
        ("* /*", "* /a/*"),
        ("* /me", "GET /me"),
        ("GET /a/*", "GET /a/b/c"),
        ("GET /a/{id}", "GET /a/{id}/x"),
        ("GET /a*c*e", "GET /a*c*d*e"),
        ("GET /me", "GET /me"),
    ],
)
def test_a_wider_route_covers_a_narrower_one(wide: str, narrow: str) -> None:
    assert Route.parse(wide).covers(Route.parse(narrow))


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("GET /me", "* /me"),
        ("GET /me", "POST /me"),
        ("GET /a/*", "GET /a"),
        ("GET /*b", "GET /a*"),
        ("GET /a*", "GET /*"),
        ("GET /ab*ba", "GET /aba"),
        ("GET /a*b*a", "GET /aa"),
        ("GET /me", "GET /me2"),
    ],
)
def test_a_route_does_not_cover_what_it_only_resembles(one: str, other: str) -> None:
    assert not Route.parse(one).covers(Route.parse(other))


def test_a_slash_at_the_end_is_added_only_where_the_route_does_not_match_it() -> None:
    assert Route.parse("GET /me").slashed.patterns == ("GET/me/",)
    assert Route.parse("GET /me/*").slashed == Route.parse("GET /me/*")
    assert Route.parse("GET /").slashed == Route.parse("GET /")


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
    assert Route.parse(one).overlaps(Route.parse(other))
    assert Route.parse(other).overlaps(Route.parse(one))


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
    assert not Route.parse(one).overlaps(Route.parse(other))
    assert not Route.parse(other).overlaps(Route.parse(one))


def test_a_route_is_written_as_it_is_read() -> None:
    assert [str(Route.parse(text)) for text in ("GET /orders/{id}", "* /*", "GET /")] == [
        "GET /orders/*",
        "* /*",
        "GET /",
    ]


@pytest.mark.parametrize("text", ["GET /orders/{id}", "* /me", "GET /*"])
def test_a_request_asks_for_one_route(text: str) -> None:
    with pytest.raises(RouteError, match="that a request can ask for"):
        Route.of_request(text)
