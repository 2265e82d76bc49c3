"""Measures how this machine analyses this music, and derives settings from that."""
