"""Against a server whose address and key are in the environment: the five calls as they stand on the page, and what goes wrong."""

import http.server
import os
import threading
import unittest

import deltaflow
from deltaflow import Deltaflow


class Page(unittest.TestCase):
    def test_the_five_calls(self) -> None:
        client = Deltaflow(base_url=os.environ["DELTAFLOW_URL"], api_key=os.environ["DELTAFLOW_API_KEY"])

        # List all pipelines
        pipelines = client.pipelines.list()

        # Get a specific pipeline
        pipeline = client.pipelines.get("user-analytics")

        # Trigger a run
        run = client.pipelines.run("user-analytics", full_refresh=True)

        # Wait for completion
        result = run.wait(timeout=300)

        # Get run history
        runs = client.pipelines.runs("user-analytics", limit=10)

        self.assertIn("user-analytics", [one.name for one in pipelines])
        self.assertEqual((pipeline.version, pipeline.revision, pipeline.definition["name"]), ("1.0", 1, "user-analytics"))
        self.assertEqual((result.status, result.full_refresh, result.rows_loaded), ("success", True, 2))
        self.assertEqual(runs[0].id, run.id)
        self.assertEqual(result.logs()[-1].type, "pipeline.completed")
        self.assertIsNotNone(client.pipelines.get("user-analytics").last_run)

    def test_pages_definitions_and_all_else(self) -> None:
        client = Deltaflow.from_env()
        text = "name: NAME\nsources: [{type: csv, path: users.csv}]\ndestinations: [{type: ndjson, path: NAME.ndjson}]\n"
        for i in range(5):
            client.pipelines.create(text.replace("NAME", f"paged-{i}"))
        names = [one.name for one in client.pipelines.list(per_page=2)]
        self.assertEqual(names, [f"paged-{i}" for i in range(5)] + ["user-analytics"])
        self.assertEqual(len(client.pipelines.list(per_page=2)), 6)
        changed = client.pipelines.update("paged-0", {**client.pipelines.get("paged-0").definition, "version": "2"}, revision=1)
        self.assertEqual((changed.version, changed.revision), ("2", 2))
        self.assertEqual(client.pipelines.pause("paged-0").status, "paused")
        self.assertEqual(client.scheduler.update("paged-1", schedule="0 2 * * *").schedule, "0 2 * * *")
        tested = client.transforms.test("filter", [{"a": 1}, {"a": 2}], {"condition": "a > 1"})
        self.assertEqual(tested["output"], [{"a": 2}])
        self.assertEqual(client.connectors.test("csv", path="users.csv")["status"], "connected")
        for i in range(5):
            client.pipelines.delete(f"paged-{i}", force=True)
        self.assertEqual([one.name for one in client.pipelines.list()], ["user-analytics"])

    def test_errors(self) -> None:
        client = Deltaflow.from_env()
        with self.assertRaises(deltaflow.PipelineNotFoundError) as missing:
            client.pipelines.get("none/../x")
        self.assertTrue(missing.exception.request_id.startswith("req_"))
        with self.assertRaises(deltaflow.RunNotFoundError):
            client.pipelines.get_run("user-analytics", "run_none")
        with self.assertRaises(deltaflow.ValidationError) as wrong:
            client.pipelines.create({"name": "Wrong Name"})
        self.assertIn("sources", [issue["path"] for issue in wrong.exception.issues])
        with self.assertRaises(deltaflow.ConflictError):
            client.pipelines.create(client.pipelines.get("user-analytics").definition)
        with self.assertRaises(deltaflow.AuthenticationError):
            Deltaflow(base_url=os.environ["DELTAFLOW_URL"], api_key="df_key_wrong").pipelines.list()
        with self.assertRaises(deltaflow.DeltaflowError):
            Deltaflow(base_url="etl.example.com")


class Unruly(unittest.TestCase):
    """A server that fails before it answers."""

    def serve(self, *answers: int) -> "tuple[str, list]":
        seen: list = []

        class Handler(http.server.BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                status = answers[min(len(seen), len(answers) - 1)]
                seen.append(dict(self.headers))
                if status == 0:
                    self.close_connection = True
                    return
                body = b'{"data": [], "meta": {"total": 0, "page": 1, "per_page": 20}}' if status == 200 else b"<html>"
                self.send_response(status)
                self.send_header("Content-Length", str(len(body)))
                self.send_header("Retry-After", "0")
                self.end_headers()
                self.wfile.write(body)

            def do_POST(self) -> None:
                self.rfile.read(int(self.headers["Content-Length"]))
                self.do_GET()

            def log_message(self, *_: object) -> None:
                pass

        server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        threading.Thread(target=server.serve_forever, daemon=True).start()
        self.addCleanup(server.server_close)
        self.addCleanup(server.shutdown)
        return f"http://127.0.0.1:{server.server_address[1]}", seen

    def test_is_asked_again_where_that_is_safe(self) -> None:
        for bad in (0, 500, 503, 429):
            url, seen = self.serve(bad, bad, 200)
            self.assertEqual(list(Deltaflow(base_url=url, retry_delay=0.001).pipelines.list()), [])
            self.assertEqual(len(seen), 3)

    def test_is_not_asked_again_where_it_is_not(self) -> None:
        url, seen = self.serve(500)
        with self.assertRaises(deltaflow.DeltaflowError):
            Deltaflow(base_url=url, retry_delay=0.001).pipelines.create({"name": "a"})
        self.assertEqual(len(seen), 1)

    def test_a_run_has_one_key_in_all_tries(self) -> None:
        url, seen = self.serve(503)
        with self.assertRaises(deltaflow.DeltaflowError):
            Deltaflow(base_url=url, retry_delay=0.001).pipelines.run("a")
        self.assertEqual((len(seen), len({one["Idempotency-Key"] for one in seen})), (4, 1))

    def test_a_limit_says_how_long_to_wait(self) -> None:
        url, _ = self.serve(429)
        with self.assertRaises(deltaflow.RateLimitError):
            Deltaflow(base_url=url, max_retries=0).pipelines.list()


if __name__ == "__main__":
    unittest.main()
