"""Questions in SQL: read-only, over views of what a caller may read, in a process of their own."""
