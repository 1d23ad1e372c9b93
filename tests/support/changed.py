"""A client of boto3 with some of its methods replaced."""

from typing import Any


class Changed:
    """Has these members in place of those of the client, and the other members of the client."""

    def __init__(self, client: Any, **members: Any) -> None:
        self._client = client
        self.__dict__.update(members)

    def __getattr__(self, name: str) -> Any:
        return getattr(self._client, name)
