"""Writes tracks into files that other programs read."""
