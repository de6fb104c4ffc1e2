"""Who may do what: API keys, the one-time admin link, and the gate in front of every address."""
