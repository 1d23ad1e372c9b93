"""Flushing the authorizer cache.

Sources: API Gateway REST API reference, "FlushStageAuthorizersCache" (202), and API Gateway version 2 API reference,
"ResetAuthorizersCache" (204). The emulator has neither.
"""

import re
from typing import Any, Final

from local.gateway.wrapping import Function, Wrapper

_PATH: Final = re.compile(r"(?:/restapis|/v2/apis)/(?P<api>[^/]+)/stages/(?P<stage>[^/]+)/cache/authorizers")


def _flushed(original: Function) -> Function:
    async def handle_request(method: str, path: str, headers: Any, body: Any, query_params: Any) -> Any:
        from ministack.services import apigateway, apigateway_v1

        flush = _PATH.fullmatch(path)
        if method != "DELETE" or flush is None:
            return await original(method, path, headers, body, query_params)
        is_rest = path.startswith("/restapis")
        # A key is: account, Region, API, authorizer, stage, identity.
        cache = (apigateway_v1 if is_rest else apigateway)._authorizer_cache
        for key in [key for key in cache if (key[2], key[4]) == (flush["api"], flush["stage"])]:
            del cache[key]
        return 202 if is_rest else 204, {}, b""

    return handle_request


WRAPPERS = tuple(
    Wrapper(f"ministack.services.{module}", "handle_request", digest, _flushed)
    for module, digest in (
        ("apigateway_v1", "23d6feaaa1c0192195cd7c951608f7ff5a58612d14c5ff08047d3c0f74ea6400"),
        ("apigateway", "ce4b91ffb239cc9d5ce687ca6f3d1fe37af7c669ae17a91a89c50fa170845c58"),
    )
)
