"""Tonearm reads a whole music collection and shows how it is doing."""

__version__ = "0.1.0"
