"""What the API tells and takes, as types."""
