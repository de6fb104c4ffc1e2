"""What whoever runs the service sees of it: whether it takes work, and its metrics."""
