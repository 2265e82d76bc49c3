"""Circuit breakers, retries with back-off, and supervised threads."""
