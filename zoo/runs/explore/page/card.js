// The model's card: the Markdown that cards use, made into elements. Nothing in it is read as HTML.

import { element } from "./dom.js";

/** Text with `code`, **bold**, *emphasis* and [links](address). */
function inline(text) {
  const parts = text.split(/(`[^`]+`|\*\*[^*]+\*\*|\*[^*\s][^*]*\*|!?\[[^\]]*\]\([^)\s]+\))/);
  return parts.map((part) => {
    const link = /^(!?)\[([^\]]*)\]\(([^)\s]+)\)$/.exec(part);
    if (link) {
      const [, isPicture, label, target] = link;
      if (isPicture || !/^https?:\/\//.test(target)) return isPicture ? "" : label;
      return element("a", { href: target, rel: "noopener noreferrer", target: "_blank" }, label);
    }
    if (/^`.+`$/.test(part)) return element("code", {}, part.slice(1, -1));
    if (/^\*\*.+\*\*$/.test(part)) return element("b", {}, part.slice(2, -2));
    if (/^\*.+\*$/.test(part)) return element("em", {}, part.slice(1, -1));
    return part;
  });
}

function cellsOf(line) {
  return line
    .trim()
    .replace(/^\||\|$/g, "")
    .split("|")
    .map((cell) => cell.trim());
}

function table(lines) {
  const rows = lines.filter((line) => !/^[|\s:-]+$/.test(line)).map(cellsOf);
  return element(
    "div",
    { className: "scroll" },
    element(
      "table",
      {},
      ...rows.map((row) => element("tr", {}, ...row.map((cell) => element("td", {}, ...inline(cell))))),
    ),
  );
}

/** Lines that begin with a dash, and those that go on with them. */
function list(lines) {
  const items = lines.join("\n").split(/^- /m).slice(1);
  return element("ul", {}, ...items.map((item) => element("li", {}, ...inline(item.replace(/\s+/g, " ")))));
}

function block(lines) {
  if (lines.every((line) => line.trim().startsWith("|"))) return table(lines);
  return lines[0].startsWith("- ") ? list(lines) : element("p", {}, ...inline(lines.join(" ")));
}

export function card(markdown) {
  const made = [];
  const parts = markdown.split(/(^```[^]*?^```$)/m);
  for (const part of parts) {
    if (part.startsWith("```")) {
      made.push(element("pre", {}, part.split("\n").slice(1, -1).join("\n")));
      continue;
    }
    for (const paragraph of part.split(/\n\s*\n/)) {
      const lines = paragraph.split("\n").filter((line) => line.trim());
      if (!lines.length) continue;
      const heading = /^(#{1,6})\s+(.*)$/.exec(lines[0]);
      if (heading) made.push(element("h4", {}, ...inline(heading[2])));
      const rest = heading ? lines.slice(1) : lines;
      if (rest.length) made.push(block(rest));
    }
  }
  return made;
}

/** All scores as a table of two columns. */
export function scores(values) {
  const rows = Object.entries(values).map(([name, value]) =>
    element("tr", {}, element("td", {}, name), element("td", {}, Number(value.toPrecision(4)).toString())),
  );
  return element("div", { className: "scroll scores" }, element("table", {}, ...rows));
}
