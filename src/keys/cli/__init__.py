"""The operators' command line: arguments in, text or JSON out, over `keys.life` and `keys.deployment`."""

import sys


def run() -> None:
    """Run the command `keys`. Ctrl-C during the imports, which take most of a second, ends it without a traceback."""
    try:
        from keys.cli.main import main
    except KeyboardInterrupt:
        sys.exit("Aborted!")
    main()
