"""The routes of the Sparsity tab. A `_route` parses and answers; what it answers is computed elsewhere."""

from __future__ import annotations

import gzip
import json
import zlib
from collections.abc import Callable, Iterable, Mapping
from importlib import resources
from typing import Any

from tensorboard import context as tb_context
from tensorboard import plugin_util
from tensorboard.backend import http_util
from tensorboard.plugins import base_plugin
from werkzeug import wrappers
from werkzeug.exceptions import ClientDisconnected, RequestEntityTooLarge

from tb_sparsity.events.names import MANIFEST_PLUGIN, REPORTS
from tb_sparsity.events.reader import list_runs, read_series, share_axes
from tb_sparsity.events.reports import read_report

DEFAULT_POINTS = 1_000
MAX_POINTS = 10_000
MAX_SERIES = 2_000
_MAX_BODY = 32 * 2**20
_READING = ("GET", "HEAD")

_CONTENT_TYPES = {".js": "text/javascript", ".css": "text/css", ".txt": "text/plain", ".svg": "image/svg+xml"}


class SparsityPlugin(base_plugin.TBPlugin):
    """Serves the tab's page, `index` (the runs), `series` (their curves) and `report` (what was said of a run)."""

    plugin_name = MANIFEST_PLUGIN

    def __init__(self, context: base_plugin.TBContext):
        self._provider = context.data_provider

    def get_plugin_apps(self) -> dict[str, Any]:
        """The routes. Files of the page are listed one by one, so that no path is ever looked up."""
        return {
            "/index": self._index_route,
            "/series": self._series_route,
            "/report": self._report_route,
            **_static_routes(),
        }

    def is_active(self) -> bool:
        """Active also where no manifest is, only scalars: logs of tfmot's callback."""
        return bool(list_runs(self._provider, tb_context.RequestContext(), ""))

    def frontend_metadata(self) -> base_plugin.FrontendMetadata:
        """The page runs in an iframe that loads this module."""
        return base_plugin.FrontendMetadata(es_module_path="/static/index.js", tab_name="Sparsity")

    @wrappers.Request.application
    def _index_route(self, request: wrappers.Request) -> wrappers.Response:
        if request.method not in _READING:
            return _wrong_method(request, "GET")
        runs = list_runs(self._provider, *_context(request))
        return _respond(request, {"runs": [vars(run) for run in runs]})

    @wrappers.Request.application
    def _series_route(self, request: wrappers.Request) -> wrappers.Response:
        if request.method != "POST":
            return _wrong_method(request, "POST")
        try:
            wanted, points = parse_series_request(_body(request))
        except ValueError as error:
            return _respond(request, {"error": str(error)}, 400)
        series = read_series(self._provider, *_context(request), wanted, points)
        return _respond(request, share_axes(series))

    @wrappers.Request.application
    def _report_route(self, request: wrappers.Request) -> wrappers.Response:
        if request.method not in _READING:
            return _wrong_method(request, "GET")
        run, kind = request.args.get("run"), request.args.get("kind")
        if not run or kind not in REPORTS:
            return _respond(request, {"error": f'Ask for "run" and "kind", one of {", ".join(REPORTS)}.'}, 400)
        report = read_report(self._provider, *_context(request), run, kind)
        if report is None:
            return _respond(request, {"error": f"This run has no report of the kind {kind}."}, 404)
        return _respond(request, report)


def parse_series_request(body: bytes) -> tuple[list[tuple[str, str]], int]:
    """Reads the body of a `series` request.

    Args:
        body: JSON `{"series": [{"run": str, "tag": str}, …], "points": int}`; `points` may be missing.

    Returns:
        `(run, tag)` pairs, and the most points a series may have.

    Raises:
        ValueError: If the body is anything else.
    """
    try:
        request = json.loads(body)
    except (ValueError, RecursionError):
        raise ValueError("The request must be JSON in UTF-8, not too deeply nested.") from None
    if not isinstance(request, dict) or not isinstance(request.get("series"), list):
        raise ValueError('The request must be {"series": [{"run": …, "tag": …}, …], "points": …}.')
    points = request.get("points", DEFAULT_POINTS)
    if type(points) is not int or not 1 <= points <= MAX_POINTS:
        raise ValueError(f'"points" must be a whole number from 1 to {MAX_POINTS:,}.')
    if len(request["series"]) > MAX_SERIES:
        raise ValueError(f"At most {MAX_SERIES:,} series a request. Received: {len(request['series']):,}.")
    wanted = []
    for entry in request["series"]:
        if not isinstance(entry, dict) or not all(isinstance(entry.get(key), str) for key in ("run", "tag")):
            raise ValueError('Each of "series" must be {"run": "…", "tag": "…"}.')
        wanted.append((entry["run"], entry["tag"]))
    return wanted, points


def _body(request: wrappers.Request) -> bytes:
    request.max_content_length = _MAX_BODY  # of a body in chunks, no more than that is read
    try:
        return request.get_data()
    except RequestEntityTooLarge:
        raise ValueError(f"The request is larger than {_MAX_BODY // 2**20} MB.") from None
    except ClientDisconnected:
        raise ValueError("The request ended before its body was complete.") from None


def _context(request: wrappers.Request) -> tuple[Any, str]:
    return plugin_util.context(request.environ), plugin_util.experiment_id(request.environ)


def _respond(
    request: wrappers.Request, content: Mapping[str, Any], code: int = 200, headers: Iterable[tuple[str, str]] = ()
) -> wrappers.Response:
    # As text: given a dict, TensorBoard would walk through every number of it.
    text = json.dumps(content, separators=(",", ":"), allow_nan=False).encode()
    # Repeats of three or four digits are chance: filtered, they are left to the code of the digits.
    packer = zlib.compressobj(4, wbits=16 + zlib.MAX_WBITS, strategy=zlib.Z_FILTERED)
    packed = packer.compress(text) + packer.flush()
    more = {"content_encoding": "gzip", "headers": list(headers)}  # unpacked again for who doesn't take it
    return http_util.Respond(request, packed, "application/json", code=code, **more)


def _wrong_method(request: wrappers.Request, allowed: str) -> wrappers.Response:
    error = f"This route takes {allowed} only. Received: {request.method}"
    return _respond(request, {"error": error}, 405, [("Allow", allowed)])


def _static_routes() -> dict[str, Any]:
    folder = resources.files("tb_sparsity.plugin") / "static"
    return {f"/static/{file.name}": _static_app(file) for file in folder.iterdir() if file.is_file()}


def _static_app(file: Any) -> Callable[..., Any]:
    content_type = next((t for end, t in _CONTENT_TYPES.items() if file.name.endswith(end)), "application/octet-stream")

    @wrappers.Request.application
    def serve(request: wrappers.Request) -> wrappers.Response:
        if request.method not in _READING:
            return _wrong_method(request, "GET")
        packed = gzip.compress(file.read_bytes(), mtime=0)
        return http_util.Respond(request, packed, content_type, content_encoding="gzip")

    return serve
