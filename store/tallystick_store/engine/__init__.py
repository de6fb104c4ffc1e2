"""Where the tables live: one module per database, all with the same few operations."""
