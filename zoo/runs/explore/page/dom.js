// Elements, made without ever reading text as HTML.

/** An element with properties, attributes (names with a dash, or "role") and children: elements or texts. */
export function element(tag, properties = {}, ...children) {
  const made = document.createElement(tag);
  for (const [name, value] of Object.entries(properties)) {
    if (name.includes("-") || name === "role") made.setAttribute(name, value);
    else if (name === "data") Object.assign(made.dataset, value);
    else made[name] = value;
  }
  made.append(...children.filter((child) => child !== null && child !== undefined));
  return made;
}

export function button(text, title, onclick, properties = {}) {
  return element("button", { type: "button", title, onclick, ...properties }, text);
}

/** Shows one line of text at a place, or nothing. */
export function tell(place, text) {
  place.textContent = text ?? "";
  place.hidden = !text;
}

export function faultLine() {
  return element("p", { className: "fault", role: "alert", hidden: true });
}

/** An async function that works on the newest arguments only: those that come while it works replace each other. */
export function latest(work) {
  let next = null;
  let running = null;
  async function run() {
    try {
      while (next) {
        const now = next;
        next = null;
        await work(...now);
      }
    } finally {
      running = null;
    }
  }
  return (...given) => {
    next = given;
    running ??= run();
    return running;
  };
}

/** Marks a place as busy while some work goes on in it. */
export async function busy(place, work) {
  place.dataset.works = Number(place.dataset.works ?? 0) + 1;
  place.ariaBusy = "true";
  try {
    return await work();
  } finally {
    place.dataset.works -= 1;
    place.ariaBusy = String(place.dataset.works !== "0");
  }
}
