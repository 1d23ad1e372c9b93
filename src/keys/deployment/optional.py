"""The optional stacks beside the authorizer's: their parameters, and what they made."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from keys.core.errors import BadInput, NotFound
from keys.deployment.target import Resolved, describe_stack

FROM_OUTPUTS: Final[Mapping[str, Mapping[str, str]]] = {
    "events": {"TableName": "ApiKeysTableName", "StreamArn": "ApiKeysTableStreamArn"},
    "usage": {"AccessLogGroup": "AccessLogGroup"},
    "self-service": {
        "AuthorizerFunctionArn": "AuthorizerFunctionArn",
        "TableName": "ApiKeysTableName",
        "ExampleUrl": "ApiUrl",
    },
    "monitoring": {
        "FunctionName": "AuthorizerFunctionName",
        "LogGroup": "AuthorizerLogGroup",
        "TableName": "ApiKeysTableName",
        "AccessLogGroup": "AccessLogGroup",
    },
}
"""For each optional stack: its parameters that are outputs of the authorizer's stack."""

_WITH_FUNCTIONS: Final = ("events", "usage", "self-service")
_SHARED: Final = ("PermissionsBoundary", "KmsKeyArn", "PythonRuntime", "Architecture")
"""Parameters of an optional stack with functions that have the value of the authorizer's stack."""
_OF_KEYS: Final = ("ApiKeyPrefix", "AuthConfig")
"""Further ones, of a stack that makes keys."""
_MAY_BE_ABSENT: Final = ("AccessLogGroup", "ApiUrl")


def parameters(resolved: Resolved, name: str) -> dict[str, str]:
    """The parameters of the optional stack of this name, from the authorizer's stack.

    :raises BadInput: only a table was named, or the table has no stream.
    :raises NotFound: the stack lacks an output.
    """
    if resolved.stack is None:
        raise BadInput("Only a stack has these parameters. Specify --stack NAME.")
    outputs, given = resolved.described
    found = {"AuthorizerStack": resolved.stack}
    for parameter, output in FROM_OUTPUTS[name].items():
        if output in outputs:
            found[parameter] = outputs[output]
        elif parameter == "StreamArn":
            found[parameter] = _stream(resolved)
        elif output not in _MAY_BE_ABSENT:
            raise NotFound(f"The stack {resolved.stack!r} has no output {output}. Deploy its newest version first.")
    if name in _WITH_FUNCTIONS:
        shared = (*_SHARED, *_OF_KEYS) if name == "self-service" else _SHARED
        found |= {parameter: given[parameter] for parameter in shared if given.get(parameter)}
    return found


def outputs(resolved: Resolved, name: str, stack: str | None) -> tuple[str, dict[str, str], dict[str, str]]:
    """The name, outputs and parameters of a deployed optional stack. `stack`: its name, if it is not the default.

    :raises BadInput: only a table was named, and no name is given.
    :raises NotFound: it is not deployed.
    """
    if stack is None and resolved.stack is None:
        raise BadInput(f"A table does not tell which stack of {name} belongs to it. Specify --{name}-stack NAME.")
    named = stack or f"{resolved.stack}-{name}"
    try:
        return named, *describe_stack(named, resolved.client("cloudformation"))
    except NotFound as error:
        raise NotFound(f"{error} To deploy it: docs/{name}.md. If it has another name: --{name}-stack NAME.") from None


def _stream(resolved: Resolved) -> str:
    """The stream of a table that the stack did not make."""
    table = resolved.client("dynamodb").describe_table(TableName=resolved.table.name)["Table"]
    if not (arn := table.get("LatestStreamArn")) or not table.get("StreamSpecification", {}).get("StreamEnabled"):
        raise BadInput(
            f"The table {resolved.table.name} has no stream. Turn it on, with new and old images: "
            f"aws dynamodb update-table --table-name {resolved.table.name} "
            "--stream-specification StreamEnabled=true,StreamViewType=NEW_AND_OLD_IMAGES"
        )
    return str(arn)
