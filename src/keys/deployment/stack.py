"""A deployed authorizer: its stack and the settings of its function."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from keys.core.errors import BadInput, NotFound
from keys.deployment.connection import LOCAL_OUTPUTS, Target, aws_session, describe_stack, local_client

if TYPE_CHECKING:
    from boto3.session import Session

LOCAL_STACK = "multi-auth-local"


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


def find(
    target: Target,
    env: Mapping[str, str],
    directory: Path,
    session: Callable[[Target, Mapping[str, str]], Session] = aws_session,
) -> Deployment:
    """The deployment of `--stack`, else the local system of this directory.

    :raises BadInput: there is neither.
    :raises NotFound: the stack does not exist, or is no stack of this product.
    """
    outputs_file = directory / LOCAL_OUTPUTS
    client: Callable[[str], Any]
    if target.stack:
        aws: Any = session(target, env)
        stack, client = target.stack, aws.client
    elif outputs_file.is_file() and not target.profile:
        stack, client = LOCAL_STACK, lambda service: local_client(outputs_file, service)
    else:
        given = "--table does not identify a deployment." if target.table else "No deployment is specified."
        raise BadInput(f"{given} Specify --stack NAME, or start the local system with `make run`.")
    outputs, parameters = describe_stack(stack, client("cloudformation"))
    if "AuthorizerFunctionArn" not in outputs:
        raise NotFound(f"The stack {stack!r} has no output AuthorizerFunctionArn. Specify a stack of this product.")
    arn = outputs["AuthorizerFunctionArn"]
    in_force, newest = _variables(client, arn), _variables(client, ":".join(arn.split(":")[:7]))
    return Deployment(stack, arn, in_force, parameters, client, is_released=in_force == newest)


def _variables(client: Callable[[str], Any], function: str) -> dict[str, str]:
    configuration = client("lambda").get_function_configuration(FunctionName=function)
    variables: dict[str, str] = configuration.get("Environment", {}).get("Variables", {})
    return variables
