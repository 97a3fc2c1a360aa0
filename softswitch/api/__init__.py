"""The API: REST, events and webhooks, in a process of its own that sends commands and reads views."""
