"""Simulated softphones on the product's own stack, and the demo that lets them fill a call centre."""
