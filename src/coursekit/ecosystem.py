"""The map of the ecosystem: the tools that a learner meets around this course, as a table to search and filter.

Lesson 00 shows it. The facts and their sources are in data/ecosystem.json; this room reads and draws them. The filter
is inline JavaScript without ids: it works in JupyterLab and in a saved page; without scripts the table stays whole.
"""

from __future__ import annotations

import json
from collections.abc import Iterable
from dataclasses import dataclass, replace
from html import escape

from coursekit.paths import data_dir

FILTER = """
const box = this.closest('.ecosystem'), words = box.querySelector('input').value.toLowerCase().split(/\\s+/);
const [group, state] = [...box.querySelectorAll('select')].map(choice => choice.value);
const fits = row => words.every(word => row.textContent.toLowerCase().includes(word))
  && (!group || row.dataset.group === group) && (!state || row.dataset.state === state);
box.querySelectorAll('tbody tr').forEach(row => row.hidden = !fits(row));
box.querySelector('output').textContent = box.querySelectorAll('tbody tr:not([hidden])').length;
"""

STYLE = """
.ecosystem { font-size: .9rem; line-height: 1.4; }
.ecosystem form { display: flex; flex-wrap: wrap; gap: .4rem .8rem; align-items: center; margin: .5rem 0; }
.ecosystem .rows { max-height: 36rem; overflow: auto; border: 1px solid #8888; }
.ecosystem .rows table { width: 100%; table-layout: fixed; margin: 0; border-collapse: collapse; font-size: inherit; }
.ecosystem .rows th { position: sticky; top: 0; background: var(--jp-layout-color1, #f5f7f9); }
.ecosystem .rows :is(th, td) { padding: .4rem .6rem; border-bottom: 1px solid #8885; text-align: left;
  vertical-align: top; white-space: normal; max-width: none; overflow-wrap: break-word; }
.ecosystem .rows th:first-child { width: 20%; }
.ecosystem .rows td span { border: 1px solid; border-radius: 3px; padding: 0 .3em; font-weight: 600; }
.ecosystem p { margin: .2rem 0; }
@media (max-width: 600px) {
  .ecosystem .rows thead { display: none; }
  .ecosystem .rows :is(tr:not([hidden]), td) { display: block; }
  .ecosystem .rows td:not(:last-child) { border: 0; padding-bottom: 0; }
  .ecosystem .rows td:nth-child(3)::before { content: 'ONNX and TensorRT: '; font-style: italic; }
}
@media print { .ecosystem .rows { max-height: none; } }
"""


@dataclass(frozen=True)
class Tool:
    """One tool. `state` is "active", "quiet" or "retired"; a retired one names its successor or says that none is."""

    name: str
    group: str
    purpose: str
    maker: str
    choose: str  # when you would choose it: this course's advice
    meets: str  # where it meets ONNX and TensorRT
    licence: str
    state: str
    note: str  # the state in words, with what was seen
    sources: list[str]
    successor: str = ""

    def row(self) -> str:
        """Return the tool as an HTML table row, everything in it escaped."""
        e, group, state = escape, escape(self.group), escape(self.state)
        links = " ".join(f'<a href="{e(url)}" rel="noopener">[{i}]</a>' for i, url in enumerate(self.sources, start=1))
        after = f"<p><b>Successor:</b> {e(self.successor)}</p>" if self.successor else ""
        return f"""<tr data-group="{group}" data-state="{state}">
            <td><b>{e(self.name)}</b><p>{group}</p><p><i>{e(self.maker)}</i></p></td>
            <td>{e(self.purpose)}.<p><i>Choose it when:</i> {e(self.choose)}</p></td><td>{e(self.meets)}</td>
            <td><span>{state}</span> {e(self.note)}{after}<p><i>Licence:</i> {e(self.licence)} {links}</p></td></tr>"""


@dataclass(frozen=True)
class Ecosystem:
    """The map: its tools, the day on which they were checked, how, and what the states mean."""

    checked: str
    how: str
    states: dict[str, str]
    tools: tuple[Tool, ...]

    def find(self, words: str = "", *, group: str = "", state: str = "") -> Ecosystem:
        """Return the part of the map whose tools contain all `words`, in `group` and `state` ("" takes any)."""

        def fits(tool: Tool) -> bool:
            text = " ".join(map(str, vars(tool).values())).lower()
            return all(word in text for word in words.lower().split())

        some = (tool for tool in self.tools if group in ("", tool.group) and state in ("", tool.state))
        return replace(self, tools=tuple(filter(fits, some)))

    def __repr__(self) -> str:
        lines = [f"{tool.name} ({tool.group}; {tool.state}): {tool.purpose}." for tool in self.tools]
        after = [f" Successor: {tool.successor}." if tool.successor else "" for tool in self.tools]
        return "\n".join([f"{len(lines)} tools, checked on {self.checked}", *map(str.__add__, lines, after)])

    def _repr_html_(self) -> str:
        act, count = escape(" ".join(FILTER.split())), len(self.tools)
        choices = _choice("group", dict.fromkeys(tool.group for tool in self.tools), act)
        choices += _choice("state", self.states, act)
        meaning = "; ".join(f"<b>{escape(name)}</b>: {escape(what)}" for name, what in self.states.items())
        return f"""<div class="ecosystem"><style>{STYLE}</style><form onsubmit="return false">
            <label>Search <input type="search" placeholder="such as: onnx apple" oninput="{act}"></label>{choices}
            <span><output aria-live="polite">{count}</output> of {count} tools</span></form>
            <div class="rows" tabindex="0" role="region" aria-label="Tools"><table><thead><tr><th>tool</th>
            <th>what for, and when</th><th>ONNX and TensorRT</th><th>today, and licence</th></tr></thead>
            <tbody>{"".join(tool.row() for tool in self.tools)}</tbody></table></div>
            <p>{meaning}. Checked on {escape(self.checked)}. {escape(self.how)}</p></div>"""


def _choice(name: str, values: Iterable[str], act: str) -> str:
    options = "".join(f'<option value="{escape(value)}">{escape(value)}</option>' for value in values)
    return f'<label>{name.title()} <select oninput="{act}"><option value="">all</option>{options}</select></label>'


def load() -> Ecosystem:
    """Return the whole map from data/ecosystem.json."""
    facts = json.loads((data_dir() / "ecosystem.json").read_text(encoding="utf-8"))
    return Ecosystem(**{**facts, "tools": tuple(Tool(**tool) for tool in facts["tools"])})
