"""Serve the guarded emulator. The emulator's own interpreter runs this program:

    python -I local/serve.py FILE_DESCRIPTOR PORT      (the access key is the variable AWS_ACCESS_KEY_ID)

It serves an inherited listening socket. It leads a process group, and ends it when its standard input ends. The process
that started it holds the other end of that pipe, so that nothing continues to run without it.
"""

import asyncio
import os
import signal
import sys
import threading
from pathlib import Path


def main() -> None:
    """Serve until the standard input ends."""
    # After the emulator's own packages, so that nothing of this checkout replaces one of them.
    sys.path.append(str(Path(__file__).resolve().parents[1]))
    from hypercorn.asyncio import serve
    from hypercorn.config import Config
    from ministack.app import app

    from local import gateway
    from local.guard import Guard

    threading.Thread(target=_end_with_input, daemon=True).start()
    gateway.install()
    descriptor, port = sys.argv[1:]
    config = Config()
    config.bind = [f"fd://{descriptor}"]
    config.keep_alive_timeout = 75
    asyncio.run(serve(Guard(app, os.environ["AWS_ACCESS_KEY_ID"], int(port)), config))


def _end_with_input() -> None:
    while os.read(sys.stdin.fileno(), 4096):  # `sys.stdin.read` would hold a lock that a normal exit needs
        pass
    os.killpg(os.getpid(), signal.SIGKILL)


if __name__ == "__main__":
    main()
