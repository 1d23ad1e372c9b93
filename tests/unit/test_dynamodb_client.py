"""The client asks the same addresses, with the same signature, as one that botocore makes by itself."""

import json
from collections.abc import Iterator
from typing import Any

import botocore.session
import pytest
from botocore.config import Config

from artifact import get_item
from authorizer.dynamodb import _OneService

VARIANTS: list[dict[str, Any]] = [
    {"use_fips_endpoint": True},
    {"use_dualstack_endpoint": True},
    {"use_fips_endpoint": True, "use_dualstack_endpoint": True},
]


class Sent(Exception):
    """Raised in place of sending."""


def request(session: Any, region: str, configuration: dict[str, Any]) -> tuple[str, str] | str:
    """URL and signature's scope of a read; or the error's name, when there is no such endpoint."""
    session.set_credentials("id", "secret")
    seen: list[tuple[str, str]] = []

    def stop(request: Any, **_rest: Any) -> None:
        authorization = request.headers["Authorization"]
        seen.append((request.url, authorization.decode().split(",")[0]))
        raise Sent

    try:
        client = session.create_client("dynamodb", region_name=region, config=Config(**configuration))
        client.meta.events.register("before-send.dynamodb.GetItem", stop)
        client.get_item(TableName="keys", Key={"pk": {"S": "x"}})
    except Sent:
        return seen[0]
    except Exception as error:
        return type(error).__name__
    raise AssertionError("nothing was sent")


def regions() -> Iterator[str]:
    session = botocore.session.Session()
    for partition in session.get_available_partitions():
        yield from session.get_available_regions("dynamodb", partition)
    yield "eu-newland-7"


@pytest.fixture(scope="module")
def ours() -> Any:
    session = botocore.session.Session()
    session.register_component("data_loader", _OneService())
    return session


@pytest.fixture(scope="module")
def theirs() -> Any:
    return botocore.session.Session()


def test_the_description_of_the_read_is_botocores() -> None:
    written = json.loads(get_item.FILE.read_text(encoding="utf-8"))
    assert written == get_item.description(), "botocore describes it otherwise now: run make lock"


@pytest.mark.parametrize("region", list(regions()))
def test_a_read_goes_where_botocore_would_send_it(region: str, ours: Any, theirs: Any) -> None:
    assert request(ours, region, {}) == request(theirs, region, {})


@pytest.mark.parametrize("region", ["eu-west-1", "us-gov-west-1", "cn-north-1", "eusc-de-east-1"])
@pytest.mark.parametrize("variant", VARIANTS, ids=["fips", "dualstack", "both"])
def test_endpoint_variants_are_botocores(region: str, variant: dict[str, Any], ours: Any, theirs: Any) -> None:
    assert request(ours, region, variant) == request(theirs, region, variant)
