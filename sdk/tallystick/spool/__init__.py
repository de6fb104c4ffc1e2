"""The spool: what waits on this disk until a service has it. Files and bytes alone; nothing here knows a network."""
