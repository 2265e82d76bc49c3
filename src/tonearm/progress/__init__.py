"""The live view of a run, updated by events: counts, running files, throughput, and the remaining time."""
