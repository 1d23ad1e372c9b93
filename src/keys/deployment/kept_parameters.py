"""Parameters of a deployed stack that clash with a file of rules.

`sam deploy` sends the previous value of each parameter that is not overridden (CloudFormation API reference,
"Parameter", `UsePreviousValue`). So a value that was removed from the settings file stays in force.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Final

from authorizer.auth_file import AuthFile
from authorizer.settings import DEFAULT_FILE
from keys.deployment.rules import FUNCTION_CODE
from keys.deployment.words import plural

PROVIDER: Final = ("JwtIssuer", "JwtAudience", "JwtJwksUrl")


def mistakes(parameters: Mapping[str, str], read: AuthFile) -> Iterator[str]:
    """What makes the next deployment fail, or the authorizer refuse to start, with these parameters: with remedies."""
    if read.providers and (kept := [name for name in PROVIDER if parameters.get(name)]):
        remedies = ", ".join(f'{name} = ""' for name in kept)
        yield (
            f"{', '.join(kept)} of the stack and {plural(len(read.providers), 'identity provider')} of the file: the "
            f"authorizer would not start. Write {remedies} into the settings file, because the SAM CLI keeps the "
            "previous value of a parameter that you omit"
        )
    if parameters.get("JwtProviders"):
        yield (
            "JwtProviders of the stack is no longer accepted: write its providers as [[provider]] into the file, and "
            'JwtProviders = "" into the settings file'
        )
    if parameters.get("AuthConfig") == "":
        yield (
            "AuthConfig of the stack is empty, which is no longer accepted: write the name of this file into the "
            f'settings file, such as AuthConfig = "{DEFAULT_FILE}"'
        )


def notes(parameters: Mapping[str, str], file: Path) -> Iterator[str]:
    """What an operator who checks this file should know."""
    named = parameters.get("AuthConfig")
    if named and (FUNCTION_CODE / named).resolve() != file.resolve():
        yield f"AuthConfig of the stack is {named}. Another value in the settings file is needed to deploy this file"
