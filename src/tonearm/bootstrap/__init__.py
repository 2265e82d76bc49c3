"""Puts the parts together: one module for each entry point, and ``servers``, which alone names the adapters.

library: an opened library, for commands that look at it or change its jobs.
analyze, worker: what takes jobs.
graph: questions about how tracks and artists are related.
probes: how each server answers now.
consistency: whether the settings agree with each other.
maintenance: migrating and moving a library.

An import inside a function keeps a driver, or the worker, out of commands that don't need it.
"""
