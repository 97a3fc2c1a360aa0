"""What flows need of the machine: somebody who speaks their texts, and the secrets of back-ends."""

from __future__ import annotations

from collections.abc import Iterator

from softswitch.check.finding import Finding, error, ok, warning
from softswitch.config import Centre, Node
from softswitch.config import Flow as Settings
from softswitch.ivr.flow import Flow, FlowError
from softswitch.net.guarded_http import Refused, secret
from softswitch.speech.engine import engine_of, no_engine


def check_flows(node: Node, centre: Centre) -> Iterator[Finding]:
    """An error where texts of flows cannot be spoken, or a secret of a back-end cannot be read."""
    yield from _speech(node, centre)
    for backend in centre.backends.values():
        for header, source in backend.secret_headers.items():
            about = f"back-end {backend.name}"
            try:
                secret(header, source)
                yield ok(about, f"the secret for {header} is there")
            except Refused as refused:
                mend = "write it there; for env: it must be in the environment of softswitch run"
                finding = warning if source.startswith("env:") else error
                yield finding(about, str(refused), mend)


def _speech(node: Node, centre: Centre) -> Iterator[Finding]:
    speaking = sorted(settings.name for settings in centre.flows.values() if _speaks(settings))
    engine, about = engine_of(node.speech), "text to speech"
    if engine is None:
        if speaking:
            names = ", ".join(speaking[:5])
            mend = "until then callers hear silence in place of the texts"
            yield error(about, f"flows {names} speak texts, but {no_engine(node.speech)}", mend)
        return
    languages = [language for language in ("en", "zh") if engine.voice(language)]
    yield ok(about, f"{engine.identity.partition(' ')[0]} speaks {', '.join(languages) or 'nothing'}")


def _speaks(settings: Settings) -> bool:
    try:
        flow = Flow.from_settings(settings)
    except FlowError:
        return False  # apply has told
    return any(each.kind == "text" for each in flow.references)
