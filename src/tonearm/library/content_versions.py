"""The versions of what is told of a file besides the results of analysers. Apart, as most commands need only these."""

IDENTITY_VERSION = 3
"""Increased by every change that gives the same file another hash; all files are then identified and measured again."""

TAGS_VERSION = 3
"""Increased by every change that reads other tags from the same file; the tags of all files are then read again."""
