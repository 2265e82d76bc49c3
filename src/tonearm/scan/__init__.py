"""Finds the new, changed, moved and missing files of a folder. README.md in this folder describes the phases."""
