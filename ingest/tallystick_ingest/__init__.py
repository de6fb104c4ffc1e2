"""The service: it takes records and spans over OTLP, keeps them, and answers questions about them."""

from importlib.metadata import PackageNotFoundError, version

try:
    VERSION = version("tallystick")
except PackageNotFoundError:  # run from a source tree that was never installed
    VERSION = "0.0.0"
