"""How right the answers are, on audio whose tempo, beats and key are known."""
