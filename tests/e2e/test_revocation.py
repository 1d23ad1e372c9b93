"""How long a revoked key goes on working, with both caches on."""

import time
from concurrent.futures import ThreadPoolExecutor

from tests.e2e.conftest import CACHE_SECONDS, Caller, Keys

TRIALS = 20


def test_a_revoked_key_stops_within_the_time_of_the_two_caches(caller: Caller, keys: Keys) -> None:
    def last_success(_trial: int) -> float:
        """How long after its revocation the last request was begun that the key still opened."""
        created = keys.create()
        assert caller.bearer(created["key"]).status == 200
        keys.run("revoke", created["key_id"], "--yes")
        revoked_at = last = time.monotonic()
        while True:
            begun = time.monotonic()
            if caller.bearer(created["key"]).status == 401:
                return last - revoked_at
            last = begun

    with ThreadPoolExecutor(4) as pool:
        longest = max(pool.map(last_success, range(TRIALS)))

    # Not a matter of speed: a request that is begun later than this must not be answered from a cache any more.
    assert longest <= 2 * CACHE_SECONDS
