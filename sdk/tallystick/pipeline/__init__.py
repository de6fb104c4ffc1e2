"""For programs with an OpenTelemetry pipeline of their own: spans masked, and spans read as records."""
