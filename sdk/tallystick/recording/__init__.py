"""From what a hook saw to a masked, numbered, sealed record in the spool."""
