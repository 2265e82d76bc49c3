"""Worker processes: files go in one by one, results come out; whatever a file does, only its own attempt is lost."""
