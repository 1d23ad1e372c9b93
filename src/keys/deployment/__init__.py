"""A deployed authorizer: how to reach it, its settings, templates and rules, and whether it can do its work."""
