"""Updates of a global table in place.

Source: AWS CloudFormation template reference, AWS::DynamoDB::GlobalTable: a change of StreamSpecification or
GlobalSecondaryIndexes does not replace the table. The emulator looks for the table under a name that it makes from the
physical ID, does not find it, and creates an empty one.
"""

from typing import Any

from local.gateway.wrapping import Function, Wrapper


def _keep_the_name(original: Function) -> Function:
    def update(physical_id: str, old: dict[str, Any], new: dict[str, Any], stack_name: str) -> Any:
        name = {"TableName": physical_id}
        return original(physical_id, {**old, **name}, {**new, **name}, stack_name)

    return update


_SOURCE = "e164bee4c4d163f926d7cbccb4289b3ce026002b421a26e2e0100502d7aa4c58"
WRAPPERS = (
    Wrapper("ministack.services.cloudformation.provisioners", "_ddb_global_table_update", _SOURCE, _keep_the_name),
)
