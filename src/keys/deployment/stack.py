"""A deployed authorizer: its stack and the settings of its function."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from keys.core.errors import BadInput, NotFound
from keys.deployment.target import Resolved


@dataclass(frozen=True, slots=True)
class Deployment:
    """`function`: the ARN that APIs invoke. `environment`: its environment variables. `parameters`: those of the stack.
    `client`: creates an AWS client for a service. `is_released`: the invoked version has the newest settings.
    """

    stack: str
    function: str
    environment: Mapping[str, str]
    parameters: Mapping[str, str]
    client: Callable[[str], Any]
    is_released: bool = True


def find(resolved: Resolved) -> Deployment:
    """The deployment of a resolved stack.

    :raises BadInput: only a table was named.
    :raises NotFound: the stack does not exist, or is no stack of this product.
    """
    if resolved.stack is None:
        raise BadInput(
            "A table does not identify a deployment. Specify --stack NAME, or start the local system with `make run`."
        )
    outputs, parameters = resolved.described
    if "AuthorizerFunctionArn" not in outputs:
        raise NotFound(
            f"The stack {resolved.stack!r} has no output AuthorizerFunctionArn. Specify a stack of this product."
        )
    arn, functions = outputs["AuthorizerFunctionArn"], resolved.client("lambda")
    in_force, newest = (
        functions.get_function_configuration(FunctionName=name).get("Environment", {}).get("Variables", {})
        for name in (arn, ":".join(arn.split(":")[:7]))
    )
    return Deployment(resolved.stack, arn, in_force, parameters, resolved.client, is_released=in_force == newest)
