"""Which URLs signing keys may be fetched from."""

import re
from typing import Final
from urllib.parse import urlsplit

_LOOPBACK: Final = frozenset({"localhost", "127.0.0.1", "::1"})


def is_fetchable(url: str) -> bool:
    """Whether the URL is https, or http on loopback for local work; with neither credentials nor fragment.

    Whoever can change what is fetched on the way can sign tokens of their own.
    """
    if not re.fullmatch(r"[!-~]+", url) or "#" in url or "\\" in url:
        return False
    try:
        parts = urlsplit(url)
        host, _port = parts.hostname, parts.port
    except ValueError:
        return False
    if not host or "@" in parts.netloc:
        return False
    return parts.scheme == "https" or (parts.scheme == "http" and host in _LOOPBACK)
