"""Reads a library for people and programs: tracks, jobs, runs, workers and its overall state, and their JSON."""
