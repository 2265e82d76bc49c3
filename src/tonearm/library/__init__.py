"""What is known: roots, files, audio, tags and results, and where they are kept."""
