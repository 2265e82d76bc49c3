"""The live view of a run, fed by events: counts, what runs, throughput, and an ETA that learns."""
