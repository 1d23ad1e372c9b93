"""What a client gets while the authorizer cannot decide."""

from typing import Final

from tests.aws.check import check, expect, expect_one_of
from tests.aws.deployed import Deployed

NO_TABLE: Final = "multi-auth-no-such-table"


@check(
    "README.md",
    "An outage results in 503. It never results in 401 or an accepted credential. The other kind of credential "
    "continues to work.",
    needs=("lambda:UpdateFunctionConfiguration",),
)
def an_outage_is_503_for_its_own_kind_of_credential(deployed: Deployed) -> None:
    key = deployed.create_key()["key"]
    with deployed.changed_environment(API_KEYS_TABLE=NO_TABLE):
        answer = deployed.sample.bearer(key)
        expect("status for an API key without its table", answer.status, 503)
        expect("Retry-After", answer.headers.get("Retry-After"), "5")
        expect("Content-Type", answer.headers.get("Content-Type"), "application/problem+json")
        expect("Access-Control-Allow-Origin", answer.headers.get("Access-Control-Allow-Origin"), "*")
        expect("status for a JWT without the table", deployed.sample.bearer(deployed.jwt).status, 200)
    expect("status for the API key with its table again", deployed.sample.bearer(key).status, 200)


@check(
    "docs/operations.md",
    "Requests that need it get 503 or 429",
    needs=("lambda:PutFunctionConcurrency", "lambda:DeleteFunctionConcurrency"),
)
def without_concurrency_the_answer_is_503_or_429(deployed: Deployed) -> None:
    functions, name = deployed.place.client("lambda"), deployed.main.outputs["AuthorizerFunctionName"]
    key = deployed.create_key()["key"]
    try:
        functions.put_function_concurrency(FunctionName=name, ReservedConcurrentExecutions=0)
        status = deployed.sample.bearer(key).status
    finally:
        functions.delete_function_concurrency(FunctionName=name)
    expect_one_of("status without concurrency", status, (503, 429))
