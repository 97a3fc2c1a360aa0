"""What the API process asks about webhooks."""

from __future__ import annotations

from typing import Any

from softswitch.call.commands.group import Arguments, Command, CommandGroup


class WebhookCommands(CommandGroup):
    """All webhooks with their secrets: who signs needs them. The control socket is its owner's alone."""

    def commands(self) -> dict[str, Command]:
        return {"api.webhooks": self._webhooks}

    def _webhooks(self, args: Arguments, now: float, out: list[Any]) -> list[dict[str, Any]]:
        webhooks = self._exchange.directory.centre.webhooks
        return [webhooks[name].model_dump(mode="json") for name in sorted(webhooks)]
