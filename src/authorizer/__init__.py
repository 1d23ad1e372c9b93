"""The authorizer function: event, bearer token, authenticators, identity, access rules, policy."""

VERSION = "0.2.0"
"""This project's version, after semver.org. The package's metadata, the log of a start and `keys` have it from here."""
