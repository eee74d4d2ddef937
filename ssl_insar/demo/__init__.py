"""The whole flow in one call: from a folder of interferograms to a report."""

from ssl_insar.demo.flow import run_demo

__all__ = ["run_demo"]
