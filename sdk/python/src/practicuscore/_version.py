"""The package's version, which is the console's."""

__version__ = "0.1.0"
