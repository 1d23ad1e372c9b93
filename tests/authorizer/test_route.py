"""Routes: their syntax, and their IAM patterns."""

import pytest

from authorizer.route import MAX_LENGTH, METHODS, Route, RouteError, resource


@pytest.mark.parametrize(
    ("text", "patterns"),
    [
        ("GET /me", ["GET/me", "HEAD/me"]),
        ("HEAD /me", ["HEAD/me"]),
        ("GET /", ["GET/", "HEAD/"]),
        ("POST /orders/{id}", ["POST/orders/*"]),
        ("POST /orders/{id}/items/{item_id}", ["POST/orders/*/items/*"]),
        ("PUT /files/{proxy+}", ["PUT/files/*"]),
        ("POST /reports/*", ["POST/reports/*"]),
        ("POST /v*/report***", ["POST/v*/report*"]),
        ("PUT /a:b/~c/@d", ["PUT/a:b/~c/@d"]),
        ("$default", ["$default"]),
        ("* /admin/*", [f"{method}/admin/*" for method in METHODS]),
    ],
)
def test_a_route_becomes_iam_resources(text: str, patterns: list[str]) -> None:
    route = Route.parse(text)
    assert [resource(method, route.path) for method in route.methods] == patterns


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
        ("GET //me", "remove one of the two slashes"),
        ("GET /a/../b", "clients remove"),
        ("GET /a/.", "clients remove"),
        ("$Default", "a method and a path"),
        ("GET /a?b", "query"),
        ("GET /${aws:username}", "parameter must be a whole segment"),
        ("GET /$x", r"\$"),
        ("GET /a/x{id}", "parameter must be a whole segment"),
        ("GET /{id", "parameter must be a whole segment"),
        ("GET /{}", "parameter must be a whole segment"),
        ("GET /{proxy+}/more", "matches all further segments"),
        ("GET /ü", "characters of a URL path"),
        ("GET /a\nb", "characters of a URL path"),
        (f"GET /{'a' * MAX_LENGTH}", "more than 400 characters"),
    ],
)
def test_what_no_route_can_be_is_refused_with_the_remedy(text: str, problem: str) -> None:
    with pytest.raises(RouteError, match=problem):
        Route.parse(text)


def test_a_route_is_written_as_it_is_read() -> None:
    assert [str(Route.parse(text)) for text in ("GET /orders/{id}", "* /*", "GET /", "$default")] == [
        "GET /orders/*",
        "* /*",
        "GET /",
        "$default",
    ]
