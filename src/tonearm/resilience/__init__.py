"""Keeps an unavailable service from delaying what does not need it: circuit breakers, and one loop that backs off."""
