"""The commands: one file a noun, no logic of the switch."""
