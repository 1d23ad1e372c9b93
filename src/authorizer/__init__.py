"""The authorizer function: event, bearer token, authenticators, identity, access rules, policy."""

VERSION = "0.3.0"
"""The project's version (semver.org). The package metadata, the start line in the log and `keys` read it from here."""
