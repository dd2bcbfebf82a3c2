"""Gives the notebook the token that the platform writes into a file while the container starts.

Jupyter reads this once it is loaded, so neither waits for the other. Without a file in time it makes up a token of its own.
"""

import os
import time
from pathlib import Path

file = Path(os.environ.get("PRT_NOTEBOOK_TOKEN_FILE") or "/nowhere")
deadline = time.monotonic() + (10 if "PRT_NOTEBOOK_TOKEN_FILE" in os.environ else 0)
while not os.access(file, os.R_OK) and time.monotonic() < deadline:
    time.sleep(0.01)
if os.access(file, os.R_OK):
    c.IdentityProvider.token = file.read_text().strip()  # noqa: F821
