"""Accuracy on audio whose tempo, beats and key are known."""
