"""API keys and the `keys` command. Imports go one way: `cli` -> `deployment` -> `life` -> `authorizer`."""
