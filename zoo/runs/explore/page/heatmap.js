// How much of each factor each latent tells: a table whose cells sweep their latent.

import { button, element } from "./dom.js";

export function heatmap({ factors, shares }, latents) {
  const columns = latents.all.filter(
    ({ facts }) => !facts.unused || latents.shown.length === latents.all.length,
  );
  const head = element(
    "tr",
    {},
    element("td"),
    ...columns.map(({ facts }) => element("th", { scope: "col" }, `z${facts.z}`)),
  );
  const rows = factors.map((factor, row) =>
    element(
      "tr",
      {},
      element("th", { scope: "row" }, factor),
      ...columns.map((latent) => {
        const share = shares[row][latents.all.indexOf(latent)];
        const percent = Math.round(100 * share);
        const told = `z${latent.facts.z} tells ${percent} % of ${factor}: click to sweep it`;
        const cell = button(percent ? String(percent) : "", told, () => latent.play.click());
        cell.setAttribute("aria-label", told);
        cell.style.setProperty("--share", `${percent}%`);
        cell.classList.toggle("strong", percent > 77);
        return element("td", {}, cell);
      }),
    ),
  );
  return element(
    "figure",
    { className: "heatmap" },
    element("figcaption", {}, "% of each factor’s entropy that a latent tells"),
    element("div", { className: "scroll" }, element("table", {}, head, ...rows)),
  );
}
