"""Finds the new, changed, moved and missing files of a folder. README.md describes the phases of a scan."""
