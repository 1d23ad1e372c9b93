"""The life of one key, through the `keys` command and the deployed authorizer."""

import json
import time

from local.system import System, run_keys
from tests.e2e.conftest import CACHE_SECONDS, Caller, Keys


def test_each_step_of_a_keys_life_is_what_the_api_says(system: System, caller: Caller, keys: Keys) -> None:
    def becomes(key: str, status: int) -> bool:
        """Whether the key comes to this status once the caches have forgotten the one before."""
        deadline = time.monotonic() + 2 * CACHE_SECONDS + 10
        while caller.bearer(key).status != status:
            if time.monotonic() > deadline:
                return False
            time.sleep(0.1)
        return True

    first = keys.create()
    assert becomes(first["key"], 200)
    keys.run("disable", first["key_id"])
    assert becomes(first["key"], 401)
    keys.run("enable", first["key_id"])
    assert becomes(first["key"], 200)
    rolled = run_keys(system.emulator, system.deployment.table, "roll", first["key_id"], "--grace", "0", "--yes")
    second = json.loads(rolled.stdout)
    assert becomes(second["key"], 200)
    assert becomes(first["key"], 401)
    keys.run("revoke", second["key_id"], "--yes")
    assert becomes(second["key"], 401)
    keys.run("delete", second["key_id"], "--yes")
    assert caller.bearer(second["key"]).status == 401
