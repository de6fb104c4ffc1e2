"""OTLP over HTTP: bytes of a request to plain values, and the answers that OTLP asks for."""
