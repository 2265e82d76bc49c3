"""Examines an installation: what it consists of, what is wrong with it, and what to do about that."""
