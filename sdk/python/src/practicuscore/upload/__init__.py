"""A local folder on its way to a worker.

What of it is sent (``dockerignore``, ``scan``), what its contents are (``hashes``), and how they go there (``context``, ``tar``).
"""
