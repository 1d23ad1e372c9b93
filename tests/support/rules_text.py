"""Access rules from the text of a file."""

from authorizer import auth_file
from authorizer.access import AccessRules


def rules_of(text: str) -> AccessRules:
    """:raises SettingsError: see `auth_file.parse`."""
    rules = auth_file.parse(text).rules
    assert rules is not None
    return rules
