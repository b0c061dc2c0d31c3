"""An S3-compatible store on loopback: path-style PUT, GET and multipart uploads, in memory."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from xml.sax.saxutils import escape

from aiohttp import web
from aiohttp.test_utils import TestServer


class S3:
    """What the store holds, and how it behaves."""

    def __init__(self, key_id: str) -> None:
        self._key_id = key_id
        self.objects: dict[str, bytes] = {}
        self._parts: dict[str, dict[int, bytes]] = {}
        self.down = 0
        """So many of the next requests fail."""
        self.url = ""

    def application(self) -> web.Application:
        application = web.Application(client_max_size=64 * 2**20)
        application.router.add_route("*", "/{path:.*}", self._handle)
        return application

    async def _handle(self, request: web.Request) -> web.Response:
        path, query, body = request.match_info["path"], request.query, await request.read()
        signed = f"AWS4-HMAC-SHA256 Credential={self._key_id}/"
        if not request.headers.get("Authorization", "").startswith(signed):
            return web.Response(status=403)
        if self.down:
            self.down -= 1
            return web.Response(status=400, text="<Error><Code>Broken</Code></Error>")
        match request.method:
            case "POST" if "uploads" in query:
                upload = f"u{len(self._parts)}"
                self._parts[upload] = {}
                return _xml(
                    "<InitiateMultipartUploadResult>"
                    f"<UploadId>{upload}</UploadId></InitiateMultipartUploadResult>"
                )
            case "PUT" if "uploadId" in query:
                self._parts[query["uploadId"]][int(query["partNumber"])] = body
            case "POST":
                parts = self._parts.pop(query["uploadId"])
                self.objects[path] = b"".join(parts[number] for number in sorted(parts))
                return _xml(
                    "<CompleteMultipartUploadResult>"
                    f"<Key>{escape(path)}</Key><ETag>e</ETag></CompleteMultipartUploadResult>"
                )
            case "PUT":
                self.objects[path] = body
            case "GET" | "HEAD" if path not in self.objects:
                return web.Response(status=404)
            case "GET" | "HEAD":
                return _object(self.objects[path], request.http_range)
        return web.Response(headers={"ETag": '"e"'})


def _object(content: bytes, wanted: slice) -> web.Response:
    headers = {"ETag": '"e"', "Last-Modified": "Sun, 22 Nov 2026 10:00:00 GMT"}
    if wanted.start is None:
        return web.Response(body=content, headers=headers)
    begin, end, _ = wanted.indices(len(content))
    headers["Content-Range"] = f"bytes {begin}-{end - 1}/{len(content)}"
    return web.Response(status=206, body=content[begin:end], headers=headers)


def _xml(text: str) -> web.Response:
    return web.Response(text=text, content_type="application/xml")


@asynccontextmanager
async def s3(key_id: str) -> AsyncIterator[S3]:
    store = S3(key_id)
    async with TestServer(store.application()) as server:
        store.url = str(server.make_url("")).rstrip("/")
        yield store
