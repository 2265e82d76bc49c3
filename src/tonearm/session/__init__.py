"""One call of ``analyze``: scans folders and analyses their files at the same time, to the summary."""
