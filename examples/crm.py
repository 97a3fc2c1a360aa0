"""A customer database for tests: answers look-ups of flows and screen pops, and serves the screen-pop page.

    python examples/crm.py --port 8090

centre.yaml:

    backends:
      crm: {urls: ["http://127.0.0.1:8090"], inner_hosts: [127.0.0.1], health_path: /health, cache_s: 60}
    queues:
      sales:
        lookup: {backend: crm, path: /customers, query: {number: "{caller}"}, into: {customer: id}}

softswitch.yaml, so that the page may listen to the API:

    api: {origins: ["http://127.0.0.1:8090"]}
"""

from __future__ import annotations

import argparse
from pathlib import Path

from aiohttp import web

CUSTOMERS = {
    "+493012345678": {"id": "4711", "name": "Ann Bell", "tier": "gold"},
    "+493087654321": {"id": "4712", "name": "Bo Chen", "tier": "silver"},
}
PAGE = Path(__file__).with_name("screen_pop.html")


async def health(_: web.Request) -> web.Response:
    return web.json_response({"status": "ok"})


async def customers(request: web.Request) -> web.Response:
    """Whoever has this number; 404 for somebody new."""
    found = CUSTOMERS.get(request.query.get("number", ""))
    return web.json_response(found) if found else web.json_response({}, status=404)


async def page(_: web.Request) -> web.FileResponse:
    return web.FileResponse(PAGE)


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--host", default="127.0.0.1")
    parser.add_argument("--port", type=int, default=8090)
    options = parser.parse_args()
    app = web.Application()
    app.add_routes([web.get("/", page), web.get("/health", health), web.get("/customers", customers)])
    web.run_app(app, host=options.host, port=options.port, print=None)


if __name__ == "__main__":
    main()
