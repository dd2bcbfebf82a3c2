"""A local folder on its way into a worker's build folder: what of it is sent (``dockerignore``, ``scan``) and how (``tar``)."""
