"""Telephone numbers: read and written by the rules of a country, and hours in a time zone. Pure."""
