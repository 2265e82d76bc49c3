"""A walk through the pages in a real browser, over a real analysis with real faults."""
