"""The tags of a file: a reader for each form of tag, and the choice of the fields from what they find."""

from tonearm.analysis.tags.read import SECONDS, read_tags

__all__ = ["SECONDS", "read_tags"]
