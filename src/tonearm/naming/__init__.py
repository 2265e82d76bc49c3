"""Names of files: templates, plans of renames that are simulated before, and their journalled execution."""
