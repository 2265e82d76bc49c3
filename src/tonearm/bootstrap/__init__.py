"""Composes the program: one module for each entry point. Only ``servers`` imports the adapters of servers.

library: an opened library, for commands that read it or change its jobs.
analyze, worker: the processes that take jobs.
graph: queries on how tracks and artists are related.
probes: whether each server answers.
consistency: whether the settings agree with each other.
maintenance: migrating and moving a library.

Imports inside functions keep drivers and the worker out of commands that don't need them.
"""
