"""Jobs: which files are to be analysed, in which order, by which worker, and how each attempt ended."""
