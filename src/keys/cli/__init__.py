"""The operators' command line: arguments in, text or JSON out, over the other packages."""

import sys


def run() -> None:
    """Run the command `keys`. Ctrl-C during the imports, which take most of a second, ends it without a traceback."""
    try:
        from keys.cli.main import main
    except KeyboardInterrupt:
        sys.exit("Aborted!")
    main()
