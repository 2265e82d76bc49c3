"""Takes jobs, has sandboxed child processes analyse their files, and stores the results."""
