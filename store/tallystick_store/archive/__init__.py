"""The archive: every group that was admitted, for good, with each erasable value under the key of its subject."""
