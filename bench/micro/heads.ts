/** Sample heads for the micro benchmarks: what a load generator, a browser and an OpenStack client send and get. */
import { latin1 } from "../../src/lib/bytes.ts";

export const limits = { headBytesMax: 32_768, fieldsMax: 100, targetBytesMax: 8192 };

export const requests = {
  "load generator": latin1("GET / HTTP/1.1\r\nHost: 127.0.0.1:8080\r\n\r\n"),
  "openstack client": latin1(
    [
      "GET /v3/projects?name=demo HTTP/1.1",
      "Host: keystone.example.org:5000",
      "User-Agent: openstacksdk/0.101.0 keystoneauth1/5.0.0 python-requests/2.28.1 CPython/3.11.2",
      "Accept-Encoding: gzip, deflate",
      "Accept: application/json",
      "Connection: keep-alive",
      "X-Auth-Token: gAAAAABkY0000000000000000000000000000000000000000000000000000000000000000000000000000000000000000",
      "",
      "",
    ].join("\r\n"),
  ),
  browser: latin1(
    [
      "GET /assets/app.js?v=123456 HTTP/1.1",
      "Host: www.example.org",
      "Connection: keep-alive",
      "Pragma: no-cache",
      "Cache-Control: no-cache",
      "User-Agent: Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/140.0.0.0 Safari/537.36",
      "Accept: */*",
      "Sec-Fetch-Site: same-origin",
      "Sec-Fetch-Mode: no-cors",
      "Sec-Fetch-Dest: script",
      "Referer: https://www.example.org/",
      "Accept-Encoding: gzip, deflate, br, zstd",
      "Accept-Language: en-GB,en;q=0.9,de;q=0.8",
      "Cookie: session=0123456789abcdef0123456789abcdef; theme=dark; consent=1",
      "",
      "",
    ].join("\r\n"),
  ),
};

export const response = latin1(
  [
    "HTTP/1.1 200 OK",
    "Server: nginx/1.22.1",
    "Date: Mon, 23 Nov 2026 06:00:00 GMT",
    "Content-Type: application/json",
    "Content-Length: 125",
    "Connection: keep-alive",
    "",
    "",
  ].join("\r\n"),
);
