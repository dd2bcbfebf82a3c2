"""Gives the notebook the token that the platform writes into a file while the container starts.

Jupyter reads this once it is loaded, so neither waits for the other. Without a token in time it makes up one of its own.
"""

import contextlib
import os
import time
from pathlib import Path

import jupyter_server

name = os.environ.get("PRT_NOTEBOOK_TOKEN_FILE")
deadline = time.monotonic() + 10
token = ""
while name and not token and time.monotonic() < deadline:
    with contextlib.suppress(OSError):
        token = Path(name).read_text().strip()
    if not token:
        time.sleep(0.01)
# An empty one would let everybody in.
if token:
    where = c.IdentityProvider if jupyter_server.version_info >= (2,) else c.ServerApp  # noqa: F821
    where.token = token
