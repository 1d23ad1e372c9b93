"""The address of the connection in the events of authorizers."""

import asyncio
from collections.abc import Callable
from typing import Any

import pytest

from local.gateway import source_network


@pytest.mark.parametrize(
    ("context", "member"),
    [({"identity": {"sourceIp": "192.0.2.1"}}, "identity"), ({"http": {"method": "GET"}}, "http"), ({}, "identity")],
    ids=["REST, and format 1.0", "format 2.0", "format 1.0 as the emulator makes it"],
)
def test_each_format_of_an_event_has_the_address_of_the_connection(
    context: dict[str, Any], member: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(source_network, "_address", lambda: "203.0.113.7")
    seen: list[dict[str, Any]] = []

    async def original(_authorizer: Any, event: dict[str, Any], *_place: str) -> None:
        seen.append(event)

    make: Callable[..., Any] = source_network._authorizer_with_source
    asyncio.run(make(original)({}, {"requestContext": context}, "123456789012", "us-east-1"))
    assert seen[0]["requestContext"][member]["sourceIp"] == "203.0.113.7"
