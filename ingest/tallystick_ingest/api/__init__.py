"""The query API under /api/v1, the administrator's page, and the two addresses that need no key."""
