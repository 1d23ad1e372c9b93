"""What the emulator lacks and AWS documents: each module adds one thing, and names the AWS document that it follows.

`install` is the only place that knows all modules. The emulator's process calls it before it serves (`local/serve.py`).
The modules run in the emulator's interpreter, so they import only its packages and the standard library. They reach the
emulator's private functions through `wrapping.py` alone.
"""

from local.gateway import (
    access_log,
    cache_flush,
    global_table,
    http_definition,
    http_request,
    insights,
    rest_definition,
    rest_request,
    roles,
    sam_parameters,
    sessions,
    source_network,
    streams,
    subscriptions,
    usage_keys,
    usage_plans,
)
from local.gateway.wrapping import Wrapper, wrap

WRAPPERS: tuple[Wrapper, ...] = (
    *sessions.WRAPPERS,
    *roles.WRAPPERS,
    # Before the other wrappers of the same functions, which then call these.
    *source_network.WRAPPERS,
    *rest_definition.WRAPPERS,
    *rest_request.WRAPPERS,
    *http_definition.WRAPPERS,
    *http_request.WRAPPERS,
    *cache_flush.WRAPPERS,
    *insights.WRAPPERS,
    *sam_parameters.WRAPPERS,
    *streams.WRAPPERS,
    *global_table.WRAPPERS,
    *access_log.WRAPPERS,
    *subscriptions.WRAPPERS,
    *usage_keys.WRAPPERS,
    *usage_plans.WRAPPERS,
)


def install() -> None:
    """Add everything to the emulator in this process."""
    for wrapper in WRAPPERS:
        wrap(wrapper)
