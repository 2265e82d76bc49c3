"""The HTTP service: an API, events and pages over the views, and the actions that commands have."""
