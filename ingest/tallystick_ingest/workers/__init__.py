"""Processes beside the service: what takes Python long, and needs nothing of the store, is made there."""
