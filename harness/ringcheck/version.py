"""The one place that holds the version of ringcheck."""

__version__ = "0.1.0"
