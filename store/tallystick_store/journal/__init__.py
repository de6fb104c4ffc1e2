"""The journal: what was admitted, durable before it is answered, and on its way into the database."""
