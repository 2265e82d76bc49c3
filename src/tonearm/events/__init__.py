"""Facts that the program announces, and the bus that delivers them to subscribers."""
