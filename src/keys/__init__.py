"""API keys and the `keys` command.

Imports go one way: `cli` -> `transfer`, `leak`, `deployment` -> `core` -> `authorizer`.
"""
