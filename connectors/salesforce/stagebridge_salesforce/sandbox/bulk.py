"""Bulk API 2.0 ingest: jobs with their states, streamed CSV, results in another order than they came."""

from __future__ import annotations

import csv
import io
from dataclasses import dataclass, field
from typing import Any

from stagebridge.sandbox import Answer, Call
from stagebridge_salesforce.sandbox.store import stamp
from stagebridge_salesforce.sandbox.writes import RowError, Several, Writes

LARGEST = 100 * 1024 * 1024


@dataclass(slots=True)
class Job:
    id: str
    object: str
    operation: str
    external: str | None
    line_ending: str
    created: str
    state: str = "Open"
    text: str = ""
    done: list[dict[str, str]] = field(default_factory=list)
    failed: list[dict[str, str]] = field(default_factory=list)
    columns: list[str] = field(default_factory=list)


class Bulk:
    def __init__(self, writer: Writes) -> None:
        self.writer = writer
        self.jobs: dict[str, Job] = {}

    def handle(self, call: Call, version: str, rest: list[str]) -> Answer:
        if not rest and call.method == "POST":
            data = call.json()
            id_ = self.writer.store.new_id("Task").replace("00T", "750", 1)
            job = Job(
                id_,
                data["object"],
                data["operation"],
                data.get("externalIdFieldName"),
                data.get("lineEnding", "LF"),
                stamp(self.writer.now),
            )
            self.jobs[id_] = job
            return Answer(200, self._info(job, version))
        job_or_none = self.jobs.get(rest[0]) if rest else None
        if job_or_none is None:
            return RowError("NOT_FOUND", "The requested resource does not exist").rest(404)
        job = job_or_none
        match (call.method, rest[1:]):
            case ("PUT", ["batches"]):
                if len(call.body) > LARGEST:
                    return RowError("EXCEEDED_MAX_SIZE", "more than 100 MB").rest(413)
                job.text = call.body.decode("utf-8")
                return Answer(201)
            case ("PATCH", []):
                job.state = str(call.json()["state"])
                return Answer(200, self._info(job, version))
            case ("GET", []):
                self._advance(call, job)
                return Answer(200, self._info(job, version, final=True))
            case ("GET", ["successfulResults"]):
                return self._csv(job, ["sf__Id", "sf__Created"], job.done)
            case ("GET", ["failedResults"]):
                return self._csv(job, ["sf__Id", "sf__Error"], job.failed)
            case ("GET", ["unprocessedrecords"]):
                return self._csv(job, [], [])
        return RowError("METHOD_NOT_ALLOWED", "method not allowed").rest(405)

    def _advance(self, call: Call, job: Job) -> None:
        """One state per look."""
        if job.state == "UploadComplete":
            job.state = "InProgress"
        elif job.state == "InProgress":
            self._run(call, job)
            job.state = "JobComplete"

    def _run(self, call: Call, job: Job) -> None:
        reader = csv.DictReader(io.StringIO(job.text, newline=""))
        job.columns = list(reader.fieldnames or [])
        for line in reader:
            values: dict[str, Any] = {}
            for name, text in line.items():
                if text == "#N/A":
                    values[name] = None
                elif text:
                    kind = (self.writer.store.fields[job.object].get(name) or {}).get("type")
                    values[name] = text == "true" if kind == "boolean" else text
            try:
                row, created = self._write(call, job, values)
                job.done.append({"sf__Id": row, "sf__Created": str(created).lower(), **line})
            except RowError as error:
                job.failed.append(
                    {"sf__Id": "", "sf__Error": f"{error.code}:{error.message}:{','.join(error.fields)} --", **line}
                )
            except Several:
                job.failed.append({"sf__Id": "", "sf__Error": "DUPLICATE_EXTERNAL_ID:several records match:--", **line})
        self.writer.kit.random.shuffle(job.done)

    def _write(self, call: Call, job: Job, values: dict[str, Any]) -> tuple[str, bool]:
        if job.operation == "upsert" and job.external:
            key = str(values.pop(job.external))
            row, created = self.writer.upsert(call, job.object, job.external, key, values, only_update=False)
            return row.values["Id"], created
        if job.operation == "update":
            found = self.writer.store.get(job.object, str(values.pop("Id", "")))
            if found is None:
                raise RowError("NOT_FOUND", "The requested resource does not exist", ["Id"])
            return self.writer.write(call, job.object, values, found).values["Id"], False
        return self.writer.write(call, job.object, values, None).values["Id"], True

    def _info(self, job: Job, version: str, *, final: bool = False) -> dict[str, Any]:
        out: dict[str, Any] = {
            "id": job.id, "operation": job.operation, "object": job.object, "createdById": "005ak000000000AAAA",
            "createdDate": job.created, "systemModstamp": job.created, "state": job.state, "concurrencyMode": "Parallel",
            "contentType": "CSV", "apiVersion": float(version), "lineEnding": job.line_ending, "columnDelimiter": "COMMA",
        }  # fmt: skip
        if job.external:
            out["externalIdFieldName"] = job.external
        if not final:
            out["contentUrl"] = f"services/data/v{version}/jobs/ingest/{job.id}/batches"
            return out
        return out | {
            "jobType": "V2Ingest", "numberRecordsProcessed": len(job.done) + len(job.failed),
            "numberRecordsFailed": len(job.failed), "retries": 0, "totalProcessingTime": 100,
            "apiActiveProcessingTime": 90, "apexProcessingTime": 0,
        }  # fmt: skip

    @staticmethod
    def _csv(job: Job, first: list[str], rows: list[dict[str, str]]) -> Answer:
        out = io.StringIO(newline="")
        writer = csv.DictWriter(out, [*first, *job.columns], lineterminator="\n", extrasaction="ignore")
        writer.writeheader()
        writer.writerows(rows)
        return Answer(200, out.getvalue().encode(), {"Content-Type": "text/csv"})
