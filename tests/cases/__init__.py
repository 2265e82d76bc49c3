"""Files as people have them: strange, old, hurt and mended ones, and what is right for each."""
