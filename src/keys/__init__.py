"""Keys and their operators, in three rooms with imports one way: `cli` -> `deployment` -> `life` -> `authorizer`."""
