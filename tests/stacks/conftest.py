"""The artifact of the authorizer, whose log lines the alarms of the stacks are evaluated on."""

from tests.artifact.conftest import _linux, artifact, authorizer

__all__ = ["_linux", "artifact", "authorizer"]
