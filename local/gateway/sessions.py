"""Temporary credentials of functions.

Source: IAM user guide, "Temporary security credentials in IAM": they are generated dynamically. The emulator derives
them from the names of the function and its role, which are the same in each run, so other users of this machine could
sign as the function.
"""

import functools
import secrets
from typing import Any

from local.gateway.wrapping import Function, Wrapper


def _random(original: Function) -> Function:
    @functools.cache
    def secret(_access_key: str) -> dict[str, str]:
        return {"AWS_SECRET_ACCESS_KEY": secrets.token_hex(32), "AWS_SESSION_TOKEN": secrets.token_hex(32)}

    def execution_credentials(config: dict[str, Any]) -> dict[str, str]:
        from ministack.services import sts

        given: dict[str, str] = original(config)
        own = secret(given["AWS_ACCESS_KEY_ID"])
        session = sts._sessions[given["AWS_ACCESS_KEY_ID"]]
        names = {"SecretAccessKey": "AWS_SECRET_ACCESS_KEY", "SessionToken": "AWS_SESSION_TOKEN"}
        session.update({member: own[name] for member, name in names.items()})
        return given | own

    return execution_credentials


_SOURCE = "958ceba5b7f8e5be432ff323bcf324be9f021aab0e95462585ae71731b27ffd2"
WRAPPERS = (Wrapper("ministack.core.lambda_runtime", "execution_credentials", _SOURCE, _random),)
