"""Audits an archive: copies, bad tiles, shared acquisitions, labels, leaks of a split; and cleans it."""

from ssl_insar.audit.run import Audit, audit, write

__all__ = ["Audit", "audit", "write"]
