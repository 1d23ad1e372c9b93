"""Partial responses to batches of a DynamoDB stream.

Source: AWS Lambda developer guide, "Configuring partial batch response with DynamoDB and Lambda": with
ReportBatchItemFailures, Lambda delivers the batch again from the lowest sequence number in batchItemFailures. The
emulator takes every response for a success. Here, it delivers the whole batch again.
"""

from typing import Any

from local.gateway.wrapping import Function, Wrapper


def _report_failures(original: Function) -> Function:
    def execute(function: dict[str, Any], event: Any, *rest: Any, **named: Any) -> dict[str, Any]:
        result: dict[str, Any] = original(function, event, *rest, **named)
        records = event.get("Records") if isinstance(event, dict) else None
        body = result.get("body")
        is_stream = isinstance(records, list) and bool(records) and records[0].get("eventSource") == "aws:dynamodb"
        if is_stream and isinstance(body, dict) and body.get("batchItemFailures"):
            return {**result, "error": True, "function_error": "Unhandled"}
        return result

    return execute


_SOURCE = "da9866f365b835daf8d56c79b44a11e7b889d12820cb2a06c6b049aded9921fb"
WRAPPERS = (Wrapper("ministack.services.lambda_svc", "_execute_function", _SOURCE, _report_failures),)
