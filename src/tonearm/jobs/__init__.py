"""Jobs: what is to be analysed, in which order, by whom, how often, and how it ended."""
