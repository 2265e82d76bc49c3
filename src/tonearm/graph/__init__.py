"""How tracks, artists, albums, genres and keys are related, and what mixes well with what."""
