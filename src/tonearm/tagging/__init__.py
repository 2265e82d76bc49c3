"""Writes results and corrected texts into the tags of files; every other byte of them stays."""
