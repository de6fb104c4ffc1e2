"""What is kept, and what can be proven from it; the only package that talks to a database."""
