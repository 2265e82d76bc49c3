"""One call over some folders: the scan and the analysis of what it finds, side by side, to the summary."""
