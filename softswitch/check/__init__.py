"""softswitch check: what would keep a switch from working, found before its callers find it."""
