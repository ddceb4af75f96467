"""The version of the distribution, in the one place that is read by packaging, daemon and client."""

__version__ = "0.1.0"
