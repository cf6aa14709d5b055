// Where input pictures come from: a dataset, by its true factors or by chance, or a file of the user's.

import { busy, button, element, faultLine, latest, tell } from "./dom.js";
import { Sheet, draw, fromFile } from "./pictures.js";

const PLAY = "▶";

/** The images of one dataset: asked of the server, or in a sheet beside the page. */
class Images {
  constructor(number, facts) {
    Object.assign(this, { number, facts });
    this.sheet = facts.sheet
      ? Sheet.load(facts.sheet.file, facts.sheet.integrity, facts.sheet.columns, facts.image_shape)
      : null;
    this.sheet?.catch(() => {}); // told when an image is asked for
    const rows = facts.sheet?.factors ?? [];
    this.places = new Map(rows.map((row, place) => [row.join(), place]).reverse());
  }

  async byFactors(factors) {
    if (!this.sheet) return this.ask(`factors=${factors.join()}`);
    const place = this.places.get(factors.join());
    if (place === undefined) throw new Error("There is no image with these factors here.");
    return this.at(place);
  }

  async random() {
    const count = this.facts.sheet?.images ?? this.facts.images;
    return this.byIndex(Math.floor(Math.random() * count));
  }

  async byIndex(index) {
    return this.sheet ? this.at(index) : this.ask(`index=${index}`);
  }

  async at(place) {
    let sheet;
    try {
      sheet = await this.sheet;
    } catch {
      const { file } = this.facts.sheet;
      throw new Error(`${file} is missing, or not the file that was written: write the page anew.`);
    }
    return { image: sheet.image(place), factors: this.facts.sheet.factors?.[place] ?? [] };
  }

  async ask(query) {
    const answer = await fetch(`image/${this.number}?${query}`).catch(() => null);
    if (!answer) throw new Error("The server does not answer: is `zoo explore` still running?");
    if (!answer.ok) throw new Error((await answer.text()).trim());
    const factors = answer.headers.get("X-Factors");
    return {
      image: new Float32Array(await answer.arrayBuffer()),
      factors: factors ? factors.split(",").map(Number) : [],
    };
  }
}

/** A control for one factor: a slider over its values, or a list where they are words. */
class Factor {
  constructor(facts, onmove, player) {
    this.facts = facts;
    const { name, labels, levels, words } = facts;
    this.value = element("output");
    const shared = { "aria-label": name, oninput: () => onmove(), data: { factor: name } };
    this.control = words
      ? element("select", shared, ...levels.map((level, at) => new Option(labels[level], at)))
      : element("input", { type: "range", min: 0, max: levels.length - 1, step: 1, ...shared });
    this.play = button(PLAY, `Sweep ${name}: which latents answer?`, () =>
      player.toggle(this.play, (phase) => {
        const before = this.control.value;
        this.control.value = Math.round(phase * (levels.length - 1));
        if (this.control.value !== before) onmove(true);
      }),
    );
    this.play.setAttribute("aria-pressed", "false");
    this.row = element(
      "div",
      { className: "factor" },
      element("span", { className: "name" }, name),
      this.control,
      words ? null : this.value,
      this.play,
    );
  }

  get level() {
    return this.facts.levels[Number(this.control.value)];
  }

  set level(level) {
    const at = this.facts.levels.indexOf(level);
    if (at >= 0) this.control.value = at;
    this.show();
  }

  show() {
    this.value.textContent = this.facts.labels[this.level];
  }
}

export class Source {
  /** `oninput(image, shape)` gets each new input; a promise of it that is kept ends the wait for the next. */
  constructor(place, datasets, { player, oninput, onprior }) {
    Object.assign(this, { place, datasets, player, oninput });
    this.images = datasets.map((facts, number) => new Images(number, facts));
    this.canvas = element("canvas", { className: "picture", role: "img", "aria-label": "Input" });
    this.fault = faultLine();
    this.factors = element("div", { className: "factors" });
    this.note = element("p", { className: "note" });
    this.file = element("input", {
      type: "file",
      accept: "image/*",
      hidden: true,
      onchange: () => this.take(this.file.files[0]),
    });
    const choose = datasets.length > 1 ? this.chooser() : null;
    place.append(
      element("h2", {}, "Input"),
      element(
        "div",
        { className: "stage" },
        this.canvas,
        element(
          "div",
          { className: "buttons" },
          button("Random image", "Another image of the dataset (key r)", () => this.random(), {
            id: "random",
          }),
          button("From the prior", "Latents drawn from the prior (key p)", onprior, { id: "prior" }),
          button("Own picture …", "Encode a picture; or drop one anywhere", () => this.file.click(), {
            id: "own",
          }),
          this.file,
        ),
      ),
      this.fault,
      ...(choose ? [choose] : []),
      this.factors,
      this.note,
    );
    this.moved = latest(async (playing) => {
      if (!playing) this.player.stop();
      this.controls.forEach((one) => one.show());
      await this.get(() => this.images[this.number].byFactors(this.controls.map((one) => one.level)));
    });
    this.listenForDrops();
  }

  chooser() {
    const options = this.datasets.map(({ name }, number) => new Option(name, number));
    const select = element("select", { id: "dataset", "aria-label": "Dataset" }, ...options);
    select.onchange = () => this.show(Number(select.value));
    return element(
      "label",
      { className: "factor" },
      element("span", { className: "name" }, "Images of"),
      select,
    );
  }

  /** Shows the first image of a dataset, with the controls of its factors. */
  async show(number) {
    this.player.stop();
    this.number = number;
    const { factors, note, name, start } = this.datasets[number];
    this.controls = factors.map((facts) => new Factor(facts, (playing) => this.moved(playing), this.player));
    this.factors.replaceChildren(...this.controls.map((one) => one.row));
    this.note.textContent = note ?? `Images of ${name}.`;
    await this.get(() => this.images[number].byIndex(start.index));
  }

  random() {
    this.player.stop();
    return this.get(() => this.images[this.number].random());
  }

  get(image) {
    return busy(this.place, () => this.attempt(image));
  }

  async attempt(image) {
    try {
      const found = await image();
      tell(this.fault, null);
      this.controls.forEach((one, at) => (one.level = found.factors[at]));
      this.factors.classList.remove("unknown");
      await this.set(found.image, this.datasets[this.number].image_shape);
    } catch (error) {
      tell(this.fault, error.message);
    }
  }

  /** A picture of the user's, for each of the shapes that models take. */
  async take(file) {
    if (!file) return;
    this.player.stop();
    this.file.value = "";
    await busy(this.place, () => this.attemptFile(file));
  }

  async attemptFile(file) {
    try {
      const shape = this.datasets[this.number].image_shape;
      const image = await fromFile(file, shape);
      tell(this.fault, null);
      this.factors.classList.add("unknown"); // they are those of another image
      await this.set(image, shape, file);
    } catch (error) {
      tell(this.fault, error.message);
    }
  }

  async set(image, shape, file = null) {
    draw(this.canvas, image, shape);
    await this.oninput(image, shape, file);
  }

  listenForDrops() {
    const mark = (on) => document.body.classList.toggle("dropping", on);
    addEventListener("dragover", (event) => {
      event.preventDefault();
      mark(true);
    });
    addEventListener("dragleave", (event) => event.relatedTarget ?? mark(false));
    addEventListener("drop", (event) => {
      event.preventDefault();
      mark(false);
      const [file] = event.dataTransfer.files;
      if (file) this.take(file);
      else tell(this.fault, "That is no picture file: drop one from your disk.");
    });
  }
}
