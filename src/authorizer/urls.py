"""The URLs that signing keys can be fetched from."""

import re
from typing import Final
from urllib.parse import urlsplit

_LOOPBACK: Final = frozenset({"localhost", "127.0.0.1", "::1"})


def is_fetchable(url: str) -> bool:
    """Whether the URL is https, or http on loopback for local development, without credentials and fragment.

    Without TLS, anyone on the network path could replace the keys and sign tokens.
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


def shown(url: str) -> str:
    """The URL for a log or a message, without what can be a secret: user, password, query and fragment."""
    return re.sub(r"[?#].*", "?...", re.sub(r"//[^/?#]*@", "//...@", url, flags=re.DOTALL), flags=re.DOTALL)
