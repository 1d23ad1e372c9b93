"""A deployed authorizer: the connection to it, its settings, its access rules, API templates and health checks."""
