"""Text to speech: engines behind one interface, a cache of what they said, and what runs them."""
