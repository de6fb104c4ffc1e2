"""Spans of our own calls, and the names that OpenTelemetry and others give to the spans of tools."""
