"""Everything that stands behind one Graph: datasets, pages with their forms and leads, and who may come in."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from stagebridge.sandbox import Kit
from stagebridge_meta.sandbox.counting import BROWSER, Counted, Dataset
from stagebridge_meta.sandbox.door import Door, epoch
from stagebridge_meta.sandbox.errors import GraphError, unknown_object
from stagebridge_meta.sandbox.hooks import Hooks
from stagebridge_meta.sandbox.people import People
from stagebridge_meta.sandbox.rules import DAY


@dataclass(slots=True)
class Page:
    """Also a WhatsApp Business or an Instagram account, which `kind` says: all of them have a dataset of their own."""

    id: str
    name: str
    kind: str = "page"
    subscribed: list[str] = field(default_factory=list)
    dataset: str = ""
    token: str = ""


@dataclass(slots=True)
class Form:
    id: str
    page: str
    name: str
    status: str
    created: float
    more: dict[str, Any] = field(default_factory=dict)


LEAD_MORE = frozenset(
    "ad_name adset_id adset_name campaign_id campaign_name custom_disclaimer_responses is_organic partner_name platform".split()
)
"""What else a lead may say of itself [S]."""


@dataclass(slots=True)
class Lead:
    id: str
    form: str
    created: float
    ad: str
    answers: list[dict[str, Any]]
    more: dict[str, Any] = field(default_factory=dict)

    @property
    def order(self) -> tuple[float, int]:
        """Newest first, from memory."""
        return (-self.created, -int(self.id))


class Account:
    def __init__(self, kit: Kit) -> None:
        self.kit = kit
        self.switches = kit.switches
        self.door = Door(kit)
        self.hooks = Hooks(kit)
        self.people = People()
        self.datasets: dict[str, Dataset] = {}
        self.any_dataset = True
        """Until datasets are seeded, every number is one."""
        self.pages: dict[str, Page] = {}
        self.forms: dict[str, Form] = {}
        self.leads: dict[str, Lead] = {}

    @property
    def now(self) -> float:
        return self.kit.now().timestamp()

    def new_id(self, digits: int = 15) -> str:
        """A number that nothing else has."""
        while True:
            made = str(self.kit.random.randrange(10 ** (digits - 1), 10**digits))
            if not any(made in held for held in (self.datasets, self.pages, self.forms, self.leads)):
                return made

    def family(self, id_: str) -> set[str]:
        """An object's id, and those of what it belongs to."""
        out = {id_}
        if id_ in self.leads:
            out.add(self.leads[id_].form)
        out |= {self.forms[f].page for f in out & self.forms.keys()}
        return out

    # --- datasets ----------------------------------------------------------------------------------------------

    def dataset(self, id_: str, method: str) -> Dataset:
        """The dataset that a request is about. Raises `GraphError`."""
        found = self.datasets.get(id_)
        if found is None:
            if not self.any_dataset or id_ in self.pages or id_ in self.forms or id_ in self.leads:
                raise unknown_object(method, id_)
            found = self.datasets[id_] = Dataset(id_, f"Dataset {id_}", self.now)
        if found.ready_at > self.now:
            raise GraphError(21009)
        return found

    def dataset_of(self, page: Page) -> Dataset:
        """The one dataset of a page, a WhatsApp Business account or an Instagram account; made if there is none."""
        if not page.dataset:
            made = Dataset(self.new_id(), page.name, self.now, self.now + float(self.switches["dataset_ready_after"]))
            if page.kind == "instagram":
                made.accounts = frozenset({page.id})
            self.datasets[made.id] = made
            page.dataset = made.id
        return self.datasets[page.dataset]

    # --- leads -------------------------------------------------------------------------------------------------

    def live_leads(self) -> list[Lead]:
        """Those that can still be retrieved, newest first."""
        oldest = self.now - float(self.switches["lead_days"]) * DAY
        return sorted((lead for lead in self.leads.values() if lead.created > oldest), key=lambda lead: lead.order)

    def leads_of(self, page_id: str) -> int:
        """How many leads a page's limit is made of."""
        return sum(1 for lead in self.leads.values() if self._counts(lead, page_id))

    def _counts(self, lead: Lead, page_id: str) -> bool:
        return self.forms[lead.form].page == page_id and lead.created > self.now - 90 * DAY

    # --- putting things in ---------------------------------------------------------------------------------------

    def add_dataset(self, said: dict[str, Any]) -> str:
        accounts = said.get("instagram_accounts")
        made = Dataset(
            str(said.get("id") or self.new_id()), str(said.get("name", "Dataset")), self.now,
            self.now + float(said.get("ready_after", 0)), None if accounts is None else frozenset(str(a) for a in accounts),
        )  # fmt: skip
        self.datasets[made.id] = made
        self.any_dataset = False
        return made.id

    def add_page(self, said: dict[str, Any], kind: str) -> str:
        made = Page(str(said.get("id") or self.new_id()), str(said.get("name", "Page")), kind)
        made.token = str(said.get("token", ""))
        if said.get("subscribed"):
            made.subscribed = ["leadgen"]
        self.pages[made.id] = made
        return made.id

    def add_form(self, said: dict[str, Any]) -> str:
        page = str(said.get("page_id") or next((p.id for p in self.pages.values() if p.kind == "page"), ""))
        if page not in self.pages:
            raise ValueError("a form needs the page_id of a page that there is")
        more = {k: v for k, v in said.items() if k not in ("id", "page_id", "name", "status")}
        made = Form(
            str(said.get("id") or self.new_id()), page, str(said.get("name", "Form")), str(said.get("status", "ACTIVE")),
            self.now, more,
        )  # fmt: skip
        self.forms[made.id] = made
        return made.id

    def add_lead(self, said: dict[str, Any]) -> str:
        """A person answers a form; whoever is subscribed to the page hears of it."""
        form = self.forms.get(str(said.get("form_id") or next(iter(self.forms), "")))
        if form is None:
            raise ValueError("a lead needs the form_id of a form that there is")
        answers = [
            {"name": name, "values": [str(v) for v in (value if isinstance(value, list) else [value])]}
            for name, value in (said.get("fields") or {}).items()
        ]
        created = epoch(said["created_at"]) if said.get("created_at") is not None else self.now
        own = {"id", "form_id", "ad_id", "fields", "created_at", "hook"}
        if strange := sorted(said.keys() - own - LEAD_MORE):
            raise ValueError(f"a lead has no '{strange[0]}', but {', '.join(sorted(own | LEAD_MORE))}")
        more = {k: v for k, v in said.items() if k in LEAD_MORE}
        made = Lead(
            str(said.get("id") or self.new_id(16)),
            form.id,
            float(int(created)),
            str(said.get("ad_id", "")),
            answers,
            more,
        )
        self.leads[made.id] = made
        page = self.pages[form.page]
        if "leadgen" in page.subscribed:
            self.hooks.record(page.id, {
                "leadgen_id": made.id, "page_id": page.id, "form_id": form.id, "ad_id": made.ad or None,
                "adgroup_id": made.ad or None, "created_time": int(made.created), **(said.get("hook") or {}),
            })  # fmt: skip
        return made.id

    def add_pixel(self, said: dict[str, Any]) -> None:
        """A browser reports an event by itself."""
        said = dict(said)
        dataset = self.dataset(str(said.pop("dataset", "") or next(iter(self.datasets), "")), "post")
        at = epoch(said.pop("at")) if said.get("at") is not None else self.now
        event = {"event_time": int(at), "action_source": "website", **said}
        dataset.take(Counted(event, at, BROWSER, self.people.match(event.get("user_data") or {}, self.leads)))
