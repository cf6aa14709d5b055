// One model: its picture, its latents, its heat map, its card.

import { busy, button, element, faultLine, latest, tell } from "./dom.js";
import { draw } from "./pictures.js";
import { Latents } from "./latents.js";
import { heatmap } from "./heatmap.js";
import { card, scores } from "./card.js";

const HEADLINES = ["elbo", "factor_vae_score", "mig", "dci"];

export class Panel {
  /** `onmove(panel, latent)` is told when the user moves a latent. */
  constructor(facts, player, onmove) {
    Object.assign(this, { facts, player });
    this.backend = null;
    this.code = new Float32Array(facts.latent_dim);
    this.inputCode = null;
    this.times = [];
    this.canvas = this.makeCanvas("Decoded");
    this.input = this.makeCanvas("Input");
    this.reconstruction = this.makeCanvas("Reconstruction");
    this.fault = faultLine();
    this.rate = element("small", { className: "rate" });
    this.latents = new Latents(
      facts.latents,
      (latent, playing) => {
        if (!playing) player.stop();
        latent.put(this.code);
        this.refresh();
        onmove(this, latent);
      },
      player,
    );
    this.latents.show(this.code);
    this.refresh = latest(() => this.attempt(() => this.decode()));
    this.takeInput = latest((image) => this.attempt(() => this.encode(image)));
    this.place = element("article", { className: "panel" }, ...this.parts());
  }

  /** Models whose codes can be exchanged have the same. */
  get layout() {
    const sizes = this.facts.latents.map(({ column, size, values }) => `${column}:${size}:${values}`).sort();
    return `${this.facts.prior} ${sizes.join()}`;
  }

  makeCanvas(label) {
    const [height, width] = this.facts.image_shape;
    return element("canvas", { className: "picture", role: "img", "aria-label": label, width, height });
  }

  parts() {
    const { name, kind, image_shape, latents, measured_on } = this.facts;
    const about = `${kind} · ${image_shape.join(" × ")} · ${latents.length} latents`;
    const small = (canvas, label) => element("figure", {}, canvas, element("figcaption", {}, label));
    return [
      element("h2", {}, name),
      element("p", { className: "note" }, about),
      this.fault,
      element(
        "div",
        { className: "stage" },
        element(
          "figure",
          { className: "large" },
          this.canvas,
          element("figcaption", {}, "decoded ", this.rate),
        ),
        element(
          "div",
          { className: "pair" },
          small(this.input, "input"),
          small(this.reconstruction, "reconstruction"),
        ),
        this.buttons(),
      ),
      element(
        "div",
        { className: "codes" },
        this.latents.place,
        element("p", { className: "note" }, `Measured on ${measured_on}.`),
      ),
      ...(this.facts.shares.length ? [heatmap(this.facts, this.latents)] : []),
      this.about(),
    ];
  }

  buttons() {
    this.playAll = button("▶ Play", "Sweep one latent after the other (space)", () => this.sweepAll());
    this.playAll.setAttribute("aria-pressed", "false");
    this.copied = element("span", { className: "copied", role: "status" });
    return element(
      "div",
      { className: "buttons" },
      this.playAll,
      button("Reset", "Back to the input’s code (key 0)", () => this.reset()),
      button("Copy code", "The code as JSON, for Python", () => this.copy()),
      button("Save picture", "The decoded picture as PNG", () => this.save()),
      this.copied,
    );
  }

  about() {
    const { card: text, scores: values } = this.facts;
    const known = HEADLINES.filter((name) => name in values);
    if (!text && !Object.keys(values).length) return element("p", { className: "note" }, "No card.");
    const head = known.map((name) => `${name} ${Number(values[name].toPrecision(3))}`).join(" · ");
    return element(
      "details",
      { className: "card" },
      element(
        "summary",
        {},
        element("b", {}, "Card and scores"),
        head ? element("small", {}, ` ${head}`) : null,
      ),
      scores(values),
      ...card(text),
    );
  }

  async attempt(work) {
    if (!this.backend) return;
    try {
      await busy(this.place, work);
      tell(this.fault, null);
    } catch (error) {
      this.player.stop();
      tell(this.fault, error.message);
    }
  }

  /** Draws the picture of the code as it is now; that of the input's code is its reconstruction. */
  async decode() {
    const code = Float32Array.from(this.code);
    const image = await this.backend.decode(code);
    draw(this.canvas, image, this.facts.image_shape);
    if (code.join() === this.inputCode?.join()) this.reconstruct(image);
    const now = performance.now();
    this.times = [...this.times.filter((time) => now - time < 1000), now];
    this.rate.textContent = this.times.length > 1 ? `${this.times.length} images/s` : "";
    clearTimeout(this.idle);
    this.idle = setTimeout(() => (this.rate.textContent = ""), 1000);
    this.place.dataset.drawn = Number(this.place.dataset.drawn ?? 0) + 1;
  }

  reconstruct(image) {
    draw(this.reconstruction, image, this.facts.image_shape);
    this.isReconstructed = true;
  }

  /** Encodes an image, and shows its code and reconstruction. */
  async encode(image) {
    draw(this.input, image, this.facts.image_shape);
    this.inputCode = Float32Array.from(await this.backend.encode(image));
    this.isReconstructed = false;
    await this.show(this.inputCode);
    // Where a latent was moved meanwhile.
    if (!this.isReconstructed) this.reconstruct(await this.backend.decode(this.inputCode));
  }

  /** Takes over a whole code. */
  async show(code) {
    this.code.set(code);
    this.latents.show(this.code);
    await this.refresh();
  }

  /** Takes over one latent that another model's user moved. */
  follow(latent) {
    latent.put(this.code);
    this.latents.show(this.code);
    this.refresh();
  }

  reset() {
    this.player.stop();
    return this.show(this.inputCode ?? new Float32Array(this.code.length));
  }

  sweepAll() {
    let last = null;
    this.player.toggle(this.playAll, (phase, turn) => {
      const latent = this.latents.shown[turn % this.latents.shown.length];
      if (last && last !== latent && this.inputCode) {
        this.code.set(this.inputCode);
        this.latents.show(this.code);
      }
      last = latent;
      latent.set(phase);
      latent.onmove(latent, true);
    });
  }

  async copy() {
    const latents = [...this.code].map((value) => Number(value.toPrecision(7)));
    const text = JSON.stringify({ model: this.facts.name, latents });
    try {
      await navigator.clipboard.writeText(text);
      this.say("Copied.");
    } catch {
      // Without the right to the clipboard, as over plain HTTP: the user copies it.
      const field = element("textarea", { readOnly: true, value: text, "aria-label": "The code" });
      this.copied.replaceChildren(field);
      field.select();
    }
  }

  save() {
    this.canvas.toBlob((blob) => {
      const href = URL.createObjectURL(blob);
      const name = this.facts.name.replace(/[^\w.-]+/g, "_");
      element("a", { href, download: `${name}.png` }).click();
      setTimeout(() => URL.revokeObjectURL(href), 1000);
    });
  }

  say(text) {
    this.copied.textContent = text;
    setTimeout(() => (this.copied.textContent = ""), 2000);
  }
}
