"""Which events are sent to which webhook, when, and how often: engines without socket, clock or database."""
