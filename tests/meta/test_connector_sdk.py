"""Beside Meta's own SDK: the same hashes where it follows Meta's rules, handed-over API objects, and nothing global."""

from __future__ import annotations

import importlib.util
from collections.abc import Iterator
from typing import Any

import pytest
from facebook_business.adobjects.serverside.event_request import EventRequest
from facebook_business.api import FacebookAdsApi
from facebook_business.session import FacebookSession

from distributions import ROOT
from meta_kit import DATASET, connection, drafted, event
from meta_sdk import sdk
from stagebridge.clock import ElasticClock
from stagebridge.connector import Done
from stagebridge.event import ConversionEvent
from stagebridge.sandbox import Sandbox
from stagebridge_meta import Meta
from stagebridge_meta.sending import BATCH


@pytest.fixture
def box() -> Iterator[Sandbox]:
    with Sandbox("meta", clock=ElasticClock()) as made:
        yield made


@pytest.fixture(scope="module")
def benchmark() -> Any:
    spec = importlib.util.spec_from_file_location("events_benchmark", ROOT / "benchmarks" / "events.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_the_figures_are_of_two_bodies_that_say_the_same_of_everybody(benchmark: Any) -> None:
    rows = benchmark.purchases(60)
    with benchmark.connected() as meta:
        ours = benchmark.of_raw(meta, rows)
        assert ours == benchmark.of_events(meta, [ConversionEvent.model_validate(row) for row in rows])
    assert benchmark.differing(ours, benchmark.by_sdk(rows)) == {}
    assert benchmark.EVENTS == BATCH


def test_one_person_is_one_person_by_the_sdk_and_by_us(benchmark: Any, box: Sandbox) -> None:
    [row] = benchmark.purchases(1)
    row["at"] = box.kit.now()
    with connection(box.url, box.kit.clock) as meta, sdk(box):
        made = benchmark.sdk_event(row)
        EventRequest(pixel_id=DATASET, events=[made]).execute()
        [draft] = drafted(meta, ConversionEvent.model_validate({**row, "id": "ours"}))
        assert meta.send([draft]) == [Done("ours")]
    theirs, ours = (e["event"]["user_data"] for e in box.state()["datasets"][DATASET]["counted"])
    assert ours == theirs
    assert len(ours) == 10


def test_an_api_object_is_used_as_it_is_and_its_token_is_asked_for_at_every_call(box: Sandbox) -> None:
    box.seed({"datasets": [{"id": DATASET, "name": "Shop"}], "tokens": {"EAAnew": {"assets": [DATASET]}}})
    session = FacebookSession(app_secret="sandbox-secret", access_token="EAAold", timeout=5)
    session.GRAPH = box.url
    api = FacebookAdsApi(session, api_version="v25.0")
    with Meta.from_api(api, dataset=DATASET, clock=box.kit.clock) as meta, connection() as other:
        assert other.mapping is not None
        meta.use(other.mapping)
        assert meta.settings.api_version == "v25.0"
        session.access_token = "EAAnew"
        session.requests.params.update(access_token="EAAnew", appsecret_proof=session._gen_appsecret_proof())
        assert meta.send(drafted(meta, event(at=box.kit.now()))) == [Done("e-1")]
        assert meta.check().account == f"Shop ({DATASET})"
    assert api.get_num_requests_succeeded() == 1
    session.requests.close()


def test_two_connections_share_no_token_and_nothing_of_the_process_is_changed(box: Sandbox) -> None:
    box.seed({"datasets": [{"id": "1", "name": "One"}, {"id": "2", "name": "Two"}]})
    box.seed({"tokens": {"EAA1": {"assets": ["1"]}, "EAA2": {"assets": ["2"]}}})
    graph = FacebookSession.GRAPH
    with connection(box.url, dataset="1", token="EAA1") as one, connection(box.url, dataset="2", token="EAA2") as two:
        assert [m.check().account for m in (one, two, one)] == ["One (1)", "Two (2)", "One (1)"]
    assert FacebookAdsApi.get_default_api() is None
    assert graph == FacebookSession.GRAPH
    assert box.state()["token_places"] == {"header": 3}
