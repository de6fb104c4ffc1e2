"""Signed, masked, offline-verifiable records of what AI agents did with their tools."""
