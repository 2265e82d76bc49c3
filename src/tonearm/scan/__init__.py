"""Walks the folders and tells new files from changed, moved, missing and unchanged ones."""
