// The controls of a code: a slider for each continuous latent, buttons for each categorical or quantized one.

import { button, element } from "./dom.js";

const SLACK = 0.005; // of a range, by which a value may leave it unmarked

export function short(number) {
  return number.toFixed(2).replace("-", "−");
}

/** What a latent is called beside its control: the factor that it knows best, and how much of it. */
function titleOf({ z, told }) {
  const known = told && told[1] >= 0.005 ? `${told[0]} ${Math.round(100 * told[1])} %` : "";
  return element(
    "span",
    { className: "name" },
    element("b", {}, `z${z}`),
    known ? element("span", { className: "told" }, ` ${known}`) : null,
  );
}

function costOf({ kl, variance, low, high, size, values }) {
  const cost = kl === null ? `variance ${short(variance)}` : `${short(kl)} nats`;
  const kinds = values ? `${values.length} values` : `${size} categories`;
  const range = values || size > 1 ? kinds : `${short(low)} … ${short(high)}`;
  const title =
    "KL divergence from the prior (variance, where there is none); 1st to 99th percentile of its codes";
  return element("small", { title }, `${cost} · ${range}`);
}

/** One latent of a code. `onmove(latent, playing)` is told when the user, or a sweep, moves it. */
class Latent {
  constructor(facts, onmove, player) {
    Object.assign(this, { facts, onmove });
    this.play = button("▶", `Sweep z${facts.z}`, () => this.sweep(player));
    this.play.setAttribute("aria-pressed", "false");
    this.row = element(
      "div",
      { className: "latent", data: { z: facts.z } },
      titleOf(facts),
      costOf(facts),
      this.makeControl(),
      this.play,
    );
  }

  sweep(player) {
    player.toggle(this.play, (phase) => {
      const before = this.values.join();
      this.set(phase);
      if (this.values.join() !== before) this.onmove(this, true);
    });
    this.row.scrollIntoView({ block: "nearest" });
  }

  /** Writes its numbers into a code. */
  put(code) {
    code.set(this.values, this.facts.column);
  }
}

class Slider extends Latent {
  makeControl() {
    const { z, low, high } = this.facts;
    this.input = element("input", {
      type: "range",
      min: low,
      max: high,
      step: "any",
      "aria-label": `z${z}`,
      oninput: () => {
        this.values = [Number(this.input.value)];
        this.label();
        this.onmove(this);
      },
    });
    this.value = element("output");
    return element("span", { className: "control" }, this.input, this.value);
  }

  set(phase) {
    const { low, high } = this.facts;
    this.show([low + phase * (high - low)]);
  }

  show(values) {
    this.values = [...values];
    [this.input.value] = values; // a code beyond the percentiles leaves the thumb at the end
    this.label();
  }

  label() {
    const [value] = this.values;
    this.value.textContent = short(value);
    this.input.setAttribute("aria-valuetext", short(value));
    const { low, high } = this.facts;
    const slack = SLACK * (high - low);
    this.value.classList.toggle("beyond", value < low - slack || value > high + slack);
  }
}

/** Buttons, one for each thing that a latent can be. */
class Choice extends Latent {
  makeControl() {
    this.buttons = this.names().map((name, at) =>
      button(String(at), `z${this.facts.z}: ${name}`, () => {
        this.choose(at);
        this.onmove(this);
      }),
    );
    return element("span", { className: "control categories", role: "group" }, ...this.buttons);
  }

  set(phase) {
    this.choose(Math.min(this.buttons.length - 1, Math.floor(phase * this.buttons.length)));
  }

  choose(at) {
    this.show(this.numbers(at));
  }

  show(values) {
    this.values = [...values];
    const chosen = this.chosenIn(this.values);
    this.buttons.forEach((one, at) => one.setAttribute("aria-pressed", String(at === chosen)));
  }
}

class Categories extends Choice {
  names() {
    return Array.from({ length: this.facts.size }, (_, category) => `category ${category}`);
  }

  numbers(category) {
    return this.buttons.map((_, other) => Number(other === category));
  }

  chosenIn(values) {
    return values.indexOf(Math.max(...values));
  }
}

class Values extends Choice {
  names() {
    return this.facts.values.map((value) => `value ${short(value)}`);
  }

  numbers(at) {
    return [this.facts.values[at]];
  }

  chosenIn([value]) {
    const distances = this.facts.values.map((one) => Math.abs(one - value));
    return distances.indexOf(Math.min(...distances));
  }
}

function kindOf({ size, values }) {
  if (values) return Values;
  return size > 1 ? Categories : Slider;
}

/** All latents of a model; those that it does not use are folded away. */
export class Latents {
  constructor(facts, onmove, player) {
    this.all = facts.map((one) => new (kindOf(one))(one, onmove, player));
    const used = this.all.filter(({ facts }) => !facts.unused);
    const idle = used.length ? this.all.filter(({ facts }) => facts.unused) : [];
    this.shown = used.length ? used : this.all;
    this.idle = element(
      "details",
      { className: "idle", hidden: !idle.length },
      element("summary", {}, `Not used: ${idle.map(({ facts }) => `z${facts.z}`).join(", ")}`),
      ...idle.map(({ row }) => row),
    );
    this.place = element("div", { className: "latents" }, ...this.shown.map(({ row }) => row), this.idle);
  }

  show(code) {
    for (const one of this.all) {
      const { column, size } = one.facts;
      one.show(code.subarray(column, column + size));
    }
  }
}
