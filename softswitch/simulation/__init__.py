"""Days of a call centre on a simulated clock, with the engine that decides in the live switch."""
