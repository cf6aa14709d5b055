// The model's card: the Markdown that cards use, made into elements. Nothing in it is read as HTML.

import { element } from "./dom.js";

/** Text with `code`, **bold** and [links](address). */
function inline(text) {
  const parts = text.split(/(`[^`]+`|\*\*[^*]+\*\*|!?\[[^\]]*\]\([^)\s]+\))/);
  return parts.map((part) => {
    const link = /^(!?)\[([^\]]*)\]\(([^)\s]+)\)$/.exec(part);
    if (link) {
      const [, isPicture, label, target] = link;
      if (isPicture || !/^https?:\/\//.test(target)) return isPicture ? "" : label;
      return element("a", { href: target, rel: "noopener noreferrer", target: "_blank" }, label);
    }
    if (/^`.+`$/.test(part)) return element("code", {}, part.slice(1, -1));
    if (/^\*\*.+\*\*$/.test(part)) return element("b", {}, part.slice(2, -2));
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

export function card(markdown) {
  const made = [];
  const blocks = markdown.split(/(^```[^]*?^```$)/m);
  for (const block of blocks) {
    if (block.startsWith("```")) {
      made.push(element("pre", {}, block.split("\n").slice(1, -1).join("\n")));
      continue;
    }
    for (const paragraph of block.split(/\n\s*\n/)) {
      const lines = paragraph.split("\n").filter((line) => line.trim());
      if (!lines.length) continue;
      const heading = /^(#{1,6})\s+(.*)$/.exec(lines[0]);
      if (heading) made.push(element("h4", {}, ...inline(heading[2])));
      const rest = heading ? lines.slice(1) : lines;
      if (rest.length && rest.every((line) => line.trim().startsWith("|"))) made.push(table(rest));
      else if (rest.length) made.push(element("p", {}, ...inline(rest.join(" "))));
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
