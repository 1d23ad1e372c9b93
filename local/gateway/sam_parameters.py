"""The parameters of a stack in SAM's transform.

Source: CloudFormation user guide, "Create a CloudFormation macro definition": a macro, such as SAM's transform, gets
the values of the stack's parameters (`templateParameterValues`). The emulator passes none, so SAM takes the default
where it needs a value, such as for the time of the authorizer cache. Here, SAM sees the values as defaults.
"""

from typing import Any

from local.gateway.wrapping import Function, Wrapper


def _with_values(original: Function) -> Function:
    def _apply_transforms(template: dict[str, Any], provided_params: Any = None, previous_params: Any = None) -> Any:
        from ministack.services.cloudformation import engine

        declared = template.get("Parameters") or {}
        values = engine._transform_parameters(template, provided_params, previous_params)
        given = {
            name: {**parameter, "Default": values[name]} if name in values else parameter
            for name, parameter in declared.items()
        }
        transformed = original(
            {**template, "Parameters": given} if declared else template, provided_params, previous_params
        )
        if declared and isinstance(transformed, dict):
            transformed = {**transformed, "Parameters": declared}
        return transformed

    return _apply_transforms


_SOURCE = "78a29df7c4e9e92edb6df4b3b086ba9f8ba29348743f63ca1e50a71e5dc4fed0"
WRAPPERS = (Wrapper("ministack.services.cloudformation.engine", "_apply_transforms", _SOURCE, _with_values),)
