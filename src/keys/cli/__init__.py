"""The operators' command line: arguments in, text or JSON out, over `keys.life` and `keys.deployment`."""
