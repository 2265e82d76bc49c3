"""The library: roots, files, audio, tags and results, and the database that stores them."""
