"""Which optional stacks `make run` deploys, and what a failed one leaves."""

from local.stacks import STACKS, Outcome, default_names, deploy_all
from local.step import StepError


def test_a_stack_that_fails_does_not_hide_the_outputs_of_the_others() -> None:
    def deploy(name: str) -> dict[str, str]:
        if name == "usage":
            raise StepError("sam deploy failed.", "API Key already exists")
        return {"page": name}

    assert deploy_all(["events", "usage", "self-service"], deploy) == Outcome(
        deployed={"events": {"page": "events"}, "self-service": {"page": "self-service"}},
        failed={"usage": "sam deploy failed.\nAPI Key already exists"},
    )


def test_the_example_with_plans_is_not_deployed_beside_an_api_or_rules_of_ones_own() -> None:
    assert default_names(own=False) == list(STACKS)
    assert default_names(own=True) == [name for name in STACKS if name != "plans"]
