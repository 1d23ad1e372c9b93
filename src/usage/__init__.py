"""The function of stacks/usage: it counts the lines of access logs in a table."""
