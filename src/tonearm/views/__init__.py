"""What people and programs read of a library: tracks, jobs, runs, workers and its state as a whole, and their JSON."""
