"""Requests to a deployed API, which can have headers several times, and its answers."""

import json
from collections.abc import Iterable
from dataclasses import dataclass
from email.message import Message
from http.client import HTTPConnection, HTTPSConnection
from typing import Any, Final
from urllib.parse import urlsplit

SECONDS: Final = 30
"""API Gateway answers a REST API's request within 29 seconds."""


@dataclass(frozen=True)
class Answer:
    status: int
    headers: Message
    text: str

    @property
    def body(self) -> Any:
        """The JSON body, or None if it is none."""
        try:
            return json.loads(self.text)
        except ValueError:
            return None


@dataclass(frozen=True)
class Api:
    """An API by the URL of its stage."""

    url: str

    def send(self, method: str, path: str, headers: Iterable[tuple[str, str]] = ()) -> Answer:
        url = urlsplit(self.url + path)
        connect = HTTPSConnection if url.scheme == "https" else HTTPConnection
        connection = connect(url.hostname or "", url.port, timeout=SECONDS)
        try:
            connection.putrequest(method, url.path)
            for name, value in headers:
                connection.putheader(name, value)
            connection.endheaders()
            response = connection.getresponse()
            return Answer(response.status, response.headers, response.read().decode("utf-8", "replace"))
        finally:
            connection.close()

    def bearer(self, token: str, path: str = "/me", method: str = "GET") -> Answer:
        return self.send(method, path, [("Authorization", f"Bearer {token}")])
