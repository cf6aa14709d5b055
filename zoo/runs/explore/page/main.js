// The page: the input on one side, a panel for each model on the other.

import { element, tell } from "./dom.js";
import { InBrowser, Served, loadRuntime } from "./backends.js";
import { Panel } from "./panel.js";
import { fromFile, scaled } from "./pictures.js";
import { Player } from "./player.js";
import { Source } from "./source.js";

const status = document.getElementById("status");
const player = new Player();
let panels = [];
let sharesCode = false;

function normal() {
  // Box and Muller; 1 - random() is never 0.
  return Math.sqrt(-2 * Math.log(1 - Math.random())) * Math.cos(2 * Math.PI * Math.random());
}

/** A code from a model's prior. */
function drawn({ latent_dim, prior, latents }) {
  const code = Float32Array.from({ length: latent_dim }, () =>
    prior === "uniform" ? 2 * Math.random() - 1 : normal(),
  );
  for (const { column, size } of latents.filter((one) => one.size > 1)) {
    code.fill(0, column, column + size);
    code[column + Math.floor(size * Math.random())] = 1;
  }
  for (const { column, values } of latents.filter((one) => one.values)) {
    code[column] = values[Math.floor(values.length * Math.random())];
  }
  return code;
}

function fromPrior() {
  player.stop();
  const codes = new Map(); // models that take the same codes get the same
  for (const panel of panels) {
    if (!codes.has(panel.layout)) codes.set(panel.layout, drawn(panel.facts));
    panel.show(codes.get(panel.layout));
  }
}

function moved(panel, latent) {
  if (!sharesCode) return;
  for (const other of panels) {
    if (other !== panel && other.layout === panel.layout) other.follow(latent);
  }
}

/** Gives an input to every model, scaled to its shape; a file of the user's is read anew for each. */
async function share(image, shape, file) {
  await Promise.all(
    panels.map(async (panel) => {
      const own = panel.facts.image_shape;
      try {
        await panel.takeInput(file ? await fromFile(file, own) : scaled(image, shape, own));
      } catch (error) {
        tell(panel.fault, error.message);
      }
    }),
  );
  if (sharesCode) shareCode();
}

/** Gives the first model's code to all that take such codes. */
function shareCode() {
  const [first, ...others] = panels;
  others.filter(({ layout }) => layout === first.layout).forEach((one) => one.show(first.code));
}

function sharing() {
  const choice = (value, text, title) =>
    element(
      "label",
      { title },
      element("input", {
        type: "radio",
        name: "share",
        value,
        checked: value === "image",
        onchange: () => {
          sharesCode = value === "code";
          if (sharesCode) shareCode();
          else panels.forEach((one) => one.reset());
        },
      }),
      ` ${text}`,
    );
  return element(
    "fieldset",
    { className: "sharing" },
    element("legend", {}, "Together"),
    choice("image", "same image", "Every model encodes the input"),
    choice("code", "same code", "Moving a latent moves it in all models with such latents"),
  );
}

function onkey(event) {
  const { tagName, type } = event.target;
  const isTyping = ["TEXTAREA", "SELECT"].includes(tagName) || (tagName === "INPUT" && type !== "range");
  if (isTyping || event.ctrlKey || event.metaKey || event.altKey) return;
  if (event.key === " " && ["BUTTON", "SUMMARY"].includes(tagName)) return; // it presses these
  const actions = {
    r: () => document.getElementById("random").click(),
    p: () => document.getElementById("prior").click(),
    0: () => panels.forEach((panel) => panel.reset()),
    " ": () => panels[0].playAll.click(),
    Escape: () => player.stop(),
  };
  if (!Object.hasOwn(actions, event.key)) return;
  event.preventDefault();
  actions[event.key]();
}

async function begin() {
  const answer = await fetch("facts.json");
  if (!answer.ok) throw new Error(`facts.json is missing (${answer.status}): write the page anew.`);
  const facts = await answer.json();
  document.title = `${facts.models.map(({ name }) => name).join(", ")} – zoo explore`;
  panels = facts.models.map((one) => new Panel(one, player, moved));
  const models = document.getElementById("models");
  models.classList.toggle("several", panels.length > 1);
  models.append(...panels.map(({ place }) => place));
  const source = new Source(document.getElementById("source"), facts.datasets, {
    player,
    oninput: share,
    onprior: fromPrior,
  });
  if (panels.length > 1) document.getElementById("source").append(sharing());
  document.addEventListener("keydown", onkey);
  const runtime = facts.runtime ? loadRuntime(facts.runtime) : null;
  runtime?.catch(() => {}); // told by each panel
  await Promise.all(panels.map((panel, number) => start(panel, number, runtime)));
  await source.show(facts.models[0].dataset);
  const where = facts.runtime ? "in this browser" : "in Python";
  tell(status, `Models run ${where}. Keys: r random image, p prior, space play, 0 reset.`);
  document.body.dataset.ready = Math.round(performance.now());
}

async function start(panel, number, runtime) {
  try {
    panel.backend = runtime ? await InBrowser.load(number, panel.facts, runtime) : new Served(number);
  } catch (error) {
    tell(panel.fault, error.message);
  }
}

begin().catch((error) => {
  status.className = "fault";
  tell(status, `The page cannot be shown: ${error.message}`);
});
