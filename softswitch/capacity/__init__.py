"""What a machine needs for a call centre, from measured costs."""
