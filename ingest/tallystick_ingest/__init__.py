"""The service: takes records over OTLP, admits them, answers queries and exports evidence."""
