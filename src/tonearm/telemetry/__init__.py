"""Log lines, metrics, traces, health and profiles: subscribers of the event bus, and what serves them over HTTP."""
